// The q-norm: sums of powers in double; where those would overflow or vanish, relative to the largest number.
#include <embergrad/engine/kernels/row_norm.hpp>

#include <array>
#include <cmath>
#include <limits>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

/// Eight sums side by side: one alone would wait for each addition to end before the next.
template <class Term>
double sum(std::span<const Row> rows, Term term) {
    constexpr std::size_t kLanes = 8;
    std::array<double, kLanes> sums{};
    for (Row row : rows) {
        const Real* x = row.data();
        const std::size_t whole = row.size() / kLanes * kLanes;
        for (std::size_t i = 0; i < whole; i += kLanes) {
            for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += term(static_cast<double>(x[i + lane]));
        }
        for (std::size_t i = whole; i < row.size(); ++i) sums[0] += term(static_cast<double>(x[i]));
    }
    double total = 0;
    for (double lane : sums) total += lane;
    return total;
}

/// The largest |x|, or for a negative q the smallest; NaN if there is one; 0 if there is nothing.
double extreme(std::span<const Row> rows, double q) {
    Real most = q > 0 ? Real{-1} : std::numeric_limits<Real>::infinity();
    bool any = false, any_nan = false;
    for (Row row : rows) {
        for (Real x : row) {
            const Real size = std::abs(x);
            most = (q > 0 ? size > most : size < most) ? size : most;
            any_nan |= size != size;
        }
        any |= !row.empty();
    }
    if (any_nan) return std::numeric_limits<double>::quiet_NaN();
    return any ? static_cast<double>(most) : 0;
}

/// With each number relative to the largest, or for a negative q to the smallest.
double scaled_norm(std::span<const Row> rows, double q) {
    const double most = extreme(rows, q);
    if (std::isinf(q) || most == 0 || !std::isfinite(most)) return most;
    return most * std::pow(sum(rows, [=](double x) { return std::pow(std::abs(x) / most, q); }), 1 / q);
}

}  // namespace

double joint_norm(std::span<const Row> rows, double q) {
    if (q == 0) return sum(rows, [](double x) { return x != 0 ? 1.0 : 0.0; });
    if (q == 1) return sum(rows, [](double x) { return std::abs(x); });
    if (q != 2) return scaled_norm(rows, q);
    const double squares = sum(rows, [](double x) { return x * x; });
    return std::isnormal(squares) ? std::sqrt(squares) : scaled_norm(rows, q);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
