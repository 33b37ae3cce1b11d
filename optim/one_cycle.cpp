// One cycle: up to the largest rate and down again, and the momentum the other way.
#include <embergrad/optim/one_cycle.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr double kMostSteps = 9007199254740992;  // 2^53: every one is a double

/// What a cycle goes between.
struct Levels {
    double start, peak, end;
};

std::int64_t steps_of(const OneCycleLR& cycle) {
    return cycle.total_steps != 0 ? cycle.total_steps : cycle.epochs * cycle.steps_per_epoch;
}

/// How much of a phase is over: 1 for one of no length.
double part(double step, double from, double to) { return to > from ? (step - from) / (to - from) : 1; }

/// Beyond the end, where PyTorch goes on below 0, a line stays.
double anneal(AnnealStrategy strategy, double from, double to, double part) {
    if (strategy == AnnealStrategy::linear) return (to - from) * std::min(part, 1.0) + from;
    return to + (from - to) / 2 * (std::cos(std::numbers::pi * part) + 1);
}

/// PyTorch's phases, which end at fractions of a step.
double level(const OneCycleLR& cycle, std::int64_t step, const Levels& levels) {
    const double t = real(step), last = real(steps_of(cycle)) - 1;
    const double top = cycle.pct_start * real(steps_of(cycle)) - 1;
    const auto between = [&](double from, double to, double begin, double end) {
        return anneal(cycle.anneal_strategy, from, to, part(t, begin, end));
    };
    if (t <= top) return between(levels.start, levels.peak, 0, top);
    if (!cycle.three_phase) return between(levels.peak, levels.end, top, last);
    if (t <= 2 * top) return between(levels.peak, levels.start, top, 2 * top);
    return between(levels.start, levels.end, 2 * top, last);
}

Problem below_1_problem(const std::string& name, double value) {
    const bool ok = value >= 0 && value < 1;
    return ok ? Problem() : name + " must be in [0, 1) for betas, got " + text_of(value);
}

Problem steps_problem(const OneCycleLR& cycle) {
    if (cycle.total_steps < 0) return "total_steps must be at least 1, got " + text_of(cycle.total_steps);
    if (cycle.total_steps == 0 && (cycle.epochs < 1 || cycle.steps_per_epoch < 1)) {
        return "give total_steps, or epochs and steps_per_epoch, which must be at least 1, got " +
               text_of(cycle.epochs) + " and " + text_of(cycle.steps_per_epoch);
    }
    const double steps = real(cycle.epochs) * real(cycle.steps_per_epoch);
    return cycle.total_steps != 0 || steps < kMostSteps
               ? Problem()
               : "epochs times steps_per_epoch must be below 2^53, got " + text_of(steps);
}

}  // namespace

double initial_rate(const OneCycleLR& cycle, std::size_t group) { return cycle.max_lr.of(group) / cycle.div_factor; }

double cycle_rate(const OneCycleLR& cycle, std::size_t group, std::int64_t step) {
    require(step <= steps_of(cycle), "OneCycleLR: tried to step ", step, " times, more than the ", steps_of(cycle),
            " of total_steps");
    const double initial = initial_rate(cycle, group);
    return level(cycle, step,
                 {.start = initial, .peak = cycle.max_lr.of(group), .end = initial / cycle.final_div_factor});
}

double cycle_momentum(const OneCycleLR& cycle, std::size_t group, std::int64_t step) {
    const double most = cycle.max_momentum.of(group);
    return level(cycle, step, {.start = most, .peak = cycle.base_momentum.of(group), .end = most});
}

Fields cycle_fields(OneCycleLR& cycle, std::size_t groups, Cycled cycled) {
    Problem no_momentum;
    const auto momentum_problem = cycled == Cycled::betas ? below_1_problem : negative_problem;
    if (cycle.cycle_momentum && cycled == Cycled::nothing)
        no_momentum = "the optimizer has no momentum and no betas to cycle; set cycle_momentum = false";
    return of("OneCycleLR", {for_each_group("max_lr", cycle.max_lr, groups),
                             {"total_steps", &cycle.total_steps, steps_problem(cycle)},
                             {"epochs", &cycle.epochs, {}},
                             {"steps_per_epoch", &cycle.steps_per_epoch, {}},
                             fraction("pct_start", cycle.pct_start),
                             {"anneal_strategy", &cycle.anneal_strategy, {}},
                             {"cycle_momentum", &cycle.cycle_momentum, no_momentum},
                             for_each_group("base_momentum", cycle.base_momentum, groups, momentum_problem),
                             for_each_group("max_momentum", cycle.max_momentum, groups, momentum_problem),
                             positive("div_factor", cycle.div_factor),
                             positive("final_div_factor", cycle.final_div_factor),
                             {"three_phase", &cycle.three_phase, {}}});
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
