// RowSums: each row of a gradient once, ascending, with the sum of its values. Only rows that come several times are
// summed, each when an optimizer reaches it: no coalesced copy is made. Internal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <embergrad/engine/gradient/row_gradient.hpp>
#include <embergrad/engine/kernels/prefetch.hpp>
#include <embergrad/engine/kernels/row_order.hpp>
#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

class RowSums {
public:
    /// Of a gradient that lives as long and is not changed.
    explicit RowSums(const RowGradient& gradient);

    /// How many different rows there are.
    std::size_t size() const { return begins_.size() - 1; }
    std::size_t width() const { return width_; }
    std::int64_t row(std::size_t i) const { return gradient_.rows()[order_[begins_[i]]]; }
    /// The first that is not below `row`.
    std::size_t first_from(std::int64_t row) const;
    /// The sum of the values of row i, (D), in the order they came. In the gradient itself or in `room`, (D).
    const Real* sum(std::size_t i, Real* room) const;

private:
    const RowGradient& gradient_;
    RowValues::Reader values_;
    std::size_t width_;
    Positions order_;   // of the gradient's rows, ascending
    Positions begins_;  // where each different row begins in it, and the end
};

/// Calls update(row, sum) for each different row of the gradient, on all threads where there are many, and
/// prefetch(row) some rows ahead.
template <class Prefetch, class Update>
void for_each_row(const RowGradient& gradient, Prefetch prefetch, Update update) {
    const RowSums sums(gradient);
    constexpr std::size_t kTileValues = std::size_t{1} << 16, kWakeFor = 4 * kTileValues;
    const std::size_t tile = std::max<std::size_t>(1, kTileValues / std::max<std::size_t>(1, sums.width()));
    const auto update_rows = [&](std::size_t begin, std::size_t end) {
        std::vector<Real, Allocator<Real>> room(sums.width());
        for (std::size_t i = begin; i < end; ++i) {
            if (i + kPrefetch < end) prefetch(static_cast<std::size_t>(sums.row(i + kPrefetch)));
            update(static_cast<std::size_t>(sums.row(i)), sums.sum(i, room.data()));
        }
    };
    parallel_for(sums.size(), tile, update_rows, sums.size() * sums.width() >= kWakeFor);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
