// Gradient: how one form becomes another.
#include <embergrad/engine/gradient/gradient.hpp>

#include <algorithm>
#include <utility>

#include <embergrad/engine/kernels/elementwise.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

constexpr std::size_t kMostRows = 64;  // that are kept apart, and two for each of the table's

void fill_zeros(Array& array) { std::fill(array.storage().begin(), array.storage().end(), Real{0}); }

}  // namespace

GradientKind Gradient::kind() const {
    if (rows_.empty()) return form_ == Form::nothing ? GradientKind::none : GradientKind::dense;
    return sparse_ && form_ == Form::nothing ? GradientKind::rows : GradientKind::dense;
}

/// A number, or what has been read of rows, as an array.
Gradient::Target Gradient::write_out() {
    require<std::logic_error>(form_ != Form::taken,
                              "Var::grad: this gradient was handed on to a table on the way back; call retain_grad() "
                              "before backward to read it afterwards");
    make_room(array_, *shape_);
    if (form_ == Form::number)
        detail::put_each(array_.data(), array_.size(), false, [number = number_](std::size_t) { return number; });
    if (form_ == Form::copy) rows_.clear();
    form_ = Form::array;
    return {array_, true};
}

/// All that has arrived, in the array.
Array& Gradient::sum_up() {
    if (!target().add) fill_zeros(array_);
    add_rows(array_);
    rows_.clear();
    return array_;
}

void Gradient::add_rows(Array& sum) const {
    for (auto rows = rows_.rbegin(); rows != rows_.rend(); ++rows) rows->add_to(sum);  // the first lookup first
}

void Gradient::add(Real number) {
    if (form_ == Form::nothing || form_ == Form::number) {
        number_ = form_ == Form::nothing ? number : number_ + number;
        form_ = Form::number;
        return;
    }
    Array& sum = target().array;
    detail::put_each(sum.data(), sum.size(), true, [=](std::size_t) { return number; });
}

void Gradient::add(RowGradient rows, bool sparse) {
    require<std::logic_error>(takes_rows_, "Gradient::add: only a parameter's gradient takes rows, not a result's");
    rows.check_fits(*shape_);                        // here, where it is wrong: when parameters change it is too late
    if (form_ == Form::copy) form_ = Form::nothing;  // what was read is too little now
    sparse_ = sparse && (sparse_ || rows_.empty());
    rows_.push_back(std::move(rows));
}

bool Gradient::adopt(Array& workspace) {
    require(workspace.size() == element_count(*shape_), "Gradient::adopt: a workspace of shape ", workspace.shape(),
            " does not hold a gradient of shape ", *shape_);
    if (!is_nothing()) return false;
    workspace.reshape(*shape_);
    std::swap(workspace, array_);
    form_ = Form::array;
    return true;
}

Array Gradient::take(const Shape& shape) {
    require<std::logic_error>(!takes_rows_, "Gradient::take: a parameter keeps its gradient");
    require(element_count(shape) == element_count(*shape_), "Gradient::take: a gradient of shape ", *shape_,
            " does not fit shape ", shape);
    Array taken = retained_ ? array() : std::exchange(array(), Array(Shape{0}));
    if (!retained_) form_ = Form::taken;
    taken.reshape(shape);
    return taken;
}

void Gradient::add(Gradient&& other) {
    std::reverse(other.rows_.begin(), other.rows_.end());  // backward met the last lookup first
    if (!other.rows_.empty()) join(other.rows_, other.sparse_);
    if (other.form_ == Form::number) other.target();
    if (other.form_ == Form::array) add(std::exchange(other.array_, Array(Shape{0})));
    other.clear();
}

void Gradient::add(Array array) {
    if (form_ == Form::array || form_ == Form::copy) {
        const Real* x = array.data();
        return detail::put_each(target().array.data(), array.size(), true, [=](std::size_t i) { return x[i]; });
    }
    std::swap(array_, array);  // no copy: the usual case is the first gradient of a step
    form_ = Form::array;
    add_rows(array_);
    rows_.clear();
}

/// Puts rows behind those that are there.
void Gradient::join(std::span<RowGradient> rows, bool sparse) {
    sparse_ = sparse && (sparse_ || rows_.empty());
    std::size_t n = rows_.empty() ? 0 : rows_.front().size();
    for (const RowGradient& more : rows) n += more.size();
    const bool is_dear = n > (*shape_)[0] / 2;  // an array is no dearer then
    if (form_ != Form::nothing || (!sparse_ && (handed_out_ || is_dear))) {
        Array& sum = array();
        for (const RowGradient& more : rows) more.add_to(sum);
    } else {
        if (rows_.empty()) rows_.emplace_back();
        rows_.front().append(rows);
        if (n > kMostRows + 2 * (*shape_)[0]) rows_.front().coalesce();  // each append copies all that are there
    }
}

Array& Gradient::write_for_reader() {
    if (form_ == Form::copy) return array_;
    if (form_ != Form::nothing) return array();
    make_room(array_, *shape_);
    fill_zeros(array_);
    add_rows(array_);
    if (!rows_.empty()) form_ = Form::copy;
    return array_;
}

RowGradient& Gradient::mutable_rows() {
    if (form_ == Form::copy) form_ = Form::nothing;  // written out anew for the next reader
    return rows_.front();
}

void Gradient::drop_rows(const std::vector<bool>& frozen, std::span<const FlatRange> trainable) {
    if (form_ == Form::copy || form_ == Form::number) target();
    for (RowGradient& rows : rows_) rows.erase_rows(frozen);
    if (form_ == Form::array) fill_outside(trainable, array_, 0);
}

void Gradient::zero() {
    if (form_ == Form::array) return fill_zeros(array_);
    if (rows_.empty()) return;
    rows_.front() = RowGradient({}, Array(Shape{0, (*shape_)[1]}));
    if (form_ == Form::copy) shrink(array_), form_ = Form::nothing;
}

void Gradient::check_fits() const {
    for (const RowGradient& rows : rows_) rows.check_fits(*shape_);
    require(form_ != Form::array || same_shape(array_.shape(), *shape_),
            "Parameter: the gradient of a parameter of shape ", *shape_, " was replaced by one of shape ",
            array_.shape());
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
