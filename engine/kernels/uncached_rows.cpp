// Non-temporal stores by AVX-512, whose registers are whole cache lines, or by AVX, two of whose are: no compiler makes
// them from plain loops.
#include <embergrad/engine/kernels/uncached_rows.hpp>

#include <algorithm>

#include <embergrad/engine/kernels/prefetch.hpp>

#if defined(__x86_64__) && defined(__GNUC__)
#define EMBERGRAD_HAS_STREAMING 1
#include <immintrin.h>
#endif

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

#ifdef EMBERGRAD_HAS_STREAMING

namespace {

constexpr std::size_t kLine = 64 / sizeof(Real);
// Non-temporal stores and prefetches share the core's few line-fill buffers. After five lines of a row the hardware
// prefetcher goes on by itself: prefetching more, or for rows further ahead, made lookups slower (8 lines 32 rows
// ahead: 1.1 to 1.4 times the time, on a machine with AVX2; not measured with AVX-512).
constexpr std::size_t kStreamedAhead = 16;
constexpr std::size_t kPrefetched = 5 * kLine;

[[gnu::target("avx512f")]] void stream_row_avx512(const Real* from, std::size_t d, Real* to) {
    for (std::size_t j = 0; j < d; j += kLine)
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to + j), _mm512_loadu_si512(from + j));
}

[[gnu::target("avx")]] void stream_row_avx(const Real* from, std::size_t d, Real* to) {
    for (std::size_t j = 0; j < d; j += kLine) {
        const auto* halves = reinterpret_cast<const __m256i*>(from + j);
        const __m256i first = _mm256_loadu_si256(halves), second = _mm256_loadu_si256(halves + 1);
        _mm256_stream_si256(reinterpret_cast<__m256i*>(to + j), first);
        _mm256_stream_si256(reinterpret_cast<__m256i*>(to + j) + 1, second);
    }
}

}  // namespace

std::span<const StreamRow> stream_row_kernels() {
    static constexpr StreamRow kAll[] = {stream_row_avx512, stream_row_avx};
    static const std::size_t missing = __builtin_cpu_supports("avx512f") ? 0 : __builtin_cpu_supports("avx") ? 1 : 2;
    return std::span(kAll).subspan(missing);
}

bool is_streamed(std::size_t n, std::size_t d) {
    constexpr std::size_t kLarge = (std::size_t{16} << 20) / sizeof(Real);
    return !stream_row_kernels().empty() && d % kLine == 0 && n * d >= kLarge;
}

void stream_rows(const Real* table, const std::int64_t* ids, std::size_t begin, std::size_t end, std::size_t d,
                 Real* to) {
    const StreamRow stream_row = stream_row_kernels().front();
    for (std::size_t i = begin; i < end; ++i) {
        if (i + kStreamedAhead < end)
            prefetch_row(table + static_cast<std::size_t>(ids[i + kStreamedAhead]) * d, std::min(d, kPrefetched));
        stream_row(table + static_cast<std::size_t>(ids[i]) * d, d, to + i * d);
    }
    _mm_sfence();  // before another thread is told that the rows are there
}

#else

std::span<const StreamRow> stream_row_kernels() { return {}; }
bool is_streamed(std::size_t, std::size_t) { return false; }
void stream_rows(const Real*, const std::int64_t*, std::size_t, std::size_t, std::size_t, Real*) {}

#endif

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
