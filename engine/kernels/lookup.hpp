// Rows of a table by their ids: gathered, in tiles that threads share. Internal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <embergrad/engine/system/memory.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

using IdVector = std::vector<std::int64_t, Allocator<std::int64_t>>;
using RealVector = std::vector<Real, Allocator<Real>>;

constexpr std::size_t kRowsAhead = 32;  // are prefetched: a lookup does so little with a row that 16 come too late
                                        // (but see uncached_rows.cpp)
constexpr std::int64_t kNoRow = -1;

/// Rows a thread reads before it takes the next tile: 2,048 of 128 values.
inline std::size_t row_tile(std::size_t d) {
    constexpr std::size_t kTileValues = std::size_t{1} << 18, kMost = 2048;
    return std::clamp<std::size_t>(kTileValues / std::max<std::size_t>(d, 1), 1, kMost);
}

/// Whether `n` rows of `d` values are work enough to wake the other threads for; a short row is a line of memory, too.
inline bool is_worth_threads(std::size_t n, std::size_t d) {
    constexpr std::size_t kWakeFor = std::size_t{1} << 20, kLine = 64 / sizeof(Real);
    return n * std::max(d, kLine) >= kWakeFor;
}

/// to[i] = table[ids[i]] for i < n, rows of d values
void gather(const Real* table, const std::int64_t* ids, std::size_t n, std::size_t d, Real* to);

/// 1 / how often ids[i] occurs among all n.
RealVector inverse_counts(const std::int64_t* ids, std::size_t n);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
