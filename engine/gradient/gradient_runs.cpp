// Rows that were touched, and what lies between them.
#include <embergrad/engine/gradient/gradient_runs.hpp>

#include <embergrad/engine/kernels/row_order.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

void add_run(GradientRuns& runs, const GradientRun& run) {
    if (run.begin == run.end) return;
    if (!runs.empty() && runs.back().end == run.begin && runs.back().zero == run.zero)
        runs.back().end = run.end;
    else
        runs.push_back(run);
}

}  // namespace

GradientRuns gradient_runs(const Parameter& parameter) {
    GradientRuns runs;
    if (parameter.size() == 0) return runs;
    const TouchedRows& touched = parameter.touched_rows();
    if (touched.all() || parameter.has_frozen_rows()) {
        for (const auto& [begin, end] : parameter.trainable_runs()) runs.push_back({begin, end, false});
        return runs;
    }
    const std::size_t width = parameter.shape().empty() ? 1 : parameter.size() / parameter.shape()[0];
    runs.reserve(2 * touched.rows().size() + 1);
    std::size_t end = 0;
    for (std::size_t position : ascending_order(touched.rows())) {
        const std::size_t begin = static_cast<std::size_t>(touched.rows()[position]) * width;
        if (begin < end) continue;  // the row before, once more
        add_run(runs, {end, begin, true});
        end = begin + width;
        add_run(runs, {begin, end, false});
    }
    add_run(runs, {end, parameter.size(), true});
    return runs;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
