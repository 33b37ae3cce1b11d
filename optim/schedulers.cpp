// Schedules of the learning rate, each in one place with its formula, checks and saved options; then the scheduler.
#include <embergrad/optim/schedulers.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>
#include <variant>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/optim/saved_values.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct Schedule::Kind {
    std::variant<StepLR, MultiStepLR, ExponentialLR, CosineAnnealingLR, LambdaLR, LinearLR, ConstantLR, SequentialLR>
        one;
};

Schedule::Schedule(StepLR one) : kind_(new Kind{one}) {}
Schedule::Schedule(MultiStepLR one) : kind_(new Kind{std::move(one)}) {}
Schedule::Schedule(ExponentialLR one) : kind_(new Kind{one}) {}
Schedule::Schedule(CosineAnnealingLR one) : kind_(new Kind{one}) {}
Schedule::Schedule(LambdaLR one) : kind_(new Kind{std::move(one)}) {}
Schedule::Schedule(LinearLR one) : kind_(new Kind{one}) {}
Schedule::Schedule(ConstantLR one) : kind_(new Kind{one}) {}
Schedule::Schedule(SequentialLR one) : kind_(new Kind{std::move(one)}) {}
Schedule::Schedule(const Schedule& other) : kind_(new Kind(other.kind())) {}
Schedule& Schedule::operator=(const Schedule& other) {
    if (this != &other) *kind_ = Kind(other.kind());  // a copy first: other may be a part of this
    return *this;
}
Schedule::~Schedule() = default;

namespace {

/// Whom a rate is for, and when.
struct Moment {
    double base;
    std::int64_t epoch;
    std::size_t group;
};

using Problem = std::string;  // empty: there is none

/// An option of a schedule: where its value is (nowhere if it is not saved), and what is wrong with it.
struct Field {
    std::string name;
    std::optional<std::variant<std::int64_t*, double*, std::vector<std::int64_t>*>> value;
    Problem problem;
};
using Fields = std::vector<Field>;

double real(std::int64_t value) { return static_cast<double>(value); }

Field at_least_1(const std::string& name, std::int64_t& value) {
    return {name, &value, value >= 1 ? Problem() : name + " must be at least 1, got " + detail::text_of(value)};
}

Problem negative_problem(const std::string& name, double value) {
    const bool ok = std::isfinite(value) && value >= 0;
    return ok ? Problem() : name + " must not be negative, got " + detail::text_of(value);
}

Field not_negative(const std::string& name, double& value) { return {name, &value, negative_problem(name, value)}; }

Field fraction(const std::string& name, double& value) {
    const bool ok = value >= 0 && value <= 1;
    return {name, &value, ok ? Problem() : name + " must be between 0 and 1, got " + detail::text_of(value)};
}

/// Says whose the problems are.
Fields of(const std::string& schedule, Fields fields) {
    for (Field& field : fields) {
        if (!field.problem.empty()) field.problem = schedule + ": " + field.problem;
    }
    return fields;
}

// ---- each schedule: rate() is its formula, fields() are its options, for an optimizer of so many groups -------------

double rate(const Schedule& schedule, const Moment& at);
Fields fields(Schedule& schedule, std::size_t groups);

double rate(const StepLR& s, const Moment& at) { return at.base * std::pow(s.gamma, real(at.epoch / s.step_size)); }
Fields fields(StepLR& s, std::size_t) {
    return of("StepLR", {at_least_1("step_size", s.step_size), not_negative("gamma", s.gamma)});
}

double rate(const MultiStepLR& s, const Moment& at) {
    const auto passed = std::count_if(s.milestones.begin(), s.milestones.end(), [&](auto m) { return m <= at.epoch; });
    return at.base * std::pow(s.gamma, real(passed));
}
Fields fields(MultiStepLR& s, std::size_t) {
    const auto wrong = std::find_if(s.milestones.begin(), s.milestones.end(), [](auto m) { return m < 0; });
    Problem problem;
    if (wrong != s.milestones.end()) problem = "a milestone must not be negative, got " + detail::text_of(*wrong);
    return of("MultiStepLR", {{"milestones", &s.milestones, problem}, not_negative("gamma", s.gamma)});
}

double rate(const ExponentialLR& s, const Moment& at) { return at.base * std::pow(s.gamma, real(at.epoch)); }
Fields fields(ExponentialLR& s, std::size_t) { return of("ExponentialLR", {not_negative("gamma", s.gamma)}); }

double rate(const CosineAnnealingLR& s, const Moment& at) {
    const double wave = 1 + std::cos(std::numbers::pi * real(at.epoch) / real(s.T_max));
    return s.eta_min + (at.base - s.eta_min) * wave / 2;
}
Fields fields(CosineAnnealingLR& s, std::size_t) {
    return of("CosineAnnealingLR", {at_least_1("T_max", s.T_max), not_negative("eta_min", s.eta_min)});
}

double rate(const LambdaLR& s, const Moment& at) {
    return at.base * s.lr_lambda[s.lr_lambda.size() == 1 ? 0 : at.group](at.epoch);
}
Fields fields(LambdaLR& s, std::size_t groups) {
    const std::size_t n = s.lr_lambda.size();
    Problem problem;
    if (n != 1 && n != groups) {
        problem = std::to_string(n) + " functions for " + std::to_string(groups) +
                  " groups; give one for all, or one for each";
    } else if (!std::all_of(s.lr_lambda.begin(), s.lr_lambda.end(), [](const auto& f) { return !!f; })) {
        problem = "a function is empty";
    }
    return of("LambdaLR", {{"lr_lambda", {}, problem}});
}

double rate(const LinearLR& s, const Moment& at) {
    const double part = real(std::min(at.epoch, s.total_iters)) / real(s.total_iters);
    return at.base * (s.start_factor + (s.end_factor - s.start_factor) * part);
}
Fields fields(LinearLR& s, std::size_t) {
    return of("LinearLR", {fraction("start_factor", s.start_factor), fraction("end_factor", s.end_factor),
                           at_least_1("total_iters", s.total_iters)});
}

double rate(const ConstantLR& s, const Moment& at) { return at.epoch < s.total_iters ? at.base * s.factor : at.base; }
Fields fields(ConstantLR& s, std::size_t) {
    return of("ConstantLR", {fraction("factor", s.factor), at_least_1("total_iters", s.total_iters)});
}

double rate(const SequentialLR& s, const Moment& at) {
    const auto next = std::upper_bound(s.milestones.begin(), s.milestones.end(), at.epoch);
    const std::int64_t start = next == s.milestones.begin() ? 0 : *std::prev(next);
    const auto& part = s.schedules[static_cast<std::size_t>(next - s.milestones.begin())];
    return rate(part, {.base = at.base, .epoch = at.epoch - start, .group = at.group});
}

Problem milestones_problem(const SequentialLR& s) {
    if (s.schedules.size() != s.milestones.size() + 1) {
        return std::to_string(s.schedules.size()) + " schedules need one milestone fewer, not " +
               std::to_string(s.milestones.size());
    }
    std::int64_t before = 0;
    for (std::int64_t milestone : s.milestones) {
        if (milestone <= before) {
            return "milestones must ascend from 1 on, got " + std::to_string(milestone) + " after " +
                   std::to_string(before);
        }
        before = milestone;
    }
    return {};
}

Fields fields(SequentialLR& s, std::size_t groups) {
    Fields all = of("SequentialLR", {{"milestones", &s.milestones, milestones_problem(s)}});
    for (std::size_t i = 0; i < s.schedules.size(); ++i) {
        for (Field& field : fields(s.schedules[i], groups)) {
            field.name = "schedules." + std::to_string(i) + "." + field.name;
            all.push_back(std::move(field));
        }
    }
    return all;
}

// ---- any schedule ---------------------------------------------------------------------------------------------------

double rate(const Schedule& schedule, const Moment& at) {
    return std::visit([&](const auto& kind) { return rate(kind, at); }, schedule.kind().one);
}

/// Of all groups. Throws std::invalid_argument if one is not finite or negative.
std::vector<double> rates(const Schedule& schedule, const std::vector<double>& bases, std::int64_t epoch) {
    std::vector<double> result(bases.size());
    for (std::size_t g = 0; g < bases.size(); ++g) {
        result[g] = rate(schedule, {.base = bases[g], .epoch = epoch, .group = g});
        require(std::isfinite(result[g]) && result[g] >= 0, "LRScheduler: the learning rate of group ", g, " at epoch ",
                epoch, " would be ", result[g]);
    }
    return result;
}

Fields fields(Schedule& schedule, std::size_t groups) {
    return std::visit([&](auto& kind) { return fields(kind, groups); }, schedule.kind().one);
}

/// The first; the schedule stays as it is.
Problem problem(Schedule& schedule, std::size_t groups) {
    for (const Field& field : fields(schedule, groups)) {
        if (!field.problem.empty()) return field.problem;
    }
    return {};
}

// ---- what is saved --------------------------------------------------------------------------------------------------

constexpr std::string_view kPrefix = "scheduler.";
constexpr std::int64_t kMostEpochs = std::int64_t{1} << 53;

std::string name_of(std::string_view field) { return std::string(kPrefix) + std::string(field); }

/// f(name, value) for each option that is saved.
template <class F>
void for_each_saved(Schedule& schedule, std::size_t groups, F f) {
    for (const Field& field : fields(schedule, groups)) {
        if (field.value) std::visit([&](auto* value) { f(name_of(field.name), *value); }, *field.value);
    }
}

Problem rates_problem(const std::string& name, const std::vector<double>& rates, std::size_t here) {
    if (rates.size() != here) {
        return name + " are " + std::to_string(rates.size()) + ", for " + std::to_string(here) + " groups here";
    }
    for (double rate : rates) {
        if (Problem found = negative_problem("one of the " + name, rate); !found.empty()) return found;
    }
    return {};
}

}  // namespace

LambdaLR warm_up(std::int64_t epochs) {
    require(epochs >= 1, "warm_up: it must last at least 1 epoch, not ", epochs);
    return {{[=](std::int64_t epoch) { return epoch >= epochs ? 1 : real(epoch + 1) / real(epochs); }}};
}

LRScheduler::LRScheduler(Optimizer& optimizer, Schedule schedule)
    : groups_(optimizer.groups_), schedule_(std::move(schedule)) {
    const std::string found = problem(schedule_, optimizer.groups().size());
    require(found.empty(), found);
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();  // somebody took it away: refused below
    for (const HeldGroup& group : groups()) bases_.push_back(group.lr.value_or(kNone));
    set(0, rates(schedule_, bases_, 0));
}

std::span<HeldGroup> LRScheduler::groups() const {
    const auto held = groups_.lock();  // the optimizer keeps them after this, too
    require<std::logic_error>(held != nullptr,
                              "LRScheduler: its optimizer has ended, or another one was assigned to it");
    return *held;
}

void LRScheduler::step() { set(epoch_ + 1, rates(schedule_, bases_, epoch_ + 1)); }

void LRScheduler::set(std::int64_t epoch, std::vector<double> rates) {
    for (std::size_t g = 0; g < rates.size(); ++g) groups()[g].lr = rates[g];
    epoch_ = epoch;
    last_lr_ = std::move(rates);
}

/// Those of the groups, whoever set them.
std::vector<double> LRScheduler::current_rates() const {
    std::vector<double> current;
    for (std::size_t g = 0; g < bases_.size(); ++g) current.push_back(groups()[g].lr.value_or(0));
    return current;
}

std::map<std::string, std::string> LRScheduler::state_dict() const {
    std::map<std::string, std::string> state;
    state[name_of("last_epoch")] = detail::text_of(epoch_);
    state[name_of("base_lrs")] = detail::text_of(bases_);
    state[name_of("lrs")] = detail::text_of(current_rates());
    Schedule copy = schedule_;  // fields() hands out what may be written
    for_each_saved(copy, bases_.size(),
                   [&](const std::string& name, const auto& value) { state[name] = detail::text_of(value); });
    return state;
}

void LRScheduler::load_state_dict(const std::map<std::string, std::string>& state) {
    groups();  // throws while nothing has changed
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
    for_each_saved(schedule, bases_.size(),
                   [&](const std::string& name, auto& value) { complete &= saved.take(name, value); });
    if (complete) check(problem(schedule, bases_.size()));
    saved.refuse_the_rest();
    require(saved.problems().empty(), "LRScheduler: the state does not fit; nothing was loaded:", saved.problems());

    std::vector<double> loaded = rates(schedule, bases, epoch);
    schedule_ = schedule;
    std::swap(bases_, bases);
    set(epoch, std::move(loaded));
    for (std::size_t g = 0; g < current.size(); ++g) groups()[g].lr = current[g];
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
