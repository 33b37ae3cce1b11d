// Register tiles by AVX2 and FMA: no compiler keeps a dozen sums in registers by itself.
#include <embergrad/engine/kernels/product/tiles.hpp>

#include <embergrad/engine/kernels/simd.hpp>

#ifdef EMBERGRAD_HAS_AVX2

#include <immintrin.h>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

#ifdef EMBERGRAD_DOUBLE
using Lanes = __m256d;
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes load(const Real* from) { return _mm256_loadu_pd(from); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline void store(Real* to, Lanes x) { _mm256_storeu_pd(to, x); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes broadcast(Real x) { return _mm256_set1_pd(x); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes add(Lanes x, Lanes y) { return _mm256_add_pd(x, y); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes multiply_add(Lanes x, Lanes y, Lanes z) {
    return _mm256_fmadd_pd(x, y, z);
}
#else
using Lanes = __m256;
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes load(const Real* from) { return _mm256_loadu_ps(from); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline void store(Real* to, Lanes x) { _mm256_storeu_ps(to, x); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes broadcast(Real x) { return _mm256_set1_ps(x); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes add(Lanes x, Lanes y) { return _mm256_add_ps(x, y); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes multiply_add(Lanes x, Lanes y, Lanes z) {
    return _mm256_fmadd_ps(x, y, z);
}
#endif

constexpr std::size_t kLanes = kPanel / 2;

template <std::size_t kRows>
[[EMBERGRAD_AVX2, gnu::always_inline]] inline void multiply_tile(const Tiles& tiles, std::size_t j) {
    Lanes sums[kRows][2];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) sums[i][0] = sums[i][1] = Lanes{};
    const Real *a = tiles.a.data, *b = tiles.b.data + j * tiles.b.stride;
    for (std::size_t l = 0; l < tiles.k; ++l, a += tiles.a.column_stride, b += tiles.b.row_stride) {
        const Lanes left = load(b), right = load(b + kLanes);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kRows; ++i) {
            const Lanes factor = broadcast(a[i * tiles.a.row_stride]);
            sums[i][0] = multiply_add(factor, left, sums[i][0]);
            sums[i][1] = multiply_add(factor, right, sums[i][1]);
        }
    }
    Real* c = tiles.c + j * kPanel;
    const Real* start = tiles.start.at(0, j * kPanel).data;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
        if (start != nullptr) {
            sums[i][0] = add(load(start + i * tiles.start.row_stride), sums[i][0]);
            sums[i][1] = add(load(start + i * tiles.start.row_stride + kLanes), sums[i][1]);
        }
        store(c + i * tiles.stride, sums[i][0]);
        store(c + i * tiles.stride + kLanes, sums[i][1]);
    }
}

template <std::size_t kRows>
[[EMBERGRAD_AVX2]] void multiply_rows(const Tiles& tiles, Prefetchers& ahead) {
    for (std::size_t j = 0; j < tiles.count; ++j) {
        ahead.next();
        for (std::size_t i = kRows; tiles.prefetches_below && i < 2 * kRows; ++i)
            __builtin_prefetch(tiles.c + i * tiles.stride + j * kPanel, 1);
        multiply_tile<kRows>(tiles, j);
    }
}

/// By the number of rows less one.
constexpr void (*kMultiplyRows[kTile])(const Tiles&, Prefetchers&) = {
    multiply_rows<1>, multiply_rows<2>, multiply_rows<3>, multiply_rows<4>, multiply_rows<5>, multiply_rows<6>};

}  // namespace

void multiply_tiles(std::size_t rows, const Tiles& tiles, Prefetchers& ahead) { kMultiplyRows[rows - 1](tiles, ahead); }

void multiply_narrow_tile(std::size_t rows, std::size_t columns, const Tiles& tile, Prefetchers& ahead) {
    Real sums[kTile * kPanel];
    multiply_tiles(rows, {.k = tile.k, .count = 1, .a = tile.a, .b = tile.b, .c = sums, .stride = kPanel}, ahead);
    for (std::size_t i = 0; i < rows; ++i) {
        const Real *start = tile.start.at(i, 0).data, *sum = sums + i * kPanel;
        Real* c = tile.c + i * tile.stride;
        for (std::size_t j = 0; j < columns; ++j) c[j] = start == nullptr ? sum[j] : start[j] + sum[j];
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail

#endif
