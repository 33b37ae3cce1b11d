// Module: what layers and models share; one visitor knows their names and weights, and all else is derived from it.
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

/// What becomes of an array: it is trained, only saved, or neither.
enum class Role { parameter, buffer, temporary };

/// What load_state_dict did not use: PyTorch's names.
struct LoadedKeys {
    std::vector<std::string> missing_keys = {};     ///< that the module has and the state has not
    std::vector<std::string> unexpected_keys = {};  ///< that the state has and the module has not
};

class Module;

/// Is handed each array of a module and, if it asks for them, each child.
class Visitor {
public:
    using OnArray = std::function<void(const std::string& name, const Parameter& array, Role role)>;
    using OnChild = std::function<void(const std::string& name, const Module& child)>;

    /// Names are dotted, from the visited module on ("classifier.1.weight"). A child comes before its arrays.
    template <std::invocable<const std::string&, const Parameter&, Role> F>
    Visitor(F on_array, OnChild on_child = {}, bool wants_buffers = true)
        : on_array_(std::move(on_array)), on_child_(std::move(on_child)), wants_buffers_(wants_buffers) {}

    // For a module's visit.
    void operator()(const std::string& name, const Parameter& array, Role role) const { on_array_(name, array, role); }
    /// If not, a module may leave out buffers that it would have to work out.
    bool wants_buffers() const { return wants_buffers_; }
    /// Everything in a child, under "name.". Throws std::logic_error for a name that is empty or has dots.
    void child(const std::string& name, const Module& child) const;

private:
    OnArray on_array_;
    OnChild on_child_;
    bool wants_buffers_;
};

/// A layer or a model. Forward is const: values of a run live on its tape, weights behind shared handles (a copied
/// module shares its weights; clone() copies them too).
class Module {
public:
    virtual ~Module() = default;

    /// Hands its own arrays to `visit` by their names, then its children to visit.child(): the one place where a module
    /// lists its parts. What it forgets is neither trained nor saved: Optimizer::check_holds finds it in a step that
    /// uses it, unless it is frozen. All functions below throw std::logic_error if a name is empty or given twice.
    virtual void visit(const Visitor& visit) const = 0;
    /// The layer in a line, with the options that are not the default: "Embedding(1000, 128, padding_idx=0)".
    virtual std::string describe() const { return "Module"; }

    /// Every trained array once, in the order of visit.
    std::vector<Parameter> parameters() const;
    /// The same, each with the first of its names ("classifier.1.weight").
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
    /// Copies values in, by name. With strict = false, missing and unexpected names are passed over, and returned. An
    /// optimizer's arrays, whose names begin with "optim.", may be in the same state.
    /// All or nothing: throws std::invalid_argument that lists every missing, unexpected, duplicate or misshapen name,
    /// and names that share one array here but differ in the state; nothing is changed then.
    LoadedKeys load_state_dict(const StateDict& state, bool strict = true) const;

protected:
    Module() = default;
    Module(const Module&) = default;
    Module& operator=(const Module&) = default;

    /// The loaded array that has one of the module's own names, or nullptr.
    using Loaded = std::function<const Array*(const std::string& name)>;

private:
    template <std::derived_from<Module> M>
    friend M clone(const M& module);
    /// Gives this, a copy of `original`, arrays of its own.
    void unshare(const Module& original);

    /// For modules that work out a buffer from other arrays: called when load_state_dict has copied those in.
    virtual void after_load(const Loaded&) const {}
};

/// A module of its own with the same values, as PyTorch's copy.deepcopy gives it: every array that visit() names is
/// copied, buffers too, with requires_grad and frozen rows; what was tied is tied again in the clone. Gradients are not
/// copied, and an optimizer knows the original's parameters only.
/// Throws std::logic_error, naming the part, where the copy would share one with the original: a child or an array that
/// the module holds by a pointer, or hands to visit by value. (Arrays that visit() does not name stay shared.)
template <std::derived_from<Module> M>
M clone(const M& module) {
    M copy = module;
    static_cast<Module&>(copy).unshare(module);
    return copy;
}

/// One line a layer: its name, what it is, how many parameters it has, and how many of them are frozen.
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
