// Optimizer: its groups, and a step that checks every option and gradient before anything moves.
#include <embergrad/optim/optimizer.hpp>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/optim/options.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::for_each_option;

std::string value_problem(const auto& option, double value) {
    if (std::isfinite(value) && value >= option.least) return {};
    return "Invalid " + std::string(option.title) + ": " + number_text(value);
}

std::string value_problem(const auto& option, const std::array<double, 2>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] >= 0 && values[i] < 1) continue;
        return "Invalid " + std::string(option.title) + " at index " + std::to_string(i) + ": " +
               number_text(values[i]);
    }
    return {};
}

std::string value_problem(const auto&, bool) { return {}; }

bool steps(const Parameter& parameter) { return parameter.requires_grad() && parameter.has_gradient(); }

/// Gradients may be replaced through mutable_grad(); the loops of update() rely on their shapes.
std::string shape_problem(const Parameter& parameter) {
    const Gradient& gradient = parameter.gradient();
    if (gradient.has_rows()) {
        gradient.rows().check_fits(parameter.shape());
        return {};
    }
    const Shape& given = gradient.held_array().shape();
    return given == parameter.shape() ? std::string() : "a gradient of shape " + to_string(given);
}

}  // namespace

void Optimizer::start(ParamGroups groups) {
    std::string problem = group_problem(defaults_, false);
    if (problem.empty()) problem = new_group_problem(defaults_);
    require(problem.empty(), name_, ": ", problem);
    const bool any = std::any_of(groups.all.begin(), groups.all.end(), [](const auto& g) { return !g.params.empty(); });
    require(any, name_, ": optimizer got an empty parameter list");
    for (ParamGroup& group : groups.all) add_param_group(std::move(group));
}

Optimizer& Optimizer::operator=(Optimizer&& other) {
    if (this == &other) return *this;
    name_ = std::move(other.name_);
    defaults_ = std::move(other.defaults_);
    kept_names_ = std::move(other.kept_names_);
    groups_ = std::move(other.groups_);
    parameters_ = std::move(other.parameters_);
    states_ = std::move(other.states_);
    frozen_versions_ = std::move(other.frozen_versions_);
    return *this;
}

std::vector<HeldGroup>& Optimizer::groups() const {
    require<std::logic_error>(groups_ != nullptr, "Optimizer: this one was moved from; use the one it was moved to");
    return *groups_;
}

// Not in the header: each user would pay for std::span's making sure that a vector is contiguous.
std::span<HeldGroup> Optimizer::param_groups() { return groups(); }
std::span<const HeldGroup> Optimizer::param_groups() const { return groups(); }

void Optimizer::step() {
    check_options();
    check_gradients();
    fit_to_added_rows();
    std::size_t index = 0;
    for (const ParamGroup& group : groups()) {
        for (const Parameter& parameter : group.params) {
            if (steps(parameter)) {
                respect_frozen_rows(index, parameter);
                update(index, parameter, group);
            }
            ++index;
        }
    }
}

/// What is kept for a parameter, in its shape: it may have been given rows since.
Array Optimizer::fitted(std::size_t index, const Array& kept) const {
    parameters_[index].check_shape();
    if (kept.shape() == parameters_[index].shape()) return kept;
    Array grown = full(parameters_[index].shape(), states_[index].first_value);
    std::copy_n(kept.data(), kept.size(), grown.data());
    return grown;
}

void Optimizer::fit_to_added_rows() {
    for (std::size_t index = 0; index < states_.size(); ++index) {
        for (std::optional<Array>& array : states_[index].kept) {
            if (array && array->shape() != parameters_[index].shape()) array = fitted(index, *array);
        }
    }
}

void Optimizer::respect_frozen_rows(std::size_t index, const Parameter& parameter) {
    if (frozen_versions_[index] != parameter.frozen_version()) forget_frozen_rows(index);
    if (parameter.gradient().has_rows()) parameter.drop_frozen_gradient();
}

void Optimizer::forget_frozen_rows(std::size_t index) {
    State& state = states_[index];
    for (std::optional<Array>& array : state.kept) {
        if (array) parameters_[index].fill_frozen_rows(*array, state.first_value);
    }
    frozen_versions_[index] = parameters_[index].frozen_version();
    kept_changed(index);
}

Real* Optimizer::kept(std::size_t index, std::size_t k) {
    std::optional<Array>& array = states_[index].kept[k];
    if (!array) array = full(parameters_[index].shape(), states_[index].first_value);
    return array->data();
}

void Optimizer::zero_grad(bool set_to_none) const {
    for (const ParamGroup& group : groups())
        for (const Parameter& parameter : group.params) parameter.zero_grad(set_to_none);
}

void Optimizer::add_param_group(ParamGroup group) {
    for_each_option([&](const auto& option) {
        if (!option.of(group)) option.of(group) = option.of(defaults_);
    });
    std::string problem = group_problem(group, true);
    if (problem.empty()) problem = new_group_problem(group);
    require(problem.empty(), name_, ", group ", groups().size(), ": ", problem);
    check_added(group.params);

    const std::size_t count = parameters_.size() + group.params.size();
    frozen_versions_.reserve(count);
    states_.reserve(count);
    parameters_.reserve(count);  // the last that can fail, but for the next line
    groups().push_back(HeldGroup(std::move(group)));
    const std::vector<Parameter>& added = groups().back().params();
    const auto first = static_cast<Real>(first_value(groups().back()));
    parameters_.insert(parameters_.end(), added.begin(), added.end());
    while (states_.size() < count) states_.push_back({.first_value = first});
    frozen_versions_.resize(count, 0);
}

/// The first thing wrong with a group that has the defaults filled in; empty if nothing is.
std::string Optimizer::group_problem(const ParamGroup& group, bool lr_required) const {
    std::string problem;
    for_each_option([&](const auto& option) {
        if (!problem.empty()) return;
        const bool is_lr = option.name == "lr";
        const bool known = is_lr || option.of(defaults_).has_value();
        if (const auto& value = option.of(group)) {
            problem = known ? value_problem(option, *value) : name_ + " has no option " + std::string(option.name);
        } else if (known && (!is_lr || lr_required)) {
            problem = "no value for the required option " + std::string(option.name);
        }
    });
    return problem.empty() ? options_problem(group) : problem;
}

void Optimizer::check_added(const std::vector<Parameter>& added) const {
    std::unordered_map<const void*, std::size_t> seen;  // parameter -> its position among all
    for (std::size_t i = 0; i < parameters_.size(); ++i) seen.emplace(parameters_[i].id(), i);
    for (std::size_t i = 0; i < added.size(); ++i) {
        require(added[i].defined(), name_, ", group ", groups().size(), ": parameter ", i, " is an empty handle");
        const auto [first, is_new] = seen.emplace(added[i].id(), parameters_.size() + i);
        if (!is_new) {
            fail<std::invalid_argument>(name_, ", group ", groups().size(), ": parameter ", i, " of shape ",
                                        added[i].shape(), " is also ", place_text(first->second));
        }
    }
}

std::vector<Parameter> Optimizer::not_held(const std::vector<Parameter>& used) const {
    groups();  // throws if they were moved away
    std::unordered_set<const void*> held;
    for (const Parameter& parameter : parameters_) held.insert(parameter.id());
    std::vector<Parameter> missing;
    for (const Parameter& parameter : used) {
        if (!held.contains(parameter.id())) missing.push_back(parameter);
    }
    return missing;
}

void Optimizer::check_holds(const std::vector<Parameter>& used, const NamedParameters& names) const {
    std::string missing;
    for (const Parameter& parameter : not_held(used)) {
        const auto is_it = [&](const auto& named) { return named.second == parameter; };
        const auto named = std::find_if(names.begin(), names.end(), is_it);
        missing += "\n  " + (named != names.end() ? named->first : "one without a name") + " of shape " +
                   to_string(parameter.shape());
    }
    require<std::logic_error>(missing.empty(), name_,
                              ": parameters were used that it does not hold, and would never be trained:", missing,
                              "\nlist each in its module's visit() and give it to an optimizer, or call "
                              "set_requires_grad(false)");
}

/// "parameter 2 of group 0"; an index behind all groups is in the one being added.
std::string Optimizer::place_text(std::size_t index) const {
    std::size_t group = 0;
    for (; group < groups().size() && index >= groups()[group].params().size(); ++group) {
        index -= groups()[group].params().size();
    }
    return "parameter " + std::to_string(index) + " of group " + std::to_string(group);
}

/// Users may write to param_groups(): options are checked again at every step.
void Optimizer::check_options() const {
    for (std::size_t g = 0; g < groups().size(); ++g) {
        const std::string problem = group_problem(groups()[g], true);
        if (!problem.empty()) fail<std::invalid_argument>(name_, ", group ", g, ": ", problem);
    }
}

void Optimizer::check_gradients() const {
    for (std::size_t g = 0; g < groups().size(); ++g) {
        for (std::size_t i = 0; i < groups()[g].params().size(); ++i) {
            const Parameter& parameter = groups()[g].params()[i];
            parameter.check_shape();
            if (!steps(parameter)) continue;
            std::string problem = gradient_problem(parameter, groups()[g]);
            if (problem.empty()) problem = shape_problem(parameter);
            if (problem.empty()) continue;
            fail<std::logic_error>(name_, ", group ", g, ": parameter ", i, " of shape ", parameter.shape(), " has ",
                                   problem);
        }
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
