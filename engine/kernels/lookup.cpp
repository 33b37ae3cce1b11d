// Gathering rows of a table, through the cache or by non-temporal stores.
#include <embergrad/engine/kernels/lookup.hpp>

#include <cstring>

#include <embergrad/engine/kernels/prefetch.hpp>
#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/kernels/uncached_rows.hpp>
#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

/// In whole lines, in place: for a short row a call costs as much as the copy.
[[gnu::always_inline]] inline void copy_row(const Real* __restrict from, std::size_t d, Real* __restrict to) {
    constexpr std::size_t kLine = 64 / sizeof(Real);
    std::size_t j = 0;
    for (; j + kLine <= d; j += kLine) std::memcpy(to + j, from + j, kLine * sizeof(Real));
    for (; j < d; ++j) to[j] = from[j];
}

EMBERGRAD_SIMD void copy_rows(const Real* table, const std::int64_t* ids, std::size_t begin, std::size_t end,
                              std::size_t d, Real* to) {
    for (std::size_t i = begin; i < end; ++i) {
        if (i + kRowsAhead < end) prefetch_row(table + static_cast<std::size_t>(ids[i + kRowsAhead]) * d, d);
        copy_row(table + static_cast<std::size_t>(ids[i]) * d, d, to + i * d);
    }
}

}  // namespace

void gather(const Real* table, const std::int64_t* ids, std::size_t n, std::size_t d, Real* to) {
    const auto copy = is_streamed(n, d) ? stream_rows : copy_rows;
    const auto copy_tile = [=](std::size_t begin, std::size_t end) { copy(table, ids, begin, end, d, to); };
    parallel_for(n, row_tile(d), copy_tile, is_worth_threads(n, d));
}

RealVector inverse_counts(const std::int64_t* ids, std::size_t n) {
    IdVector sorted(ids, ids + n);
    std::sort(sorted.begin(), sorted.end());
    RealVector inverse(n);
    for (std::size_t i = 0; i < n; ++i) {
        const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), ids[i]);
        inverse[i] = 1 / static_cast<Real>(last - first);
    }
    return inverse;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
