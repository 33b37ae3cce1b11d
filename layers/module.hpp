// What layers and models have in common: one visitor, from which everything about names and weights derives.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/state_dict.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What a visited array is: trained; saved but not trained; neither.
enum class Role { parameter, buffer, temporary };

class Module;

/// Whoever wants to know what a module consists of: told each array and, where it asks for them, each child.
class Visitor {
public:
    using OnArray = std::function<void(const std::string& name, const Parameter& array, Role role)>;
    using OnChild = std::function<void(const std::string& name, const Module& child)>;

    /// Names are dotted, from the visited module on ("classifier.1.weight"). A child is told before its arrays.
    template <std::invocable<const std::string&, const Parameter&, Role> F>
    Visitor(F on_array, OnChild on_child = {}, bool wants_buffers = true)
        : on_array_(std::move(on_array)), on_child_(std::move(on_child)), wants_buffers_(wants_buffers) {}

    // For a module's visit.
    void operator()(const std::string& name, const Parameter& array, Role role) const { on_array_(name, array, role); }
    /// Whether there is a use for buffers: a module that would have to work one out need not, if not.
    bool wants_buffers() const { return wants_buffers_; }
    /// Everything in a child, under "name.". Throws std::logic_error for a name that is empty or has points.
    void child(const std::string& name, const Module& child) const;

private:
    OnArray on_array_;
    OnChild on_child_;
    bool wants_buffers_;
};

/// A layer or a model. Forward is const: values of a run live on its tape, weights behind shared handles (a copied
/// module shares its weights).
class Module {
public:
    virtual ~Module() = default;

    /// Hands each array to `visit` under its name, its own first, then its children by visit.child(). The one thing
    /// that a module says about its parts. Everything below throws std::logic_error if a name is empty or given twice.
    virtual void visit(const Visitor& visit) const = 0;
    /// The layer in a line, options that are not the default included: "Embedding(1000, 128, padding_idx=0)".
    virtual std::string describe() const { return "Module"; }

    /// Every trained array once, in the order of visit.
    std::vector<Parameter> parameters() const;
    /// The same with the first of its names ("classifier.1.weight").
    NamedParameters named_parameters() const;
    /// Elements of all parameters.
    std::size_t parameter_count() const;
    /// Those that are trained: of parameters with requires_grad, without frozen rows.
    std::size_t trainable_parameter_count() const;
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

    /// The array of a name of the module's own that a state held, or nullptr.
    using Loaded = std::function<const Array*(const std::string& name)>;

private:
    /// For modules that hand out a buffer worked out from something else: called when load_state_dict has copied the
    /// others in.
    virtual void after_load(const Loaded&) const {}
};

/// A line a layer: its name, what it is, how many parameters it has, and how many of them are frozen.
///     TextClassifier                                        1,297,157
///       embedding     Embedding(10000, 128, padding_idx=0)  1,280,000
///       classifier    Sequential                               17,157
///         0           Dropout(p=0.5)                                0
std::string to_string(const Module& module);
std::ostream& operator<<(std::ostream& out, const Module& module);

/// A module from one value to one value, as Sequential takes them.
class Layer : public Module {
public:
    virtual Var operator()(Var x) const = 0;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
