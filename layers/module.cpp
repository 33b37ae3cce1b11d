// Module: parameters, state dict and loading, all from visit().
#include <embergrad/layers/module.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <ostream>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

struct Entry {
    std::string name;
    Parameter array;
    Role role;
    const Parameter* place;  // where the module holds its handle
};

/// What a module's visit hands out. Throws std::logic_error if a name is empty or is given to two arrays: saved under
/// it, one of them would be lost.
std::vector<Entry> entries_of(const Module& module, bool with_buffers) {
    std::vector<Entry> entries;
    std::unordered_set<std::string> names;
    const auto take = [&](const std::string& name, const Parameter& array, Role role) {
        require<std::logic_error>(!name.empty(), "Module: an array of shape ", array.shape(), " has no name");
        require<std::logic_error>(names.insert(name).second, "Module: the name ", name, " is given twice");
        entries.push_back({name, array, role, &array});
    };
    module.visit(Visitor(take, {}, with_buffers));
    return entries;
}

void no_array(const std::string&, const Parameter&, Role) {}

/// What load_state_dict will copy, or why it will not.
struct LoadPlan {
    std::vector<std::pair<Parameter, const Array*>> copies;
    std::unordered_map<const void*, std::pair<std::string, const Array*>> sources;  // by what is copied into
    LoadedKeys keys;
    std::string problems;

    void add_problem(const std::string& problem) { problems += "\n  " + problem; }
    void add_copy(const std::string& name, const Parameter& to, const Array& from) {
        const auto& [first, values] = sources.emplace(to.id(), std::pair(name, &from)).first->second;
        if (from.size() > 0 && std::memcmp(values->data(), from.data(), from.size() * sizeof(Real)) != 0)
            add_problem("differing: " + first + " and " + name + " are one array here, and not alike in the state");
        copies.emplace_back(to, &from);
    }
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
    for (const auto& [name, parameter, role, place] : entries_of(module, true)) {
        if (role == Role::temporary) continue;
        wanted.insert(name);
        const auto found = arrays.find(name);
        if (found == arrays.end()) {
            plan.keys.missing_keys.push_back(name);
            if (strict) plan.add_problem("missing: " + name);
        } else if (found->second->shape() != parameter.shape()) {
            plan.add_problem("size mismatch: " + name + " is " + to_string(parameter.shape()) + " here and " +
                             to_string(found->second->shape()) + " in the state");
        } else {
            plan.add_copy(name, parameter, *found->second);
        }
    }
    for (const auto& [name, array] : state) {
        if (wanted.contains(name) || name.starts_with("optim.")) continue;
        plan.keys.unexpected_keys.push_back(name);
        if (strict) plan.add_problem("unexpected: " + name);
    }
    return plan;
}

}  // namespace

NamedParameters Module::named_parameters() const {
    NamedParameters named;
    std::unordered_set<const void*> seen;
    for (const auto& [name, parameter, role, place] : entries_of(*this, false)) {
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

std::size_t Module::trainable_parameter_count() const {
    std::size_t count = 0;
    for (const Parameter& parameter : parameters()) count += parameter.requires_grad() ? parameter.trainable_size() : 0;
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
    for (const auto& [name, parameter, role, place] : entries_of(*this, true)) {
        if (role != Role::temporary) state.emplace_back(name, parameter.value());
    }
    return state;
}

LoadedKeys Module::load_state_dict(const StateDict& state, bool strict) const {
    LoadPlan plan = plan_load(*this, state, strict);
    require(plan.problems.empty(), "load_state_dict: the state does not fit; nothing was loaded:", plan.problems);
    for (const auto& [parameter, array] : plan.copies) parameter.assign(*array);
    const auto loaded_in = [&](const std::string& prefix) {
        return [&state, prefix](const std::string& name) -> const Array* { return find(state, prefix + name); };
    };
    const auto tell = [&](const std::string& name, const Module& child) { child.after_load(loaded_in(name + ".")); };
    visit(Visitor(no_array, tell, false));
    after_load(loaded_in(""));
    return std::move(plan.keys);
}

void Visitor::child(const std::string& name, const Module& child) const {
    require<std::logic_error>(!name.empty() && name.find('.') == std::string::npos, "Module: a child's name must have ",
                              "letters and no points, not '", name, "'");
    if (on_child_) on_child_(name, child);
    const std::string prefix = name + ".";
    const auto array = [&](const std::string& inner, const Parameter& parameter, Role role) {
        on_array_(prefix + inner, parameter, role);
    };
    const auto grandchild = [&](const std::string& inner, const Module& module) { on_child_(prefix + inner, module); };
    child.visit(Visitor(array, on_child_ ? OnChild(grandchild) : OnChild(), wants_buffers_));
}

namespace {

/// Refuses a copy that holds a child or a handle of the original's, before the original is changed through it.
void check_holds_its_own(const Module& copy, const Module& original) {
    const std::vector<Entry> arrays = entries_of(original, true);
    std::unordered_map<const Parameter*, const void*> places;
    for (const Entry& entry : arrays) places.emplace(entry.place, entry.array.id());
    std::unordered_set<const Module*> children;
    original.visit(Visitor(
        no_array, [&](const std::string&, const Module& child) { children.insert(&child); }, false));

    const auto child = [&](const std::string& name, const Module& module) {
        require<std::logic_error>(!children.contains(&module), "clone: the copy would share the child ", name,
                                  ": it is held by a pointer; hold it by value, which copies it with its module");
    };
    const auto array = [&](const std::string& name, const Parameter& parameter, Role) {
        const auto held = places.find(&parameter);  // a handle made for visit may lie where another has lain
        require<std::logic_error>(
            held == places.end() || held->second != parameter.id(), "clone: the copy would share ", name,
            ": its Parameter is held by a pointer; hold it by value, which copies it with ", "its module");
    };
    copy.visit(Visitor(array, child));
}

void rebind(const Parameter& handle, const Parameter& to) {
    // visit() shows handles to be read. This one lies in a copy that clone() has made and not yet given away, so that
    // it may be replaced: as a new object, which is legal for a const member too.
    auto* const place = const_cast<Parameter*>(&handle);
    std::destroy_at(place);
    std::construct_at(place, to);
}

}  // namespace

void Module::unshare(const Module& original) {
    const Module& copy = *this;
    require<std::logic_error>(typeid(copy) == typeid(original), "clone: this ", original.describe(),
                              " is of a class derived from the one it is cloned as");
    check_holds_its_own(copy, original);
    const std::vector<Entry> shared = entries_of(original, true);
    std::unordered_set<const void*> ids;
    for (const Entry& entry : shared) ids.insert(entry.array.id());

    std::unordered_map<const void*, Parameter> own;  // the copy's, by the original's ids
    copy.visit(Visitor([&](const std::string&, const Parameter& array, Role) {
        if (!array.defined() || !ids.contains(array.id())) return;
        const auto [entry, is_new] = own.try_emplace(array.id());
        if (is_new) entry->second = array.clone();
        rebind(array, entry->second);
    }));
    for (const Entry& entry : entries_of(copy, true)) {
        require<std::logic_error>(!entry.array.defined() || !ids.contains(entry.array.id()),
                                  "clone: the copy would share ", entry.name, ": visit must be given the Parameter ",
                                  "that the module holds, not a copy of it");
    }
}

namespace {

/// A line of the summary.
struct Line {
    std::string name, description, count;
};

std::string with_commas(std::size_t count) {
    std::string digits = std::to_string(count);
    for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
    return digits;
}

Line line_of(const std::string& name, const Module& module) {
    const std::size_t depth =
        name.empty() ? 0 : static_cast<std::size_t>(std::count(name.begin(), name.end(), '.')) + 1;
    const std::size_t count = module.parameter_count(), frozen = count - module.trainable_parameter_count();
    Line line{std::string(2 * depth, ' ') + name.substr(name.rfind('.') + 1), module.describe(), with_commas(count)};
    if (frozen > 0) line.count += " (" + with_commas(frozen) + " frozen)";
    return line;
}

}  // namespace

std::string to_string(const Module& module) {
    std::vector<Line> lines{line_of("", module)};
    const auto add_line = [&](const std::string& name, const Module& child) { lines.push_back(line_of(name, child)); };
    module.visit(Visitor(no_array, add_line, false));
    std::swap(lines.front().name, lines.front().description);  // the module itself has no name
    std::size_t name_width = 0, width = 0, digits = 0;
    const auto widen = [](std::size_t& to, const std::string& text) { to = std::max(to, text.size()); };
    for (const Line& line : lines) widen(name_width, line.name);
    for (const Line& line : lines) widen(width, line.description);
    for (const Line& line : lines) widen(digits, line.count.substr(0, line.count.find(' ')));
    std::string text;
    for (Line& line : lines) {
        const std::size_t missing = digits - std::min(line.count.find(' '), line.count.size());
        line.name.resize(name_width, ' ');
        line.description.resize(width, ' ');
        text += line.name + "  " + line.description + "  " + std::string(missing, ' ') + line.count + "\n";
    }
    return text;
}

std::ostream& operator<<(std::ostream& out, const Module& module) { return out << to_string(module); }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
