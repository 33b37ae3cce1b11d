// Parameter: what is trained, a shared handle on values and on the gradient that backward leaves there.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/gradient/gradient.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// A trainable array. Copies are handles on the same values (so weights can be tied, and optimizers share them);
/// `clone()` copies the values. Shape and storage change by add_rows() alone. Only one thread may write to it at a
/// time.
class Parameter {
public:
    /// No parameter: every call but `defined()` throws std::logic_error.
    Parameter() = default;
    /// Takes the values, of any shape.
    explicit Parameter(Array value);
    /// The same; a bool alone says requires_grad, so that Parameter({1, 2}) is an array.
    template <std::same_as<bool> Bool>
    explicit Parameter(Array value, Bool requires_grad) : Parameter(std::move(value)) {
        set_requires_grad(requires_grad);
    }

    bool defined() const { return state_ != nullptr; }
    const Shape& shape() const { return value().shape(); }
    std::size_t size() const { return value().size(); }

    const Array& value() const { return state().value; }
    /// The values, to be changed (not resized). Each call raises version(): call it before every change, so that a
    /// backward that needs the old values can tell.
    Array& mutable_value() const;
    /// Copies values in. Throws std::invalid_argument if the shapes differ.
    void assign(const Array& value) const;
    /// Appends rows to (V, ...): a grown vocabulary. All handles see them, none is frozen; optimizers keep what they
    /// hold for the others. Pointers to values are stale then, and an open tape that used them does not go back any
    /// more. Throws std::invalid_argument for a scalar and rows of another shape than (n, ...), std::logic_error while
    /// there is a gradient (zero_grad() drops it); nothing is changed then.
    void add_rows(const Array& rows) const;
    /// How often the values were changed.
    std::uint64_t version() const { return state().version.load(std::memory_order_acquire); }
    /// A parameter of its own with the same values, requires_grad and frozen rows; no gradient.
    Parameter clone() const;

    bool requires_grad() const { return state().requires_grad; }
    /// Turning it off also drops the gradient, so that no optimizer steps on a stale one.
    void set_requires_grad(bool requires_grad) const;

    // Single rows, the entries of the first axis, can be frozen too. No optimizer moves them, whatever its momentum or
    // weight decay, nor keeps anything for them; their gradient is dropped, so that clipping does not see it; max_norm
    // scales what is looked up, not the row. Whoever writes values (init, assign, load_state_dict) writes them as
    // before.

    /// Freezes more rows; repeated ones are one. Each call looks at all V rows: freeze many at once.
    /// Throws std::out_of_range for a row that is not there, with its position, std::invalid_argument for a scalar and
    /// as check_gradient() does; nothing is changed then.
    void freeze_rows(const IdArray& rows) const;
    /// Lets rows be trained again (those that are not frozen may be among them); without an argument all of them.
    /// Throws as freeze_rows.
    void unfreeze_rows(const IdArray& rows) const;
    void unfreeze_rows() const;
    bool has_frozen_rows() const { return !state().frozen.empty(); }
    /// Throws std::out_of_range for a row that is not there, where any is frozen.
    bool is_frozen(std::size_t row) const;
    /// Ascending.
    std::vector<std::int64_t> frozen_rows() const;
    /// Flat ranges of the rows that are not frozen, ascending, whatever requires_grad says. Errors: check_shape().
    std::span<const FlatRange> trainable_runs() const;
    /// How many values those are.
    std::size_t trainable_size() const;
    /// Fills the frozen rows of an array of the parameter's shape; std::invalid_argument for another one.
    void fill_frozen_rows(Array& values, Real value) const;
    void zero_frozen_rows(Array& values) const { fill_frozen_rows(values, 0); }
    /// How often the set of frozen rows was changed.
    std::uint64_t frozen_version() const { return state().frozen_version; }
    /// Takes the gradient of frozen rows out of a gradient that was written through mutable_grad() or
    /// mutable_row_grad(). (add_grad does it by itself.)
    void drop_frozen_gradient() const;

    GradientKind gradient_kind() const { return state().gradient.kind(); }
    bool has_gradient() const { return gradient_kind() != GradientKind::none; }
    /// The dense gradient, of the parameter's shape; good until the gradient changes. That of lookups is held by rows
    /// and summed into an array by the first call (several threads may call at once).
    /// Throws std::logic_error if there is none, or one by rows.
    const Array& grad() const;
    /// The gradient by rows; good until zero_grad() or a dense gradient. Throws std::logic_error if there is none, or a
    /// dense one.
    const RowGradient& row_grad() const;
    /// A copy of the gradient as an array of the parameter's shape, whatever its kind; zeros if there is none.
    Array dense_grad() const;
    /// grad() to be written to, also after later backward passes: from now on dense gradients are held as arrays.
    Array& mutable_grad() const;
    RowGradient& mutable_row_grad() const;

    /// Adds to the gradient: none + g = g, rows + rows = rows (first, then second), dense + rows = dense. What is meant
    /// for frozen rows is dropped.
    /// Throws std::invalid_argument if the shape or a row does not fit; nothing is changed then.
    void add_grad(Array gradient) const;
    void add_grad(RowGradient gradient) const;
    /// Throws std::invalid_argument or std::out_of_range if the gradient, replaced through mutable_grad() or
    /// mutable_row_grad(), does not fit the parameter; as check_shape().
    void check_gradient() const;
    /// Throws std::logic_error if mutable_value() has been given values of another shape.
    void check_shape() const;
    /// Drops the gradient; `set_to_none = false` keeps a zero one instead (zeros, or no rows).
    void zero_grad(bool set_to_none = true) const;

    /// The same parameter (not: the same values)?
    friend bool operator==(const Parameter&, const Parameter&) = default;
    /// What tells parameters apart: equal exactly for handles on the same values.
    const void* id() const { return state_.get(); }

    // For the tape, the optimizers and clipping.
    /// How the gradient is held.
    Gradient& gradient() const { return state().gradient; }
    /// How many of version()'s changes were max_norm's, which says so after each mutable_value().
    std::uint64_t renorm_count() const { return state().renorms.load(std::memory_order_acquire); }
    void count_renorm() const { state().renorms.fetch_add(1, std::memory_order_acq_rel); }
    /// Adds what has arrived for it on a tape, and leaves nothing there. Several threads may call at once.
    void add_grad(Gradient&& arrived) const;

private:
    struct State {
        Array value;
        std::atomic<std::uint64_t> version{0}, renorms{0};
        bool requires_grad = true;
        std::vector<bool> frozen;          // (V); empty: no row is
        std::vector<FlatRange> trainable;  // flat ranges that are not frozen, merged
        Shape shape;                       // of the values that these two are made for
        std::uint64_t frozen_version = 0;
        Gradient gradient;
        std::atomic<bool> in_use{false};  // by a thread that adds to the gradient, or is the first to ask for its array
    };
    State& state() const {
        if (state_ == nullptr) [[unlikely]]
            fail_empty();
        return *state_;
    }
    [[noreturn]] static void fail_empty();
    void set_frozen(const IdArray& rows, bool frozen) const;
    void set_frozen(std::vector<bool> frozen) const;
    void check_kind(GradientKind wanted) const;

    std::shared_ptr<State> state_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
