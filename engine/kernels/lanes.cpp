// Lane reductions: the i-th number goes to lane i % lanes, and the lanes are folded in halves.
#include <embergrad/engine/kernels/lanes.hpp>

#include <algorithm>
#include <array>
#include <limits>

#include <embergrad/engine/kernels/elementwise.hpp>
#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/kernels/vector_exp.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

/// Folds value(0), value(1) ... into `lanes`: lane = combine(lane, value).
template <std::size_t lanes, class T, class Value, class Combine>
[[gnu::always_inline]] inline void fold_into(T (&lane)[lanes], std::size_t n, Value value, Combine combine) {
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        for (std::size_t l = 0; l < lanes; ++l) lane[l] = combine(lane[l], value(i + l));
    }
    for (std::size_t l = 0; i + l < n; ++l) lane[l] = combine(lane[l], value(i + l));
}

template <std::size_t lanes, class T, class Combine>
[[gnu::always_inline]] inline T folded(T (&lane)[lanes], Combine combine) {
    for (std::size_t half = lanes / 2; half > 0; half /= 2) {
        for (std::size_t l = 0; l < half; ++l) lane[l] = combine(lane[l], lane[l + half]);
    }
    return lane[0];
}

constexpr std::size_t kLanes = 32;    // several vectors, so that an addition need not wait for the one before
constexpr std::size_t kPiece = 1024;  // short enough to be in L1 when it is read again
static_assert(kPiece % kLanes == 0);

constexpr auto plus = [](double a, double b) { return a + b; };
constexpr auto larger = [](Real a, Real b) { return b > a ? b : a; };

EMBERGRAD_SIMD Real max_of(const Real* x, std::size_t n) {
    Real lane[kLanes];
    std::fill(lane, lane + kLanes, -std::numeric_limits<Real>::infinity());
    fold_into(
        lane, n, [=](std::size_t i) { return x[i]; }, larger);
    return folded(lane, larger);
}

EMBERGRAD_SIMD double exponentials_below(Real max, const Real* __restrict x, std::size_t n, Real* __restrict e) {
    double lane[kLanes] = {};
    for (std::size_t first = 0; first < n; first += kPiece) {
        const std::size_t end = std::min(n, first + kPiece);
        for (std::size_t i = first; i < end; ++i) e[i] = exp_nonpositive(x[i] - max);
        fold_into(
            lane, end - first, [=](std::size_t i) { return static_cast<double>(e[first + i]); }, plus);
    }
    return folded(lane, plus);
}

/// sums[j] += the sum of eight rows, added up as a tree in Real.
[[gnu::always_inline]] inline void add_eight_rows(const Real* x, std::size_t step, std::size_t n, double* sums) {
    for (std::size_t j = 0; j < n; ++j) {
        const auto at = [=](std::size_t row) { return x[row * step + j]; };
        const Real sum = ((at(0) + at(1)) + (at(2) + at(3))) + ((at(4) + at(5)) + (at(6) + at(7)));
        sums[j] += static_cast<double>(sum);
    }
}

}  // namespace

Exponentials exponentials(const Real* x, std::size_t n, Real* e) {
    const Real max = max_of(x, n);  // may miss a NaN, which then comes out of exp
    return {max, exponentials_below(max, x, n, e)};
}

EMBERGRAD_SIMD double sum_of(const Real* x, std::size_t n) {
    double lane[kLanes] = {};
    fold_into(
        lane, n, [=](std::size_t i) { return static_cast<double>(x[i]); }, plus);
    return folded(lane, plus);
}

EMBERGRAD_SIMD double dot(const Real* x, const Real* y, std::size_t n) {
    double lane[kLanes] = {};
    fold_into(
        lane, n, [=](std::size_t i) { return static_cast<double>(x[i]) * static_cast<double>(y[i]); }, plus);
    return folded(lane, plus);
}

EMBERGRAD_SIMD void sum_rows(const Real* x, std::size_t rows, std::size_t n, Real factor, bool add, Real* y) {
    constexpr std::size_t kColumns = 512;
    for (std::size_t first = 0; first < n; first += kColumns) {
        const std::size_t columns = std::min(kColumns, n - first);
        double sums[kColumns];
        std::fill(sums, sums + columns, 0.0);
        std::size_t row = 0;
        for (; row + 8 <= rows; row += 8) add_eight_rows(x + row * n + first, n, columns, sums);
        for (; row < rows; ++row) {
            for (std::size_t j = 0; j < columns; ++j) sums[j] += static_cast<double>(x[row * n + first + j]);
        }
        put(y + first, columns, add, [&](std::size_t j) { return static_cast<Real>(sums[j]) * factor; });
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
