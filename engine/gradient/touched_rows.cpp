// A list of rows that gives up where it gets too long.
#include <embergrad/engine/gradient/touched_rows.hpp>

#include <algorithm>

#include <embergrad/engine/kernels/row_order.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

std::vector<std::size_t, Allocator<std::size_t>> TouchedRows::ascending() const {
    std::vector<std::size_t, Allocator<std::size_t>> ascending;
    ascending.reserve(rows_.size());
    for (std::size_t position : ascending_order(rows_)) {
        const auto row = static_cast<std::size_t>(rows_[position]);
        if (ascending.empty() || ascending.back() != row) ascending.push_back(row);
    }
    return ascending;
}

void TouchedRows::touch(std::span<const std::int64_t> rows, std::size_t v) {
    if (all_) return;
    if (rows_.size() + rows.size() > v / 2) return touch_all();
    rows_.insert(rows_.end(), rows.begin(), rows.end());
}

void TouchedRows::touch(const TouchedRows& others, std::size_t v) {
    if (others.all_) return touch_all();
    touch(others.rows(), v);
}

void TouchedRows::clear(Array& gradient) {
    if (all_) {
        std::fill(gradient.storage().begin(), gradient.storage().end(), Real{0});
    } else if (!rows_.empty()) {
        const std::size_t width = gradient.size() / gradient.shape()[0];
        for (std::int64_t row : rows_)
            std::fill_n(gradient.data() + static_cast<std::size_t>(row) * width, width, Real{0});
    }
    *this = none();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
