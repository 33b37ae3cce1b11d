// RowGradient: rows joined, summed and left out.
#include <embergrad/engine/gradient/row_gradient.hpp>

#include <algorithm>
#include <utility>

#include <embergrad/engine/gradient/row_sums.hpp>
#include <embergrad/engine/kernels/elementwise.hpp>
#include <embergrad/engine/kernels/prefetch.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// All rows' values; returns where they end.
Real* copy_values(const RowGradient& gradient, Real* to) {
    const auto from = gradient.reader();
    const std::size_t d = gradient.width();
    for (std::size_t i = 0; i < gradient.size(); ++i) to = std::copy_n(from.row(i), d, to);
    return to;
}

}  // namespace

RowGradient::RowGradient(RowIds rows, Array values) : RowGradient(std::move(rows), RowValues(std::move(values))) {}

RowGradient::RowGradient(RowIds rows, Array different, RowIds sources)
    : RowGradient(std::move(rows), RowValues(std::move(different), std::move(sources))) {}

RowGradient::RowGradient(RowIds rows, RowValues values)
    : rows_(std::move(rows)), values_(std::move(values)), coalesced_(rows_.size() < 2) {
    require(values_.shape()[0] == rows_.size(), "RowGradient: ", rows_.size(), " rows need values of shape (",
            rows_.size(), ", D), not ", values_.shape());
}

RowGradient& RowGradient::operator=(RowGradient&& other) noexcept {
    if (this == &other) return *this;
    rows_ = std::exchange(other.rows_, RowIds());
    values_ = std::exchange(other.values_, RowValues());
    coalesced_ = std::exchange(other.coalesced_, true);
    return *this;
}

void RowGradient::append(RowGradient&& other) { append(std::span(&other, 1)); }

void RowGradient::append(std::span<RowGradient> others) {
    std::size_t n = size(), d = width();
    for (const RowGradient& other : others) {
        if (other.size() == 0) continue;
        if (n == 0) d = other.width();
        require(other.width() == d, "RowGradient: cannot append rows of ", other.width(), " values to rows of ", d);
        n += other.size();
    }
    for (; size() == 0 && !others.empty(); others = others.subspan(1)) {  // no copy: mostly there is but one
        if (others.front().size() > 0 || width() == 0) *this = std::move(others.front());
    }
    if (n == size()) return;

    Array joined(Shape{n, d});
    Real* end = copy_values(*this, joined.data());
    rows_.reserve(n);
    for (const RowGradient& other : others) {
        end = copy_values(other, end);
        rows_.insert(rows_.end(), other.rows_.begin(), other.rows_.end());
    }
    values_ = RowValues(std::move(joined));
    coalesced_ = false;
}

void RowGradient::coalesce() {
    if (coalesced_) return;
    const detail::RowSums all(*this);
    RowIds rows(all.size());
    Array sums(Shape{all.size(), width()});  // (n, D)
    for (std::size_t i = 0; i < all.size(); ++i) {
        rows[i] = all.row(i);
        Real* to = sums.data() + i * width();
        const Real* sum = all.sum(i, to);
        if (sum != to) std::copy_n(sum, width(), to);
    }
    rows_ = std::move(rows);
    values_ = RowValues(std::move(sums));
    coalesced_ = true;
}

void RowGradient::erase_rows(const std::vector<bool>& gone) {
    const auto is_gone = [&](std::int64_t row) { return gone[static_cast<std::size_t>(row)]; };
    if (std::none_of(rows_.begin(), rows_.end(), is_gone)) return;
    std::vector<std::size_t> kept;
    kept.reserve(size());
    for (std::size_t i = 0; i < size(); ++i) {
        if (!is_gone(rows_[i])) kept.push_back(i);
    }
    values_.keep(kept);
    std::erase_if(rows_, is_gone);
    coalesced_ |= kept.size() < 2;
}

void RowGradient::check_fits(const Shape& table) const {
    const bool empty = size() == 0 && width() == 0;
    require(table.size() == 2 && (empty || values_.shape() == Shape{size(), table[1]}),
            "Parameter: a gradient by rows of ", width(), " values does not fit a parameter of shape ", table);
    const auto v = static_cast<std::int64_t>(table[0]);
    for (std::int64_t row : rows_) {
        require<std::out_of_range>(row >= 0 && row < v, "Parameter: a gradient for row ", row,
                                   " does not fit a parameter of shape ", table);
    }
}

void RowGradient::add_to(Array& dense) const {
    check_fits(dense.shape());
    const std::size_t d = width();
    const auto from = reader();
    const auto row_of = [&](std::size_t i) { return dense.data() + static_cast<std::size_t>(rows_[i]) * d; };
    for (std::size_t i = 0; i < size(); ++i) {
        if (i + detail::kPrefetch < size()) detail::prefetch_row(row_of(i + detail::kPrefetch), d);
        detail::put_scaled(from.row(i), d, 1, true, row_of(i));
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
