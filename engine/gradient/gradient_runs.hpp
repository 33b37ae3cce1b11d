// The trainable values of a parameter with a dense gradient, for optimizers: in pieces that threads share, cut where
// the gradient is known to be zero.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

struct GradientRun {
    std::size_t begin = 0, end = 0;  // of the flattened values
    bool zero = false;               // the gradient is, all along
};

using GradientRuns = std::vector<GradientRun, Allocator<GradientRun>>;

/// Ascending, neighbours of one kind joined. Where rows are frozen, nothing is known to be zero.
GradientRuns gradient_runs(const Parameter& parameter);

/// Calls update(begin, end, zero) for pieces of the runs, on all threads where there are many values.
template <class Update>
void for_each_run(const Parameter& parameter, Update update) {
    constexpr std::size_t kTileValues = std::size_t{1} << 16, kWakeFor = 8 * kTileValues;
    const GradientRuns runs = gradient_runs(parameter);
    const auto update_values = [&](std::size_t begin, std::size_t end) {
        auto run = std::partition_point(runs.begin(), runs.end(), [=](const auto& r) { return r.end <= begin; });
        for (; run != runs.end() && run->begin < end; ++run)
            update(std::max(begin, run->begin), std::min(end, run->end), run->zero);
    };
    parallel_for(parameter.size(), kTileValues, update_values, parameter.size() >= kWakeFor);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
