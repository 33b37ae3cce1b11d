// What layers and models have in common: one visitor, from which everything about names and weights derives.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/state_dict.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What a visited array is: trained; saved but not trained; neither.
enum class Role { parameter, buffer, temporary };

using Visitor = std::function<void(const std::string& name, const Parameter& array, Role role)>;

using NamedParameters = std::vector<std::pair<std::string, Parameter>>;

/// A layer or a model. Forward is const: values of a run live on its tape, weights behind shared handles (a copied
/// module shares its weights).
class Module {
public:
    virtual ~Module() = default;

    /// Hands each array to `visit` under its dotted name: its own first, then its children's. The one thing that a
    /// module says about its arrays. Everything below throws std::logic_error if a name is empty or given twice.
    virtual void visit(const Visitor& visit) const = 0;

    /// Every trained array once, in the order of visit.
    std::vector<Parameter> parameters() const;
    /// The same with the first of its names ("classifier.1.weight").
    NamedParameters named_parameters() const;
    /// Elements of all parameters.
    std::size_t parameter_count() const;
    /// Freezes (false) or unfreezes (true) every parameter.
    void set_requires_grad(bool requires_grad) const;
    /// Drops every gradient; with set_to_none = false keeps zeros instead.
    void zero_grad(bool set_to_none = true) const;

    /// Copies of all arrays that are saved, each under every name it has.
    StateDict state_dict() const;
    /// Copies values in, by name. With strict = false, missing and unexpected names are passed over.
    /// All or nothing: throws std::invalid_argument that lists every missing, unexpected, duplicate or misshapen name,
    /// and has changed nothing then.
    void load_state_dict(const StateDict& state, bool strict = true) const;

protected:
    Module() = default;
    Module(const Module&) = default;
    Module& operator=(const Module&) = default;

    /// For visit: the arrays of a child under "name.".
    static void visit_child(const Visitor& visit, const std::string& name, const Module& child);
};

/// A module from one value to one value, as Sequential takes them.
class Layer : public Module {
public:
    virtual Var operator()(Var x) const = 0;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
