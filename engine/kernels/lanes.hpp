// Loops over a row of numbers side by side, in vector instructions whose width does not show in the results: sums run
// in a fixed number of lanes. Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// What softmax and its logarithm make of a row x: exp(x - max), so that nothing overflows, and the sum of those.
struct Exponentials {
    Real max;
    double sum;
};

/// e[i] = exp(x[i] - max). A NaN anywhere, +infinity, or nothing but -infinity make the sum NaN.
Exponentials exponentials(const Real* x, std::size_t n, Real* e);

/// Both in double.
double sum_of(const Real* x, std::size_t n);
double dot(const Real* x, const Real* y, std::size_t n);

/// y = factor (the sum of the rows of x), or added to y; x: (rows, n).
void sum_rows(const Real* x, std::size_t rows, std::size_t n, Real factor, bool add, Real* y);

/// y[i] = value(i), or added to y[i]. For the loops of functions marked EMBERGRAD_SIMD.
template <class Value>
[[gnu::always_inline]] inline void put(Real* y, std::size_t n, bool add, Value value) {
    if (add) {
        for (std::size_t i = 0; i < n; ++i) y[i] += value(i);
    } else {
        for (std::size_t i = 0; i < n; ++i) y[i] = value(i);
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
