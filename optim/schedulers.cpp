// The closed forms, their checks, and what is saved of them: one overload for each schedule.
#include <embergrad/optim/schedulers.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/optim/saved_values.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

constexpr std::string_view kPrefix = "scheduler.";
constexpr std::int64_t kMostEpochs = std::int64_t{1} << 53;

/// Whom a rate is for, and when.
struct Moment {
    double base;
    std::int64_t epoch;
    std::size_t group;
};

double real(std::int64_t value) { return static_cast<double>(value); }

// ---- formulas ------------------------------------------------------------------------------------------------------

double rate(const Schedule& schedule, const Moment& at);

double rate(const StepLR& s, const Moment& at) { return at.base * std::pow(s.gamma, real(at.epoch / s.step_size)); }

double rate(const MultiStepLR& s, const Moment& at) {
    const auto passed = std::count_if(s.milestones.begin(), s.milestones.end(), [&](auto m) { return m <= at.epoch; });
    return at.base * std::pow(s.gamma, real(passed));
}

double rate(const ExponentialLR& s, const Moment& at) { return at.base * std::pow(s.gamma, real(at.epoch)); }

double rate(const CosineAnnealingLR& s, const Moment& at) {
    const double wave = 1 + std::cos(std::numbers::pi * real(at.epoch) / real(s.T_max));
    return s.eta_min + (at.base - s.eta_min) * wave / 2;
}

double rate(const LambdaLR& s, const Moment& at) {
    return at.base * s.lr_lambda[s.lr_lambda.size() == 1 ? 0 : at.group](at.epoch);
}

double rate(const LinearLR& s, const Moment& at) {
    const double part = real(std::min(at.epoch, s.total_iters)) / real(s.total_iters);
    return at.base * (s.start_factor + (s.end_factor - s.start_factor) * part);
}

double rate(const ConstantLR& s, const Moment& at) { return at.epoch < s.total_iters ? at.base * s.factor : at.base; }

double rate(const SequentialLR& s, const Moment& at) {
    const auto next = std::upper_bound(s.milestones.begin(), s.milestones.end(), at.epoch);
    const std::int64_t start = next == s.milestones.begin() ? 0 : *std::prev(next);
    const auto& part = s.schedules[static_cast<std::size_t>(next - s.milestones.begin())];
    return rate(part, {.base = at.base, .epoch = at.epoch - start, .group = at.group});
}

double rate(const Schedule& schedule, const Moment& at) {
    return std::visit([&](const auto& kind) { return rate(kind, at); }, schedule.kind);
}

// ---- checks: what is wrong with options; empty if nothing is -------------------------------------------------------

using Problem = std::string;

Problem first_of(std::initializer_list<Problem> problems) {
    for (const Problem& problem : problems) {
        if (!problem.empty()) return problem;
    }
    return {};
}

Problem positive(const char* name, std::int64_t value) {
    return value >= 1 ? Problem() : std::string(name) + " must be at least 1, got " + std::to_string(value);
}

Problem not_negative(const char* name, double value) {
    const bool ok = std::isfinite(value) && value >= 0;
    return ok ? Problem() : std::string(name) + " must not be negative, got " + number_text(value);
}

Problem fraction(const char* name, double value) {
    const bool ok = value >= 0 && value <= 1;
    return ok ? Problem() : std::string(name) + " must be between 0 and 1, got " + number_text(value);
}

Problem problem(const Schedule& schedule, std::size_t groups);

Problem problem(const StepLR& s, std::size_t) {
    return first_of({positive("StepLR: step_size", s.step_size), not_negative("StepLR: gamma", s.gamma)});
}

Problem problem(const MultiStepLR& s, std::size_t) {
    for (std::int64_t milestone : s.milestones) {
        if (milestone < 0) return "MultiStepLR: a milestone must not be negative, got " + std::to_string(milestone);
    }
    return not_negative("MultiStepLR: gamma", s.gamma);
}

Problem problem(const ExponentialLR& s, std::size_t) { return not_negative("ExponentialLR: gamma", s.gamma); }

Problem problem(const CosineAnnealingLR& s, std::size_t) {
    return first_of(
        {positive("CosineAnnealingLR: T_max", s.T_max), not_negative("CosineAnnealingLR: eta_min", s.eta_min)});
}

Problem problem(const LambdaLR& s, std::size_t groups) {
    const std::size_t n = s.lr_lambda.size();
    if (n != 1 && n != groups) {
        return "LambdaLR: " + std::to_string(n) + " functions for " + std::to_string(groups) +
               " groups; give one for all, or one for each";
    }
    const bool all_callable = std::all_of(s.lr_lambda.begin(), s.lr_lambda.end(), [](const auto& f) { return !!f; });
    return all_callable ? Problem() : "LambdaLR: a function is empty";
}

Problem problem(const LinearLR& s, std::size_t) {
    return first_of({fraction("LinearLR: start_factor", s.start_factor), fraction("LinearLR: end_factor", s.end_factor),
                     positive("LinearLR: total_iters", s.total_iters)});
}

Problem problem(const ConstantLR& s, std::size_t) {
    return first_of({fraction("ConstantLR: factor", s.factor), positive("ConstantLR: total_iters", s.total_iters)});
}

Problem problem(const SequentialLR& s, std::size_t groups) {
    if (s.schedules.size() != s.milestones.size() + 1) {
        return "SequentialLR: " + std::to_string(s.schedules.size()) + " schedules need one milestone fewer, not " +
               std::to_string(s.milestones.size());
    }
    std::int64_t before = 0;
    for (std::int64_t milestone : s.milestones) {
        if (milestone <= before) {
            return "SequentialLR: milestones must ascend from 1 on, got " + std::to_string(milestone) + " after " +
                   std::to_string(before);
        }
        before = milestone;
    }
    for (const Schedule& part : s.schedules) {
        if (Problem found = problem(part, groups); !found.empty()) return found;
    }
    return {};
}

Problem problem(const Schedule& schedule, std::size_t groups) {
    return std::visit([&](const auto& kind) { return problem(kind, groups); }, schedule.kind);
}

// ---- what is saved: f(name, field) for each field; a const schedule hands out const fields -------------------------

template <class Saved, class F>
void for_each_field(Saved& schedule, const std::string& prefix, F f) {
    using Kind = std::remove_const_t<Saved>;
    if constexpr (std::is_same_v<Kind, Schedule>) {
        std::visit([&](auto& kind) { for_each_field(kind, prefix, f); }, schedule.kind);
    } else if constexpr (std::is_same_v<Kind, SequentialLR>) {
        f(prefix + "milestones", schedule.milestones);
        for (std::size_t i = 0; i < schedule.schedules.size(); ++i)
            for_each_field(schedule.schedules[i], prefix + "schedules." + std::to_string(i) + ".", f);
    } else if constexpr (std::is_same_v<Kind, StepLR>) {
        f(prefix + "step_size", schedule.step_size), f(prefix + "gamma", schedule.gamma);
    } else if constexpr (std::is_same_v<Kind, MultiStepLR>) {
        f(prefix + "milestones", schedule.milestones), f(prefix + "gamma", schedule.gamma);
    } else if constexpr (std::is_same_v<Kind, ExponentialLR>) {
        f(prefix + "gamma", schedule.gamma);
    } else if constexpr (std::is_same_v<Kind, CosineAnnealingLR>) {
        f(prefix + "T_max", schedule.T_max), f(prefix + "eta_min", schedule.eta_min);
    } else if constexpr (std::is_same_v<Kind, LinearLR>) {
        f(prefix + "start_factor", schedule.start_factor), f(prefix + "end_factor", schedule.end_factor);
        f(prefix + "total_iters", schedule.total_iters);
    } else if constexpr (std::is_same_v<Kind, ConstantLR>) {
        f(prefix + "factor", schedule.factor), f(prefix + "total_iters", schedule.total_iters);
    }
}

std::string name_of(std::string_view field) { return std::string(kPrefix) + std::string(field); }

Problem rates_problem(const std::string& name, const std::vector<double>& rates, std::size_t here) {
    if (rates.size() != here) {
        return name + " are " + std::to_string(rates.size()) + ", for " + std::to_string(here) + " groups here";
    }
    for (double rate : rates) {
        if (Problem found = not_negative(("one of the " + name).c_str(), rate); !found.empty()) return found;
    }
    return {};
}

}  // namespace

Schedule::Schedule(StepLR schedule) : kind(schedule) {}
Schedule::Schedule(MultiStepLR schedule) : kind(std::move(schedule)) {}
Schedule::Schedule(ExponentialLR schedule) : kind(schedule) {}
Schedule::Schedule(CosineAnnealingLR schedule) : kind(schedule) {}
Schedule::Schedule(LambdaLR schedule) : kind(std::move(schedule)) {}
Schedule::Schedule(LinearLR schedule) : kind(schedule) {}
Schedule::Schedule(ConstantLR schedule) : kind(schedule) {}
Schedule::Schedule(SequentialLR schedule) : kind(std::move(schedule)) {}

LambdaLR warm_up(std::int64_t epochs) {
    require(epochs >= 1, "warm_up: it must last at least 1 epoch, not ", epochs);
    return {{[=](std::int64_t epoch) { return epoch >= epochs ? 1 : real(epoch + 1) / real(epochs); }}};
}

LRScheduler::LRScheduler(Optimizer& optimizer, Schedule schedule)
    : optimizer_(&optimizer), schedule_(std::move(schedule)) {
    const std::string found = problem(schedule_, optimizer.param_groups().size());
    require(found.empty(), found);
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();  // somebody took it away: refused below
    for (const HeldGroup& group : optimizer.param_groups()) bases_.push_back(group.lr.value_or(kNone));
    set(0, rates(schedule_, bases_, 0));
}

void LRScheduler::step() { set(epoch_ + 1, rates(schedule_, bases_, epoch_ + 1)); }

std::vector<double> LRScheduler::rates(const Schedule& schedule, const std::vector<double>& bases,
                                       std::int64_t epoch) const {
    std::vector<double> result(bases.size());
    for (std::size_t g = 0; g < bases.size(); ++g) {
        result[g] = rate(schedule, {.base = bases[g], .epoch = epoch, .group = g});
        require(std::isfinite(result[g]) && result[g] >= 0, "LRScheduler: the learning rate of group ", g, " at epoch ",
                epoch, " would be ", result[g]);
    }
    return result;
}

void LRScheduler::set(std::int64_t epoch, std::vector<double> rates) {
    const std::span<HeldGroup> groups = optimizer_->param_groups();
    for (std::size_t g = 0; g < rates.size(); ++g) groups[g].lr = rates[g];
    epoch_ = epoch;
    last_lr_ = std::move(rates);
}

/// Those of the groups, whoever set them.
std::vector<double> LRScheduler::current_rates() const {
    std::vector<double> current;
    for (const HeldGroup& group : optimizer_->param_groups().first(bases_.size()))
        current.push_back(group.lr.value_or(0));
    return current;
}

std::map<std::string, std::string> LRScheduler::state_dict() const {
    std::map<std::string, std::string> state;
    state[name_of("last_epoch")] = detail::text_of(epoch_);
    state[name_of("base_lrs")] = detail::text_of(bases_);
    state[name_of("lrs")] = detail::text_of(current_rates());
    for_each_field(schedule_, std::string(kPrefix),
                   [&](const std::string& name, const auto& field) { state[name] = detail::text_of(field); });
    return state;
}

void LRScheduler::load_state_dict(const std::map<std::string, std::string>& state) {
    detail::SavedValues saved(state, kPrefix);
    Schedule schedule = schedule_;
    std::vector<double> bases, current;
    std::int64_t epoch = 0;
    const auto check = [&](const Problem& found) {
        if (!found.empty()) saved.add_problem("out of range: " + found);
    };
    if (saved.take(name_of("last_epoch"), epoch) && (epoch < 0 || epoch > kMostEpochs))
        check("last_epoch is " + std::to_string(epoch));
    if (saved.take(name_of("base_lrs"), bases)) check(rates_problem("base_lrs", bases, bases_.size()));
    if (saved.take(name_of("lrs"), current)) check(rates_problem("lrs", current, bases_.size()));
    bool complete = true;
    for_each_field(schedule, std::string(kPrefix),
                   [&](const std::string& name, auto& field) { complete &= saved.take(name, field); });
    if (complete) check(problem(schedule, bases_.size()));
    saved.refuse_the_rest();
    require(saved.problems().empty(), "LRScheduler: the state does not fit; nothing was loaded:", saved.problems());

    std::vector<double> loaded = rates(schedule, bases, epoch);
    std::swap(schedule_, schedule);
    std::swap(bases_, bases);
    set(epoch, std::move(loaded));
    for (std::size_t g = 0; g < current.size(); ++g) optimizer_->param_groups()[g].lr = current[g];
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
