// Writing past the cache: an array larger than the cache would only push everything else out of it, and a line that is
// written piece by piece is read from memory first. Done by AVX-512, whose registers are whole lines, where there is
// one; with narrower stores the lines go out in pieces between the reads, and most of the gain is lost.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <embergrad/engine/embedding_rows.hpp>

#if defined(__x86_64__) && defined(__GNUC__)
#define EMBERGRAD_HAS_STREAMING 1
#include <immintrin.h>
#endif

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Whether `n` rows of `d` values are better written past the cache: whole lines, and so many that whoever reads them
/// next finds little of them in the cache anyway.
inline bool is_streamed([[maybe_unused]] std::size_t n, [[maybe_unused]] std::size_t d) {
#ifdef EMBERGRAD_HAS_STREAMING
    constexpr std::size_t kLine = 64, kLarge = std::size_t{16} << 20;
    static const bool has_lines = __builtin_cpu_supports("avx512f");
    return has_lines && d * sizeof(Real) % kLine == 0 && n * d * sizeof(Real) >= kLarge;
#else
    return false;
#endif
}

/// to[i] = table[ids[i]] for begin <= i < end, past the cache. Only where is_streamed() says so; `to` is aligned to 64
/// bytes.
#ifdef EMBERGRAD_HAS_STREAMING
[[gnu::target("avx512f")]] inline void stream_rows(const Real* table, const std::int64_t* ids, std::size_t begin,
                                                   std::size_t end, std::size_t d, Real* to) {
    for (std::size_t i = begin; i < end; ++i) {
        if (i + kRowsAhead < end) prefetch_row(table + static_cast<std::size_t>(ids[i + kRowsAhead]) * d, d);
        const Real* from = table + static_cast<std::size_t>(ids[i]) * d;
        for (std::size_t j = 0; j < d; j += 64 / sizeof(Real))
            _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i * d + j), _mm512_loadu_si512(from + j));
    }
    _mm_sfence();  // before another thread is told that the rows are there
}
#else
inline void stream_rows(const Real*, const std::int64_t*, std::size_t, std::size_t, std::size_t, Real*) {}
#endif

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
