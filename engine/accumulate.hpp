// Elementwise loops, and adding to a gradient that may be the first to arrive: written then, where clearing it first
// would cost two passes. Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/row_math.hpp>
#include <embergrad/engine/simd.hpp>
#include <embergrad/engine/tape.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

template <class Value>
EMBERGRAD_SIMD void put_many(Real* y, std::size_t n, bool add, Value value) {
    put(y, n, add, value);
}

/// y[i] = value(i), or added to y[i], in the widest vectors there are; a few elements without choosing among them.
template <class Value>
[[gnu::always_inline]] inline void put_each(Real* y, std::size_t n, bool add, Value value) {
    constexpr std::size_t kFew = 64;
    if (n < kFew) return put(y, n, add, value);
    put_many(y, n, add, value);
}

/// dx[i] += term(i) for each element of x.
template <class Term>
void accumulate(Var x, Term term) {
    const auto [array, beta] = x.grad_target();
    put_each(array.data(), array.size(), beta != 0, term);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
