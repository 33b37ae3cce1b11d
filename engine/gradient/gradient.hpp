// Gradient: what has arrived for one value, in the cheapest form that says it exactly.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/gradient/row_gradient.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What a parameter's gradient is for its user. A dense one may be held by rows until somebody asks for the array.
enum class GradientKind { none, dense, rows };

/// The sum of what has arrived for a value so far: nothing, one number for all elements, or an array; and, for a
/// parameter alone, rows of it. An array is written out for whoever asks for one.
class Gradient {
public:
    /// Where to add. With `add` false nothing is there yet: the array is uninitialised and must be written whole.
    struct Target {
        Array& array;
        bool add;
    };

    Gradient() = default;
    Gradient(const Gradient&) = delete;  // what is added to a copy arrives nowhere
    Gradient& operator=(const Gradient&) = delete;

    /// For a value of this shape, which is kept by address. Only a parameter's gradient takes rows.
    void bind(const Shape& shape, bool takes_rows) {
        shape_ = &shape;
        takes_rows_ = takes_rows;
    }

    bool is_nothing() const { return form_ == Form::nothing && rows_.empty(); }
    bool is_array() const { return form_ == Form::array; }
    /// The gradient of every element, for whoever can do with one number: a pass over memory less. Nothing where the
    /// gradient is an array, or has not arrived.
    [[gnu::always_inline]] std::optional<Real> number() const {
        return form_ == Form::number ? std::optional(number_) : std::nullopt;
    }
    GradientKind kind() const;
    /// Of the value that it is bound to.
    const Shape& shape() const { return *shape_; }

    /// For ops that can overwrite: with `add` false every element must be written before anybody asks again. Throws
    /// std::logic_error after take().
    Target target() {
        if (form_ == Form::array) return {array_, true};
        if (form_ != Form::nothing) return write_out();
        make_room(array_, *shape_);
        form_ = Form::array;
        return {array_, false};
    }
    /// Everything that has arrived as one array, to be read. Zeros if nothing has, which still has not then; a table's
    /// rows stay rows. Good until the gradient changes. Throws std::logic_error after take().
    Array& read() {
        if (form_ == Form::array && rows_.empty()) [[likely]]
            return array_;
        return write_for_reader();
    }
    /// Everything that has arrived as one array, to be added to; zeros if nothing has. Errors as target().
    Array& array() {
        if (form_ == Form::array && rows_.empty()) [[likely]]
            return array_;
        return sum_up();
    }
    /// Adds a number to every element. Errors as target().
    void add(Real number);
    /// Adds rows. Unless `sparse`, they stand for a dense gradient that is zero elsewhere. Throws std::logic_error
    /// unless this is a parameter's, std::invalid_argument or std::out_of_range if the rows do not fit its shape.
    void add(RowGradient rows, bool sparse = true);
    /// Swaps arrays with a workspace of as many elements, so that a way back can compute in place; what the workspace
    /// then holds means nothing. Returns false, and does nothing, where something has arrived. Throws
    /// std::invalid_argument for another number of elements.
    [[nodiscard]] bool adopt(Array& workspace);
    /// Moves the array out, reshaped: a lookup's rows become its table's. From then on array() throws, unless retain()
    /// was called: then this is a copy. Throws std::logic_error for a
    /// parameter's, std::invalid_argument for another number of elements.
    Array take(const Shape& shape);
    /// See Var::retain_grad.
    void retain() { retained_ = true; }

    // For parameters.
    /// Adds all that has arrived elsewhere for a value of the same shape, and leaves nothing there.
    void add(Gradient&& other);
    void add(Array array);
    /// array(), to be written to at any time: from now on dense gradients are held as arrays.
    Array& hand_out() {
        handed_out_ = true;
        return array();
    }
    /// Only where is_array().
    const Array& held_array() const { return array_; }
    bool has_rows() const { return !rows_.empty(); }
    /// Whether the rows have been read: the array holds their sum, too.
    bool is_copied() const { return form_ == Form::copy; }
    /// All rows in their order. Only where has_rows(), of a parameter.
    const RowGradient& rows() const { return rows_.front(); }
    RowGradient& mutable_rows();
    /// Leaves out frozen rows: `frozen` says which are, `trainable` what they leave of the flattened values.
    void drop_rows(const std::vector<bool>& frozen, std::span<const FlatRange> trainable);
    /// Zeros of the same kind.
    void zero();
    /// Throws std::invalid_argument or std::out_of_range if what was handed out has been replaced by a misfit.
    void check_fits() const;

    /// Ready for another value; a small array keeps its memory.
    void clear() {
        shrink(array_);
        if (!rows_.empty()) rows_.clear();
        form_ = Form::nothing;
        retained_ = false;
    }

    /// The same, and no memory is kept.
    void release() {
        clear();
        array_.resize(Shape{0});
        std::vector<RowGradient>().swap(rows_);
    }

private:
    // copy: the rows are there, and the array holds their sum for readers. taken: the array was moved out.
    enum class Form : unsigned char { nothing, number, array, copy, taken };
    Target write_out();
    Array& sum_up();
    Array& write_for_reader();
    void join(std::span<RowGradient> rows, bool sparse);
    void add_rows(Array& sum) const;

    const Shape* shape_ = nullptr;
    Real number_ = 0;
    Form form_ = Form::nothing;
    bool takes_rows_ = false;
    bool sparse_ = false;  // every row was added so
    bool retained_ = false;
    bool handed_out_ = false;
    std::vector<RowGradient> rows_;  // on a tape in the order backward met them, in a parameter one
    Array array_{Shape{0}};
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
