// Parameters and their gradients: none, dense, or by rows.
#include <embergrad/engine/parameter.hpp>

#include <algorithm>
#include <utility>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// The flattened values of the rows that are not frozen, neighbours joined. An empty `frozen`: all of them.
std::vector<Run> trainable_pieces(const std::vector<bool>& frozen, const Shape& shape) {
    std::vector<Run> runs;
    const std::size_t size = element_count(shape);
    if (frozen.empty()) {
        if (size > 0) runs.push_back({0, size});
        return runs;
    }
    const std::size_t width = size / frozen.size();
    for (std::size_t row = 0; row < frozen.size() && width > 0; ++row) {
        if (frozen[row]) continue;
        const std::size_t begin = row * width;
        if (!runs.empty() && runs.back().end == begin)
            runs.back().end += width;
        else
            runs.push_back({begin, begin + width});
    }
    return runs;
}

}  // namespace

Parameter::Parameter(Array value, bool requires_grad) : state_(std::make_shared<State>()) {
    state_->value = std::move(value);
    state_->requires_grad = requires_grad;
    state_->trainable = trainable_pieces({}, state_->value.shape());
}

Parameter::State& Parameter::state() const {
    require<std::logic_error>(state_ != nullptr, "Parameter: this handle is empty; construct it from an array");
    return *state_;
}

Array& Parameter::mutable_value() const {
    state().version.fetch_add(1, std::memory_order_acq_rel);
    return state_->value;
}

void Parameter::assign(const Array& value) const {
    require(value.shape() == shape(), "Parameter: cannot assign values of shape ", value.shape(),
            " to a parameter of shape ", shape());
    std::copy(value.storage().begin(), value.storage().end(), mutable_value().storage().begin());
}

Parameter Parameter::clone() const {
    Parameter copy(value(), requires_grad());
    if (has_frozen_rows()) copy.set_frozen(state_->frozen);
    return copy;
}

void Parameter::set_requires_grad(bool requires_grad) const {
    state().requires_grad = requires_grad;
    if (requires_grad) return;
    zero_grad();
    state_->zeros = Array(Shape{0});
}

void Parameter::freeze_rows(const IdArray& rows) const { set_frozen(rows, true); }
void Parameter::unfreeze_rows(const IdArray& rows) const { set_frozen(rows, false); }
void Parameter::unfreeze_rows() const {
    if (has_frozen_rows()) set_frozen(std::vector<bool>());
}

void Parameter::set_frozen(const IdArray& rows, bool frozen) const {
    require(!shape().empty(), "Parameter: a scalar has no rows to freeze");
    const std::size_t v = shape()[0];
    if (const std::optional<std::size_t> i = first_outside(rows, v))
        fail<std::out_of_range>("Parameter: row ", rows.data()[*i], " at position ", position_text(*i, rows.shape()),
                                " cannot be ", frozen ? "frozen" : "unfrozen", ": there are ", v, " rows");
    std::vector<bool> all = has_frozen_rows() ? state_->frozen : std::vector<bool>(v);
    for (std::size_t i = 0; i < rows.size(); ++i) all[static_cast<std::size_t>(rows.data()[i])] = frozen;
    if (std::find(all.begin(), all.end(), true) == all.end()) all.clear();
    if (all != state_->frozen) set_frozen(std::move(all));
}

void Parameter::set_frozen(std::vector<bool> frozen) const {
    check_gradient();
    std::vector<Run> trainable = trainable_pieces(frozen, shape());
    RowGradient kept;
    if (state_->kind == GradientKind::rows) kept = state_->rows;
    if (!frozen.empty()) kept.erase_rows(frozen);

    state_->frozen = std::move(frozen);  // nothing fails from here on
    state_->trainable = std::move(trainable);
    ++state_->frozen_version;
    if (state_->kind == GradientKind::rows) state_->rows = std::move(kept);
    if (state_->kind == GradientKind::dense) zero_frozen_rows(state_->dense);
}

std::vector<std::int64_t> Parameter::frozen_rows() const {
    std::vector<std::int64_t> rows;
    const std::vector<bool>& frozen = state().frozen;
    for (std::size_t row = 0; row < frozen.size(); ++row) {
        if (frozen[row]) rows.push_back(static_cast<std::int64_t>(row));
    }
    return rows;
}

std::size_t Parameter::trainable_size() const {
    std::size_t size = 0;
    for (const Run& run : trainable_runs()) size += run.size();
    return size;
}

void Parameter::drop_frozen_gradient() const {
    if (!has_frozen_rows()) return;
    check_gradient();
    if (state_->kind == GradientKind::rows) state_->rows.erase_rows(state_->frozen);
    if (state_->kind == GradientKind::dense) zero_frozen_rows(state_->dense);
}

void Parameter::fill_frozen_rows(Array& values, Real value) const {
    require(values.shape() == shape(), "Parameter: an array of shape ", values.shape(),
            " does not have the rows of a parameter of shape ", shape());
    if (!has_frozen_rows()) return;
    std::size_t begin = 0;
    for (const Run& run : trainable_runs()) {  // what lies between them is frozen
        std::fill(values.data() + begin, values.data() + run.begin, value);
        begin = run.end;
    }
    std::fill(values.data() + begin, values.data() + values.size(), value);
}

const Array& Parameter::grad() const { return dense_gradient(); }
const RowGradient& Parameter::row_grad() const { return mutable_row_grad(); }

Array& Parameter::mutable_grad() const {
    Array& gradient = dense_gradient();
    state_->handed_out = true;
    state_->touched.touch_all();
    return gradient;
}

Array& Parameter::dense_gradient() const {
    require<std::logic_error>(state().kind == GradientKind::dense, "Parameter: a parameter of shape ", shape(), " has ",
                              has_gradient() ? "a gradient by rows (see row_grad)" : "no gradient");
    return state_->dense;
}

RowGradient& Parameter::mutable_row_grad() const {
    require<std::logic_error>(state().kind == GradientKind::rows, "Parameter: a parameter of shape ", shape(), " has ",
                              has_gradient() ? "a dense gradient (see grad)" : "no gradient");
    return state_->rows;
}

void Parameter::add_grad(Array gradient) const { add_grad(std::move(gradient), detail::TouchedRows()); }

Array Parameter::take_zeros() const {
    if (same_shape(state().zeros.shape(), shape())) return std::exchange(state_->zeros, Array(Shape{0}));
    return zeros(shape());
}

void Parameter::add_grad(Array gradient, const detail::TouchedRows& touched) const {
    require(gradient.shape() == shape(), "Parameter: a gradient of shape ", gradient.shape(),
            " does not fit a parameter of shape ", shape());
    check_gradient();
    zero_frozen_rows(gradient);
    if (state_->kind == GradientKind::dense) {
        add_to_dense(std::move(gradient), touched);
        return;
    }
    detail::TouchedRows all_touched = touched;
    if (state_->kind == GradientKind::rows) {
        state_->rows.add_to(gradient);
        all_touched.touch(state_->rows.rows(), row_count());
    }
    if (state_->handed_out) all_touched.touch_all();
    drop_gradient();
    std::swap(state_->dense, gradient);  // no copy: the usual case is the first gradient of a step
    state_->from_zeros = !all_touched.all();
    state_->touched = std::move(all_touched);
    if (!state_->from_zeros) state_->zeros = Array(Shape{0});
    state_->kind = GradientKind::dense;
}

void Parameter::add_to_dense(Array gradient, const detail::TouchedRows& touched) const {
    state_->touched.touch(touched, row_count());  // first: more rows than needed do no harm, missing ones would
    Real* sum = state_->dense.data();
    const Real* term = gradient.data();
    if (touched.all()) {
        for (std::size_t i = 0; i < gradient.size(); ++i) sum[i] += term[i];
        return;
    }
    const std::size_t width = gradient.size() / std::max<std::size_t>(1, row_count());
    for (std::size_t row : touched.ascending()) {
        for (std::size_t i = row * width; i < (row + 1) * width; ++i) sum[i] += term[i];
    }
}

void Parameter::add_grad(RowGradient gradient) const {
    gradient.check_fits(shape());
    if (has_frozen_rows()) gradient.erase_rows(state_->frozen);
    if (state().kind == GradientKind::dense) {
        state_->touched.touch(gradient.rows(), row_count());
        return gradient.add_to(state_->dense);
    }
    state_->zeros = Array(Shape{0});
    state_->rows.append(std::move(gradient));
    state_->kind = GradientKind::rows;
}

void Parameter::check_gradient() const {
    if (state().kind == GradientKind::rows) state_->rows.check_fits(shape());
    require(state_->kind != GradientKind::dense || state_->dense.shape() == shape(),
            "Parameter: the gradient of a parameter of shape ", shape(), " was replaced by one of shape ",
            state_->dense.shape());
}

void Parameter::zero_grad(bool set_to_none) const {
    if (set_to_none || state().kind == GradientKind::none) return drop_gradient();
    if (state_->kind == GradientKind::dense)
        clear_dense();
    else
        state_->rows = RowGradient({}, Array(Shape{0, shape()[1]}));
}

void Parameter::clear_dense() const {
    state_->touched.clear(state_->dense);
    if (state_->handed_out) state_->touched.touch_all();
}

/// Whether clearing the dense gradient is cheaper than making zeros again.
bool Parameter::keeps_zeros() const {
    return state_->from_zeros && !state_->touched.all() && same_shape(state_->dense.shape(), shape()) &&
           state_->dense.size() * sizeof(Real) <= memory_cap();
}

void Parameter::drop_gradient() const {
    if (state().kind == GradientKind::dense && keeps_zeros()) {
        state_->touched.clear(state_->dense);
        state_->zeros = std::exchange(state_->dense, Array(Shape{0}));
    }
    state_->kind = GradientKind::none;
    state_->from_zeros = false;
    state_->dense.resize(Shape{0});
    state_->rows = RowGradient();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
