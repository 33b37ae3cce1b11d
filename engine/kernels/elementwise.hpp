// Elementwise loops over plain memory, in the widest vectors there are. Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// y[i] = value(i), or added to y[i]. For the loops of functions marked EMBERGRAD_SIMD.
template <class Value>
[[gnu::always_inline]] inline void put(Real* y, std::size_t n, bool add, Value value) {
    if (add) {
        for (std::size_t i = 0; i < n; ++i) y[i] += value(i);
    } else {
        for (std::size_t i = 0; i < n; ++i) y[i] = value(i);
    }
}

template <class Value>
EMBERGRAD_SIMD void put_many(Real* y, std::size_t n, bool add, Value value) {
    put(y, n, add, value);
}

/// put(), compiled for each vector unit; a few elements without choosing among them.
template <class Value>
[[gnu::always_inline]] inline void put_each(Real* y, std::size_t n, bool add, Value value) {
    constexpr std::size_t kFew = 64;
    if (n < kFew) return put(y, n, add, value);
    put_many(y, n, add, value);
}

/// y = factor x, or added to y; y may be x where it is not added to.
void put_scaled(const Real* x, std::size_t n, Real factor, bool add, Real* y);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
