// Gradient runs: the trainable values of a parameter in pieces that threads share, cut where the dense gradient is
// known to be zero. For optimizers. Internal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <embergrad/engine/gradient/gradient.hpp>
#include <embergrad/engine/gradient/row_sums.hpp>
#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Of a piece's gradient; 0 for each entry of one that is zero all along.
[[gnu::always_inline]] inline Real entry(const Real* g, std::size_t i) { return g == nullptr ? Real{0} : g[i]; }

constexpr std::size_t kRunTile = std::size_t{1} << 16;  // values

/// Calls visit(first, last) for what of the runs lies in begin .. end - 1.
template <class Visit>
void for_each_part(std::span<const FlatRange> runs, std::size_t begin, std::size_t end, Visit visit) {
    auto run = std::partition_point(runs.begin(), runs.end(), [=](FlatRange r) { return r.end <= begin; });
    for (; run != runs.end() && run->begin < end; ++run) visit(std::max(begin, run->begin), std::min(end, run->end));
}

/// for_each_run for a gradient that is held as an array.
template <class Update>
void for_each_array_run(const Array& gradient, std::span<const FlatRange> trainable, Update update) {
    const auto update_tile = [&](std::size_t begin, std::size_t end) {
        for_each_part(trainable, begin, end,
                      [&](std::size_t first, std::size_t last) { update(first, last, gradient.data() + first); });
    };
    parallel_for(gradient.size(), kRunTile, update_tile, gradient.size() >= 8 * kRunTile);
}

/// for_each_run for a gradient of shape (v, d) that is held by rows: between them it is zero.
template <class Update>
void for_each_row_run(const RowGradient& gradient, std::size_t v, std::size_t d, std::span<const FlatRange> trainable,
                      Update update) {
    const RowSums sums(gradient);
    const auto update_rows = [&](std::size_t first_row, std::size_t last_row) {
        std::vector<Real, Allocator<Real>> room(d);
        std::size_t next = sums.first_from(static_cast<std::int64_t>(first_row));
        for_each_part(trainable, first_row * d, last_row * d, [&](std::size_t at, std::size_t end) {
            while (at < end) {
                const std::size_t row = next < sums.size() ? static_cast<std::size_t>(sums.row(next)) * d : end;
                if (at < row) update(at, std::min(row, end), nullptr);
                if (row >= end) return;
                update(row, row + d, sums.sum(next++, room.data()));
                at = row + d;
            }
        });
    };
    parallel_for(v, std::max<std::size_t>(1, kRunTile / std::max<std::size_t>(1, d)), update_rows,
                 v * d >= 8 * kRunTile);
}

/// Calls update(begin, end, g) for pieces of the trainable values, on all threads where there are many: g points to the
/// gradient of the values begin .. end - 1, flattened, and is nullptr where it is zero all along. No row of the
/// gradient is frozen.
template <class Update>
void for_each_run(const Gradient& gradient, std::span<const FlatRange> trainable, Update update) {
    if (gradient.has_rows())
        for_each_row_run(gradient.rows(), gradient.shape()[0], gradient.shape()[1], trainable, update);
    else
        for_each_array_run(gradient.held_array(), trainable, update);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
