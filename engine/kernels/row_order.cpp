// Row order: a radix sort by digits of 11 bits, the lowest first: two passes for a table of up to four million rows.
#include <embergrad/engine/kernels/row_order.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr int kDigitBits = 11;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
constexpr std::size_t kFew = 128;  // below it comparisons are faster than counting digits

std::size_t digit_of(std::int64_t row, int shift) { return static_cast<std::uint64_t>(row) >> shift & (kDigits - 1); }

/// One pass: positions go to `to`, by this digit, otherwise in the order they have.
void sort_by_digit(std::span<const std::int64_t> rows, int shift, const Positions& from, Positions& to) {
    std::array<std::size_t, kDigits> next{};  // where the next position with this digit goes
    for (std::size_t position : from) ++next[digit_of(rows[position], shift)];
    std::exclusive_scan(next.begin(), next.end(), next.begin(), std::size_t{0});
    for (std::size_t position : from) to[next[digit_of(rows[position], shift)]++] = position;
}

void sort_by_comparison(std::span<const std::int64_t> rows, Positions& order) {
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return rows[a] != rows[b] ? rows[a] < rows[b] : a < b;  // equal rows in the order they come
    });
}

}  // namespace

Positions ascending_order(std::span<const std::int64_t> rows) {
    Positions order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::int64_t bits = 0;  // of any row; negative if a row is
    for (std::int64_t row : rows) bits |= row;
    if (rows.size() < kFew || bits < 0) {
        sort_by_comparison(rows, order);
        return order;
    }
    Positions other(rows.size());
    const auto width = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(bits)));
    for (int shift = 0; shift < width; shift += kDigitBits) {
        sort_by_digit(rows, shift, order, other);
        std::swap(order, other);
    }
    return order;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
