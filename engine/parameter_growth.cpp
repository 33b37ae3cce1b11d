// Parameter: rows that are added, the one change of its shape.
#include <algorithm>
#include <utility>

#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// (V, ...) and (n, ...) -> (V + n, ...)
Shape joined_shape(const Shape& values, const Shape& rows) {
    require(!values.empty(), "Parameter: a scalar has no rows to add to");
    const bool fits = rows.size() == values.size() && std::equal(values.begin() + 1, values.end(), rows.begin() + 1);
    require(fits, "Parameter: rows of shape ", rows, " cannot be added to a parameter of shape ", values);
    Shape joined(values);
    joined[0] += rows[0];
    return joined;
}

}  // namespace

void Parameter::add_rows(const Array& rows) const {
    Array joined(joined_shape(shape(), rows.shape()));
    require<std::logic_error>(!has_gradient(), "Parameter: a parameter of shape ", shape(),
                              " has a gradient; call zero_grad() before rows are added");
    if (rows.shape()[0] == 0) return;
    std::copy_n(rows.data(), rows.size(), std::copy_n(value().data(), size(), joined.data()));
    std::vector<bool> frozen = state_->frozen;
    if (!frozen.empty()) frozen.resize(joined.shape()[0], false);
    const std::span<const FlatRange> runs = trainable_runs();
    std::vector<FlatRange> trainable(runs.begin(), runs.end());
    if (rows.size() > 0 && (trainable.empty() || trainable.back().end != size())) trainable.push_back({size(), size()});
    if (rows.size() > 0) trainable.back().end = joined.size();

    mutable_value() = std::move(joined);  // nothing fails from here on
    state_->frozen = std::move(frozen);
    state_->trainable = std::move(trainable);
    state_->shape = shape();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
