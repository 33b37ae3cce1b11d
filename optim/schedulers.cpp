// Schedules of the learning rate, each in one place with its formula, checks and saved options; then the scheduler.
#include <embergrad/optim/schedulers.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>
#include <variant>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/optim/one_cycle.hpp>
#include <embergrad/optim/option_fields.hpp>
#include <embergrad/optim/saved_values.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct Schedule::Kind {
    std::variant<StepLR, MultiStepLR, ExponentialLR, CosineAnnealingLR, CosineAnnealingWarmRestarts, OneCycleLR,
                 LambdaLR, LinearLR, ConstantLR, SequentialLR>
        one;
};

Schedule::Schedule(StepLR one) : kind_(new Kind{one}) {}
Schedule::Schedule(MultiStepLR one) : kind_(new Kind{std::move(one)}) {}
Schedule::Schedule(ExponentialLR one) : kind_(new Kind{one}) {}
Schedule::Schedule(CosineAnnealingLR one) : kind_(new Kind{one}) {}
Schedule::Schedule(CosineAnnealingWarmRestarts one) : kind_(new Kind{one}) {}
Schedule::Schedule(OneCycleLR one) : kind_(new Kind{std::move(one)}) {}
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

using namespace detail;

/// Whom a rate is for, and when.
struct Moment {
    double base;
    std::int64_t epoch;
    std::size_t group;
};

/// The groups that a schedule is for.
struct Groups {
    std::size_t count;
    Cycled cycled;
};

// ---- each schedule: rate() is its formula, fields() are its options, for an optimizer's groups ----------------------

double rate(const Schedule& schedule, const Moment& at);
Fields fields(Schedule& schedule, const Groups& groups);

double rate(const StepLR& s, const Moment& at) { return at.base * std::pow(s.gamma, real(at.epoch / s.step_size)); }
Fields fields(StepLR& s, const Groups&) {
    return of("StepLR", {at_least_1("step_size", s.step_size), not_negative("gamma", s.gamma)});
}

double rate(const MultiStepLR& s, const Moment& at) {
    const auto passed = std::count_if(s.milestones.begin(), s.milestones.end(), [&](auto m) { return m <= at.epoch; });
    return at.base * std::pow(s.gamma, real(passed));
}
Fields fields(MultiStepLR& s, const Groups&) {
    const auto wrong = std::find_if(s.milestones.begin(), s.milestones.end(), [](auto m) { return m < 0; });
    Problem problem;
    if (wrong != s.milestones.end()) problem = "a milestone must not be negative, got " + text_of(*wrong);
    return of("MultiStepLR", {{"milestones", &s.milestones, problem}, not_negative("gamma", s.gamma)});
}

double rate(const ExponentialLR& s, const Moment& at) { return at.base * std::pow(s.gamma, real(at.epoch)); }
Fields fields(ExponentialLR& s, const Groups&) {
    Field gamma = not_negative("gamma", s.gamma);
    if (std::isnan(s.gamma)) gamma.problem = "gamma is required, got nan";
    return of("ExponentialLR", {gamma});
}

double half_cosine(double base, double eta_min, double part) {
    return eta_min + (base - eta_min) * (1 + std::cos(std::numbers::pi * part)) / 2;
}

double rate(const CosineAnnealingLR& s, const Moment& at) {
    return half_cosine(at.base, s.eta_min, real(at.epoch) / real(s.T_max));
}
Fields fields(CosineAnnealingLR& s, const Groups&) {
    return of("CosineAnnealingLR", {at_least_1("T_max", s.T_max), not_negative("eta_min", s.eta_min)});
}

double rate(const CosineAnnealingWarmRestarts& s, const Moment& at) {
    double since = real(at.epoch), run = real(s.T_0);  // as reals: run may grow beyond every integer
    if (s.T_mult == 1) since = real(at.epoch % s.T_0);
    for (; since >= run; run *= real(s.T_mult)) since -= run;
    return half_cosine(at.base, s.eta_min, since / run);
}
Fields fields(CosineAnnealingWarmRestarts& s, const Groups&) {
    return of("CosineAnnealingWarmRestarts",
              {at_least_1("T_0", s.T_0), at_least_1("T_mult", s.T_mult), not_negative("eta_min", s.eta_min)});
}

double rate(const OneCycleLR& s, const Moment& at) { return cycle_rate(s, at.group, at.epoch); }
Fields fields(OneCycleLR& s, const Groups& groups) { return cycle_fields(s, groups.count, groups.cycled); }

double rate(const LambdaLR& s, const Moment& at) {
    return at.base * s.lr_lambda[s.lr_lambda.size() == 1 ? 0 : at.group](at.epoch);
}
Fields fields(LambdaLR& s, const Groups& groups) {
    const std::size_t n = s.lr_lambda.size();
    Problem problem;
    if (n != 1 && n != groups.count) {
        problem = std::to_string(n) + " functions for " + std::to_string(groups.count) +
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
Fields fields(LinearLR& s, const Groups&) {
    return of("LinearLR", {fraction("start_factor", s.start_factor), fraction("end_factor", s.end_factor),
                           at_least_1("total_iters", s.total_iters)});
}

double rate(const ConstantLR& s, const Moment& at) { return at.epoch < s.total_iters ? at.base * s.factor : at.base; }
Fields fields(ConstantLR& s, const Groups&) {
    return of("ConstantLR", {fraction("factor", s.factor), at_least_1("total_iters", s.total_iters)});
}

/// The schedule of that moment, and the moment as it counts.
std::pair<const Schedule&, Moment> part_at(const SequentialLR& s, const Moment& at) {
    const auto next = std::upper_bound(s.milestones.begin(), s.milestones.end(), at.epoch);
    const std::int64_t start = next == s.milestones.begin() ? 0 : *std::prev(next);
    return {s.schedules[static_cast<std::size_t>(next - s.milestones.begin())],
            {.base = at.base, .epoch = at.epoch - start, .group = at.group}};
}

double rate(const SequentialLR& s, const Moment& at) {
    const auto& [part, moment] = part_at(s, at);
    return rate(part, moment);
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

Fields fields(SequentialLR& s, const Groups& groups) {
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

/// Where the schedule of that moment cycles it.
std::optional<double> momentum(const Schedule& schedule, const Moment& at) {
    if (const auto* cycle = std::get_if<OneCycleLR>(&schedule.kind().one)) {
        if (cycle->cycle_momentum) return cycle_momentum(*cycle, at.group, at.epoch);
    } else if (const auto* chain = std::get_if<SequentialLR>(&schedule.kind().one)) {
        const auto& [part, moment] = part_at(*chain, at);
        return momentum(part, moment);
    }
    return {};
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

Fields fields(Schedule& schedule, const Groups& groups) {
    return std::visit([&](auto& kind) { return fields(kind, groups); }, schedule.kind().one);
}

// ---- what is saved --------------------------------------------------------------------------------------------------

constexpr std::string_view kPrefix = "scheduler.";
constexpr std::int64_t kMostEpochs = std::int64_t{1} << 53;

std::string name_of(std::string_view field) { return std::string(kPrefix) + std::string(field); }

Groups groups_of(std::span<const HeldGroup> groups) {
    const auto all_have = [&](auto option) { return std::all_of(groups.begin(), groups.end(), option); };
    Cycled cycled = Cycled::nothing;
    if (all_have([](const HeldGroup& group) { return group.momentum.has_value(); })) cycled = Cycled::momentum;
    if (all_have([](const HeldGroup& group) { return group.betas.has_value(); })) cycled = Cycled::betas;
    return {.count = groups.size(), .cycled = cycled};
}

}  // namespace

LambdaLR warm_up(std::int64_t epochs) {
    require(epochs >= 1, "warm_up: it must last at least 1 epoch, not ", epochs);
    return {{[=](std::int64_t epoch) { return epoch >= epochs ? 1 : real(epoch + 1) / real(epochs); }}};
}

LRScheduler::LRScheduler(Optimizer& optimizer, Schedule schedule)
    : groups_(optimizer, "LRScheduler"), schedule_(std::move(schedule)) {
    const Problem found = first_problem(fields(schedule_, groups_of(groups_.all())));
    require(found.empty(), found);
    take_bases();
    std::vector<double> first = rates(schedule_, bases_, 0);
    for (std::size_t g = 0; g < bases_.size(); ++g) groups_.all()[g].initial_lr = bases_[g];
    set(0, std::move(first));
}

void LRScheduler::take_bases() {
    const std::span<const HeldGroup> groups = groups_.all();
    bases_ = groups_.rates(groups.size());
    const auto* cycle = std::get_if<OneCycleLR>(&schedule_.kind().one);
    for (std::size_t g = 0; g < bases_.size(); ++g) {
        if (cycle != nullptr)
            bases_[g] = initial_rate(*cycle, g);
        else if (!std::isnan(bases_[g]))  // somebody took the rate away: refused by rates()
            bases_[g] = groups[g].initial_lr.value_or(bases_[g]);
    }
}

LRScheduler& LRScheduler::operator=(LRScheduler other) {
    std::swap(groups_, other.groups_);
    std::swap(schedule_, other.schedule_);
    std::swap(bases_, other.bases_);
    std::swap(epoch_, other.epoch_);
    std::swap(last_lr_, other.last_lr_);
    return *this;
}

void LRScheduler::step() {
    groups_.all();  // throws before functions of the epoch are called
    set(epoch_ + 1, rates(schedule_, bases_, epoch_ + 1));
}

void LRScheduler::set(std::int64_t epoch, std::vector<double> rates) {
    const std::span<HeldGroup> groups = groups_.all();
    groups_.set_rates(rates);
    for (std::size_t g = 0; g < rates.size(); ++g) {
        const auto value = momentum(schedule_, {.base = bases_[g], .epoch = epoch, .group = g});
        if (value && groups[g].betas)
            (*groups[g].betas)[0] = *value;
        else if (value)
            groups[g].momentum = *value;
    }
    epoch_ = epoch;
    last_lr_ = std::move(rates);
}

std::map<std::string, std::string> LRScheduler::state_dict() const {
    std::map<std::string, std::string> state;
    state[name_of("last_epoch")] = text_of(epoch_);
    state[name_of("base_lrs")] = text_of(bases_);
    state[name_of("lrs")] = text_of(groups_.rates(bases_.size()));
    Schedule copy = schedule_;  // fields() hands out what may be written
    for_each_saved(fields(copy, groups_of(groups_.all().first(bases_.size()))),
                   [&](const std::string& name, const auto& value) { state[name_of(name)] = text_of(value); });
    return state;
}

void LRScheduler::load_state_dict(const std::map<std::string, std::string>& state) {
    const Groups here = groups_of(groups_.all().first(bases_.size()));
    SavedValues saved(state, kPrefix);
    Schedule schedule = schedule_;
    std::vector<double> bases, current;
    std::int64_t epoch = 0;
    const auto check = [&](const Problem& found) {
        if (!found.empty()) saved.add_problem("out of range: " + found);
    };
    if (saved.take(name_of("last_epoch"), epoch) && (epoch < 0 || epoch > kMostEpochs))
        check("last_epoch is " + std::to_string(epoch));
    if (saved.take(name_of("base_lrs"), bases)) check(rates_problem("base_lrs", bases, here.count));
    if (saved.take(name_of("lrs"), current)) check(rates_problem("lrs", current, here.count));
    bool complete = true;
    for_each_saved(fields(schedule, here),
                   [&](const std::string& name, auto& value) { complete &= saved.take(name_of(name), value); });
    if (complete) check(first_problem(fields(schedule, here)));
    saved.refuse_the_rest();
    require(saved.problems().empty(), "LRScheduler: the state does not fit; nothing was loaded:", saved.problems());

    std::vector<double> loaded = rates(schedule, bases, epoch);
    schedule_ = schedule;
    std::swap(bases_, bases);
    set(epoch, std::move(loaded));
    groups_.set_rates(current);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
