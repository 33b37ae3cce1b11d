// ReduceLROnPlateau: what counts as better, when a rate is lowered, and what is saved of it.
#include <embergrad/optim/reduce_lr_on_plateau.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/optim/option_fields.hpp>
#include <embergrad/optim/saved_values.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using namespace detail;

constexpr std::string_view kPrefix = "plateau.";
constexpr std::int64_t kMostEpochs = std::int64_t{1} << 53;

std::string name_of(std::string_view field) { return std::string(kPrefix) + std::string(field); }

double worst(PlateauMode mode) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return mode == PlateauMode::min ? kInfinity : -kInfinity;
}

Problem factor_problem(double factor) {
    const bool ok = factor >= 0 && factor < 1;
    return ok ? Problem() : "factor must be in [0, 1), got " + text_of(factor);
}

/// From infinity, a part of 1 or more would leave nothing to be better than.
Problem threshold_problem(const ReduceLROnPlateauOptions& o) {
    if (Problem found = negative_problem("threshold", o.threshold); !found.empty()) return found;
    if (o.mode == PlateauMode::max || o.threshold_mode == ThresholdMode::abs || o.threshold < 1) return {};
    return "threshold must be below 1 for min and rel, got " + text_of(o.threshold);
}

Fields fields(ReduceLROnPlateauOptions& o, std::size_t groups) {
    return of("ReduceLROnPlateau", {{"mode", &o.mode, {}},
                                    {"factor", &o.factor, factor_problem(o.factor)},
                                    not_negative("patience", o.patience),
                                    {"threshold", &o.threshold, threshold_problem(o)},
                                    {"threshold_mode", &o.threshold_mode, {}},
                                    not_negative("cooldown", o.cooldown),
                                    for_each_group("min_lr", o.min_lr, groups),
                                    not_negative("eps", o.eps)});
}

}  // namespace

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options)
    : groups_(optimizer, "ReduceLROnPlateau"), options_(options), best_(worst(options.mode)) {
    const Problem found = first_problem(fields(options_, groups_.all().size()));
    require(found.empty(), found);
    last_lr_ = groups_.rates(groups_.all().size());
}

ReduceLROnPlateau& ReduceLROnPlateau::operator=(ReduceLROnPlateau other) {
    std::swap(groups_, other.groups_);
    std::swap(options_, other.options_);
    std::swap(epoch_, other.epoch_);
    std::swap(best_, other.best_);
    std::swap(bad_epochs_, other.bad_epochs_);
    std::swap(cooldown_left_, other.cooldown_left_);
    std::swap(last_lr_, other.last_lr_);
    return *this;
}

void ReduceLROnPlateau::step(double metric) {
    check_groups();
    ++epoch_;
    const bool better = is_better(metric);
    if (better) best_ = metric;
    bad_epochs_ = better ? 0 : bad_epochs_ + 1;
    if (cooldown_left_ > 0) {
        --cooldown_left_;
        bad_epochs_ = 0;
    }
    if (bad_epochs_ > options_.patience) reduce();
    last_lr_ = groups_.rates(groups_.all().size());
}

void ReduceLROnPlateau::check_groups() const {
    const std::size_t count = groups_.all().size(), own = options_.min_lr.size();
    require(own == 1 || own == count, "ReduceLROnPlateau: min_lr has ", own, " values, and the optimizer ", count,
            " groups by now; give one for all");
    const std::vector<double> rates = groups_.rates(count);
    for (std::size_t g = 0; g < count; ++g)
        require(!std::isnan(rates[g]), "ReduceLROnPlateau: the learning rate of group ", g, " is nan");
}

bool ReduceLROnPlateau::is_better(double metric) const {
    const double t = options_.threshold;
    const bool relative = options_.threshold_mode == ThresholdMode::rel;
    if (options_.mode == PlateauMode::min) return metric < (relative ? best_ * (1 - t) : best_ - t);
    return metric > (relative ? best_ * (t + 1) : best_ + t);
}

void ReduceLROnPlateau::reduce() {
    const std::span<HeldGroup> groups = groups_.all();
    for (std::size_t g = 0; g < groups.size(); ++g) {
        const double reduced = std::max(*groups[g].lr * options_.factor, options_.min_lr.of(g));
        if (*groups[g].lr - reduced > options_.eps) groups[g].lr = reduced;
    }
    cooldown_left_ = options_.cooldown;
    bad_epochs_ = 0;
}

std::map<std::string, std::string> ReduceLROnPlateau::state_dict() const {
    std::map<std::string, std::string> state;
    const std::size_t count = groups_.all().size();
    state[name_of("last_epoch")] = text_of(epoch_);
    state[name_of("best")] = text_of(best_);
    state[name_of("num_bad_epochs")] = text_of(bad_epochs_);
    state[name_of("cooldown_counter")] = text_of(cooldown_left_);
    state[name_of("lrs")] = text_of(groups_.rates(count));
    ReduceLROnPlateauOptions copy = options_;  // fields() hands out what may be written
    for_each_saved(fields(copy, count),
                   [&](const std::string& name, const auto& value) { state[name_of(name)] = text_of(value); });
    return state;
}

void ReduceLROnPlateau::load_state_dict(const std::map<std::string, std::string>& state) {
    const std::size_t count = groups_.all().size();
    SavedValues saved(state, kPrefix);
    ReduceLROnPlateau loaded = *this;
    std::vector<double> current;
    const auto check = [&](const Problem& found) {
        if (!found.empty()) saved.add_problem("out of range: " + found);
    };
    const auto take_count = [&](const std::string& name, std::int64_t& value) {
        if (saved.take(name_of(name), value) && (value < 0 || value > kMostEpochs))
            check(name + " is " + text_of(value));
    };
    take_count("last_epoch", loaded.epoch_);
    take_count("num_bad_epochs", loaded.bad_epochs_);
    take_count("cooldown_counter", loaded.cooldown_left_);
    saved.take(name_of("best"), loaded.best_);
    if (saved.take(name_of("lrs"), current)) check(rates_problem("lrs", current, count));
    bool complete = true;
    for_each_saved(fields(loaded.options_, count),
                   [&](const std::string& name, auto& value) { complete &= saved.take(name_of(name), value); });
    if (complete) check(first_problem(fields(loaded.options_, count)));
    if (std::isnan(loaded.best_)) check("best is nan");
    saved.refuse_the_rest();
    require(saved.problems().empty(),
            "ReduceLROnPlateau: the state does not fit; nothing was loaded:", saved.problems());

    loaded.last_lr_ = current;
    *this = std::move(loaded);
    groups_.set_rates(last_lr_);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
