// Prefetching rows of a table. Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

constexpr std::size_t kPrefetch = 16;  // rows ahead: a table larger than the cache is waited for otherwise

/// Always in place: g++ takes a function that only prefetches for one without effects, and drops its calls.
[[gnu::always_inline]] inline void prefetch_row(const Real* row, std::size_t d) {
    for (std::size_t j = 0; j < d; j += 64 / sizeof(Real)) __builtin_prefetch(row + j);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
