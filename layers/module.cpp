// Everything that derives from visit.
#include <embergrad/layers/module.hpp>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <embergrad/engine/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

struct Entry {
    std::string name;
    Parameter array;
    Role role;
};

/// What a module's visit hands out. Throws std::logic_error if a name is empty or is given to two arrays: saved under
/// it, one of them would be lost.
std::vector<Entry> entries_of(const Module& module) {
    std::vector<Entry> entries;
    std::unordered_set<std::string> names;
    module.visit([&](const std::string& name, const Parameter& array, Role role) {
        require<std::logic_error>(!name.empty(), "Module: an array of shape ", array.shape(), " has no name");
        require<std::logic_error>(names.insert(name).second, "Module: the name ", name, " is given twice");
        entries.push_back({name, array, role});
    });
    return entries;
}

/// What load_state_dict will copy, or why it will not.
struct LoadPlan {
    std::vector<std::pair<Parameter, const Array*>> copies;
    std::string problems;

    void add_problem(const std::string& problem) { problems += "\n  " + problem; }
};

std::unordered_map<std::string, const Array*> by_name(const StateDict& state, LoadPlan& plan) {
    std::unordered_map<std::string, const Array*> arrays;
    for (const auto& [name, array] : state) {
        if (!arrays.emplace(name, &array).second) plan.add_problem("duplicate: " + name);
    }
    return arrays;
}

LoadPlan plan_load(const Module& module, const StateDict& state, bool strict) {
    LoadPlan plan;
    const auto arrays = by_name(state, plan);
    std::unordered_set<std::string> wanted;
    for (const auto& [name, parameter, role] : entries_of(module)) {
        if (role == Role::temporary) continue;
        wanted.insert(name);
        const auto found = arrays.find(name);
        if (found == arrays.end()) {
            if (strict) plan.add_problem("missing: " + name);
        } else if (found->second->shape() != parameter.shape()) {
            plan.add_problem("size mismatch: " + name + " is " + to_string(parameter.shape()) + " here and " +
                             to_string(found->second->shape()) + " in the state");
        } else {
            plan.copies.emplace_back(parameter, found->second);
        }
    }
    for (const auto& [name, array] : state) {
        if (strict && !wanted.contains(name)) plan.add_problem("unexpected: " + name);
    }
    return plan;
}

}  // namespace

NamedParameters Module::named_parameters() const {
    NamedParameters named;
    std::unordered_set<const void*> seen;
    for (const auto& [name, parameter, role] : entries_of(*this)) {
        if (role == Role::parameter && seen.insert(parameter.id()).second) named.emplace_back(name, parameter);
    }
    return named;
}

std::vector<Parameter> Module::parameters() const {
    std::vector<Parameter> parameters;
    for (auto& [name, parameter] : named_parameters()) parameters.push_back(parameter);
    return parameters;
}

std::size_t Module::parameter_count() const {
    std::size_t count = 0;
    for (const Parameter& parameter : parameters()) count += parameter.size();
    return count;
}

void Module::set_requires_grad(bool requires_grad) const {
    for (const Parameter& parameter : parameters()) parameter.set_requires_grad(requires_grad);
}

void Module::zero_grad(bool set_to_none) const {
    for (const Parameter& parameter : parameters()) parameter.zero_grad(set_to_none);
}

StateDict Module::state_dict() const {
    StateDict state;
    for (const auto& [name, parameter, role] : entries_of(*this)) {
        if (role != Role::temporary) state.emplace_back(name, parameter.value());
    }
    return state;
}

void Module::load_state_dict(const StateDict& state, bool strict) const {
    const LoadPlan plan = plan_load(*this, state, strict);
    require(plan.problems.empty(), "load_state_dict: the state does not fit; nothing was loaded:", plan.problems);
    for (const auto& [parameter, array] : plan.copies) parameter.assign(*array);
}

void Module::visit_child(const Visitor& visit, const std::string& name, const Module& child) {
    require<std::logic_error>(!name.empty() && name.find('.') == std::string::npos, "Module: a child's name must have ",
                              "letters and no points, not '", name, "'");
    child.visit([&](const std::string& inner, const Parameter& parameter, Role role) {
        visit(name + "." + inner, parameter, role);
    });
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
