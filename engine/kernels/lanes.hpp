// Lane reductions: sums, dot products and exponentials of a row in a fixed number of lanes, so that the width of the
// vector unit does not show in the results. Internal.
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

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
