// Optimizer: state_dict() and load_state_dict(), which takes a whole state or nothing, and then gives every reason.
#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/optim/optimizer.hpp>
#include <embergrad/optim/options.hpp>
#include <embergrad/optim/saved_values.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

constexpr std::string_view kPrefix = "optim.";
constexpr std::int64_t kMostSteps = std::int64_t{1} << 53;

std::string group_prefix(std::size_t g) { return std::string(kPrefix) + "param_groups." + std::to_string(g) + "."; }
std::string state_prefix(const std::string& parameter) { return std::string(kPrefix) + parameter + "."; }
std::string params_name(std::size_t g, std::size_t i) { return group_prefix(g) + "params." + std::to_string(i); }

}  // namespace

/// What load_state_dict will put in place, or why it will not.
struct Optimizer::LoadPlan {
    detail::SavedValues values;
    std::unordered_map<std::string, const Array*> arrays;  // those not taken yet
    std::vector<HeldGroup> groups;
    std::vector<State> states;

    LoadPlan(const OptimizerState& state, const std::vector<HeldGroup>& here)
        : values(state.metadata, kPrefix), groups(here) {
        for (const auto& [name, array] : state.tensors) {
            if (!name.starts_with(kPrefix)) continue;
            if (!arrays.emplace(name, &array).second) values.add_problem("duplicate: " + name);
        }
    }

    const Array* take_array(const std::string& name) {
        const auto entry = arrays.extract(name);
        return entry.empty() ? nullptr : entry.mapped();
    }

    void refuse_the_rest(const StateDict& in_order) {
        for (const auto& [name, array] : in_order) {
            if (take_array(name) != nullptr) values.add_problem("unexpected: " + name);
        }
        values.refuse_the_rest();
    }
};

/// Throws as state_dict.
std::vector<std::string> Optimizer::parameter_names(const NamedParameters& names) const {
    std::unordered_map<const void*, std::string> known;
    for (const auto& [name, parameter] : names) known.emplace(parameter.id(), name);
    std::vector<std::string> all;
    std::unordered_set<std::string> taken;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        all.push_back(names.empty() ? std::to_string(i) : known[parameters_[i].id()]);
        require(!all.back().empty(), name_, ": ", place_text(i), ", of shape ", parameters_[i].shape(),
                ", has no name");
        require(taken.insert(all.back()).second, name_, ": the name ", all.back(), " is given to two parameters");
    }
    return all;
}

OptimizerState Optimizer::state_dict(const NamedParameters& names) const {
    const std::vector<std::string> all_names = parameter_names(names);
    OptimizerState result;
    result.metadata[std::string(kPrefix) + "param_groups"] = std::to_string(groups().size());
    std::size_t index = 0;
    for (std::size_t g = 0; g < groups().size(); ++g) {
        detail::for_each_option([&](const auto& option) {
            const auto& value = option.of(groups()[g]);
            if (value) result.metadata[group_prefix(g) + std::string(option.name)] = detail::text_of(*value);
        });
        if (const auto& initial = groups()[g].initial_lr)
            result.metadata[group_prefix(g) + "initial_lr"] = detail::text_of(*initial);
        result.metadata[group_prefix(g) + "params"] = std::to_string(groups()[g].params().size());
        for (std::size_t i = 0; i < groups()[g].params().size(); ++i, ++index) {
            result.metadata[params_name(g, i)] = all_names[index];
            save_kept(result, g, index, all_names[index]);
        }
    }
    return result;
}

void Optimizer::save_kept(OptimizerState& to, std::size_t g, std::size_t index, const std::string& name) const {
    const State& state = states_[index];
    const std::string prefix = state_prefix(name);
    to.metadata[prefix + "step"] = std::to_string(state.step);
    for (std::size_t k = 0; k < kept_names_.size(); ++k) {
        const std::string array_name = prefix + std::string(kept_names_[k]);
        if (state.kept[k])
            to.tensors.emplace_back(array_name, fitted(index, *state.kept[k]));
        else if (keeps(k, state.step, groups()[g]))
            to.tensors.emplace_back(array_name, full(parameters_[index].shape(), state.first_value));
    }
}

void Optimizer::plan_group(LoadPlan& plan, std::size_t g, std::span<const std::string> names) const {
    ParamGroup& group = plan.groups[g];
    const std::size_t problems_before = plan.values.problems().size();
    detail::for_each_option([&](const auto& option) {
        if (option.name != "lr" && !option.of(defaults_)) return;
        plan.values.take(group_prefix(g) + std::string(option.name), option.of(group).emplace());
    });
    plan_initial_lr(plan, g);
    const bool complete = plan.values.problems().size() == problems_before;
    const std::string problem = complete ? group_problem(group, true) : std::string();
    if (!problem.empty()) plan.values.add_problem("group " + std::to_string(g) + ": " + problem);
    plan.values.expect(group_prefix(g) + "params", std::to_string(names.size()));
    for (std::size_t i = 0; i < names.size(); ++i) plan.values.expect(params_name(g, i), names[i]);
}

/// There is none, where no scheduler was made.
void Optimizer::plan_initial_lr(LoadPlan& plan, std::size_t g) const {
    const std::string name = group_prefix(g) + "initial_lr";
    std::optional<double>& initial = plan.groups[g].initial_lr;
    initial.reset();
    if (!plan.values.has(name) || !plan.values.take(name, initial.emplace())) return;
    if (!std::isfinite(*initial) || *initial < 0)
        plan.values.add_problem("out of range: " + name + " is " + detail::text_of(*initial));
}

void Optimizer::plan_state(LoadPlan& plan, std::size_t g, std::size_t index, const std::string& name) const {
    const std::string prefix = state_prefix(name);
    State& state = plan.states[index];
    state.first_value = static_cast<Real>(first_value(plan.groups[g]));
    const bool counted = plan.values.take(prefix + "step", state.step);
    if (counted && (state.step < 0 || state.step > kMostSteps))
        plan.values.add_problem("out of range: " + prefix + "step is " + std::to_string(state.step));
    for (std::size_t k = 0; k < kept_names_.size(); ++k) {
        const std::string array_name = prefix + std::string(kept_names_[k]);
        const Array* array = plan.take_array(array_name);
        const Shape& shape = parameters_[index].shape();
        if (array == nullptr) {
            if (keeps(k, state.step, plan.groups[g])) plan.values.add_problem("missing: " + array_name);
        } else if (counted && state.step == 0 && !keeps(k, 0, plan.groups[g])) {
            plan.values.add_problem("unexpected: " + array_name + " before the first step");
        } else if (array->shape() != shape) {
            plan.values.add_problem("size mismatch: " + array_name + " is " + to_string(shape) + " here and " +
                                    to_string(array->shape()) + " in the state");
        } else {
            state.kept[k] = *array;
        }
    }
}

void Optimizer::load_state_dict(const OptimizerState& state, const NamedParameters& names) {
    const std::vector<std::string> all_names = parameter_names(names);
    LoadPlan plan(state, groups());
    plan.states.resize(parameters_.size());
    plan.values.expect(std::string(kPrefix) + "param_groups", std::to_string(groups().size()));
    std::size_t index = 0;
    for (std::size_t g = 0; g < groups().size(); ++g) {
        const std::size_t n = groups()[g].params().size();
        plan_group(plan, g, std::span(all_names).subspan(index, n));
        for (const std::size_t end = index + n; index < end; ++index) plan_state(plan, g, index, all_names[index]);
    }
    plan.refuse_the_rest(state.tensors);
    require(plan.values.problems().empty(), name_,
            ": the state does not fit; nothing was loaded:", plan.values.problems());

    for (std::size_t g = 0; g < groups().size(); ++g) {  // nothing fails from here on
        detail::for_each_option([&](const auto& option) { option.of(groups()[g]) = option.of(plan.groups[g]); });
        groups()[g].initial_lr = plan.groups[g].initial_lr;
    }
    std::swap(states_, plan.states);
    for (index = 0; index < parameters_.size(); ++index) forget_frozen_rows(index);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
