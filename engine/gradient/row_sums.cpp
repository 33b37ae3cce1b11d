// RowSums: finding the different rows, and adding up those that come several times.
#include <embergrad/engine/gradient/row_sums.hpp>

#include <algorithm>
#include <numeric>
#include <span>

#include <embergrad/engine/kernels/simd.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

namespace {

Positions order_of(const RowGradient& gradient) {
    if (!gradient.coalesced()) return ascending_order(gradient.rows());
    Positions order(gradient.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    return order;
}

EMBERGRAD_SIMD void sum_values(RowValues::Reader values, std::span<const std::size_t> positions, std::size_t d,
                               Real* __restrict sum) {
    std::copy_n(values.row(positions[0]), d, sum);
    for (std::size_t position : positions.subspan(1)) {
        const Real* value = values.row(position);
        for (std::size_t j = 0; j < d; ++j) sum[j] += value[j];
    }
}

}  // namespace

RowSums::RowSums(const RowGradient& gradient)
    : gradient_(gradient), values_(gradient.reader()), width_(gradient.width()), order_(order_of(gradient)) {
    begins_.reserve(order_.size() + 1);
    const RowIds& rows = gradient.rows();
    for (std::size_t i = 0; i < order_.size(); ++i) {
        if (i == 0 || rows[order_[i]] != rows[order_[i - 1]]) begins_.push_back(i);
    }
    begins_.push_back(order_.size());
}

std::size_t RowSums::first_from(std::int64_t row) const {
    const auto is_below = [&](std::size_t begin) { return gradient_.rows()[order_[begin]] < row; };
    const auto last = begins_.end() - 1;
    return static_cast<std::size_t>(std::partition_point(begins_.begin(), last, is_below) - begins_.begin());
}

const Real* RowSums::sum(std::size_t i, Real* room) const {
    const Real* first = values_.row(order_[begins_[i]]);
    if (begins_[i] + 1 == begins_[i + 1]) return first;
    sum_values(values_, {order_.data() + begins_[i], order_.data() + begins_[i + 1]}, width_, room);
    return room;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
