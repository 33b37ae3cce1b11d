// Parameter: values and their version, frozen rows, and the gradient as its user sees it.
#include <embergrad/engine/parameter.hpp>

#include <algorithm>
#include <utility>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// The flattened values of the rows that are not frozen, neighbours joined. An empty `frozen`: all of them.
std::vector<FlatRange> trainable_pieces(const std::vector<bool>& frozen, const Shape& shape) {
    std::vector<FlatRange> runs;
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

/// Held by the one thread that has to do with a gradient. (std::mutex would bring <chrono> into every program.)
class GradientLock {
public:
    explicit GradientLock(std::atomic<bool>& taken) : taken_(taken) {
        while (taken_.exchange(true, std::memory_order_acquire)) taken_.wait(true);
    }
    GradientLock(const GradientLock&) = delete;
    GradientLock& operator=(const GradientLock&) = delete;
    ~GradientLock() {
        taken_.store(false, std::memory_order_release);
        taken_.notify_one();
    }

private:
    std::atomic<bool>& taken_;
};

}  // namespace

Parameter::Parameter(Array value) : state_(std::make_shared<State>()) {
    state_->value = std::move(value);
    state_->gradient.bind(state_->value.shape(), true);
    state_->shape = state_->value.shape();
    state_->trainable = trainable_pieces({}, state_->shape);
}

void Parameter::fail_empty() { fail<std::logic_error>("Parameter: this handle is empty; construct it from an array"); }

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
    check_shape();
    Parameter copy(value(), requires_grad());
    if (has_frozen_rows()) copy.set_frozen(state_->frozen);
    return copy;
}

void Parameter::set_requires_grad(bool requires_grad) const {
    state().requires_grad = requires_grad;
    if (!requires_grad) zero_grad();
}

void Parameter::freeze_rows(const IdArray& rows) const { set_frozen(rows, true); }
void Parameter::unfreeze_rows(const IdArray& rows) const { set_frozen(rows, false); }
void Parameter::unfreeze_rows() const {
    if (has_frozen_rows()) set_frozen(std::vector<bool>());
}

void Parameter::set_frozen(const IdArray& rows, bool frozen) const {
    require(!shape().empty(), "Parameter: a scalar has no rows to freeze");
    check_gradient();
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
    std::vector<FlatRange> trainable = trainable_pieces(frozen, shape());
    if (!frozen.empty()) state_->gradient.drop_rows(frozen, trainable);
    state_->frozen = std::move(frozen);
    state_->trainable = std::move(trainable);
    ++state_->frozen_version;
}

std::vector<std::int64_t> Parameter::frozen_rows() const {
    std::vector<std::int64_t> rows;
    const std::vector<bool>& frozen = state().frozen;
    for (std::size_t row = 0; row < frozen.size(); ++row) {
        if (frozen[row]) rows.push_back(static_cast<std::int64_t>(row));
    }
    return rows;
}

bool Parameter::is_frozen(std::size_t row) const {
    const std::vector<bool>& frozen = state().frozen;
    require<std::out_of_range>(frozen.empty() || row < frozen.size(), "Parameter::is_frozen: there is no row ", row,
                               " among ", frozen.size());
    return !frozen.empty() && frozen[row];
}

void Parameter::check_shape() const {
    require<std::logic_error>(state().shape == shape(), "Parameter: values of shape ", shape(),
                              " were put in the place of those of shape ", state_->shape,
                              "; put such back, or make a new Parameter");
}

std::span<const FlatRange> Parameter::trainable_runs() const {
    check_shape();
    return state_->trainable;
}

std::size_t Parameter::trainable_size() const {
    std::size_t size = 0;
    for (const FlatRange& run : trainable_runs()) size += run.size();
    return size;
}

void Parameter::drop_frozen_gradient() const {
    if (!has_frozen_rows()) return;
    check_gradient();
    state_->gradient.drop_rows(state_->frozen, trainable_runs());
}

void Parameter::fill_frozen_rows(Array& values, Real value) const {
    require(values.shape() == shape(), "Parameter: an array of shape ", values.shape(),
            " does not have the rows of a parameter of shape ", shape());
    if (has_frozen_rows()) fill_outside(trainable_runs(), values, value);
}

void Parameter::check_kind(GradientKind wanted) const {
    const GradientKind kind = gradient_kind();
    require<std::logic_error>(kind == wanted, "Parameter: a parameter of shape ", shape(), " has ",
                              kind == GradientKind::none   ? "no gradient"
                              : kind == GradientKind::rows ? "a gradient by rows (see row_grad)"
                                                           : "a dense gradient (see grad)");
}

const Array& Parameter::grad() const {
    const GradientLock lock(state().in_use);
    check_kind(GradientKind::dense);
    return state_->gradient.read();
}

const RowGradient& Parameter::row_grad() const {
    check_kind(GradientKind::rows);
    return state_->gradient.rows();
}

Array Parameter::dense_grad() const {
    if (gradient_kind() == GradientKind::dense) return grad();
    Array gradient = zeros(shape());
    if (gradient_kind() == GradientKind::rows) row_grad().add_to(gradient);
    return gradient;
}

Array& Parameter::mutable_grad() const {
    check_kind(GradientKind::dense);
    return state_->gradient.hand_out();
}

RowGradient& Parameter::mutable_row_grad() const {
    check_kind(GradientKind::rows);
    return state_->gradient.mutable_rows();
}

void Parameter::add_grad(Array gradient) const {
    require(gradient.shape() == shape(), "Parameter: a gradient of shape ", gradient.shape(),
            " does not fit a parameter of shape ", shape());
    check_gradient();
    zero_frozen_rows(gradient);
    const GradientLock lock(state_->in_use);
    state_->gradient.add(std::move(gradient));
}

void Parameter::add_grad(RowGradient gradient) const {
    check_gradient();
    Gradient arrived;
    arrived.bind(shape(), true);
    arrived.add(std::move(gradient));
    add_grad(std::move(arrived));
}

void Parameter::add_grad(Gradient&& arrived) const {
    if (has_frozen_rows()) arrived.drop_rows(state_->frozen, trainable_runs());
    const GradientLock lock(state().in_use);
    state_->gradient.add(std::move(arrived));
}

void Parameter::check_gradient() const {
    check_shape();
    const GradientLock lock(state_->in_use);
    state_->gradient.check_fits();
}

void Parameter::zero_grad(bool set_to_none) const {
    if (set_to_none)
        state().gradient.clear();
    else
        state().gradient.zero();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
