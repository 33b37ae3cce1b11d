// Packing in whole vectors; a transposition goes by squares of four.
#include <embergrad/engine/kernels/product/packing.hpp>

#include <algorithm>
#include <cstring>

#include <embergrad/engine/kernels/simd.hpp>

#ifdef EMBERGRAD_HAS_AVX2

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

using Quad = Real __attribute__((vector_size(4 * sizeof(Real))));

[[EMBERGRAD_AVX2, gnu::always_inline]] inline Quad load(const Real* from) {
    Quad x;
    std::memcpy(&x, from, sizeof x);
    return x;
}
[[EMBERGRAD_AVX2, gnu::always_inline]] inline void store(Real* to, Quad x) { std::memcpy(to, &x, sizeof x); }

template <std::size_t n>
[[EMBERGRAD_AVX2, gnu::always_inline]] inline void copy(const Real* from, Real* to) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < n; i += 4) store(to + i, load(from + i));
}

struct FourQuads {
    Quad row[4];
};

/// Transposes 4 x 4 numbers whose rows are `stride` apart.
[[EMBERGRAD_AVX2, gnu::always_inline]] inline FourQuads transposed(const Real* from, std::size_t stride) {
    Quad row[4];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) row[i] = load(from + i * stride);
    const Quad low_a = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
    const Quad low_b = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
    const Quad high_a = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
    const Quad high_b = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
    return {{__builtin_shufflevector(low_a, low_b, 0, 1, 4, 5), __builtin_shufflevector(low_a, low_b, 2, 3, 6, 7),
             __builtin_shufflevector(high_a, high_b, 0, 1, 4, 5), __builtin_shufflevector(high_a, high_b, 2, 3, 6, 7)}};
}

/// A panel of a b whose columns, `apart`, lie one after the other. Four columns are read at a time: more of them, a
/// power of two apart, would evict each other from L1.
[[EMBERGRAD_AVX2]] void pack_columns(std::size_t k, std::size_t columns, const Real* b, std::size_t apart,
                                     Real* panel) {
    if (columns < kPanel) std::fill_n(panel, k * kPanel, Real{0});
    const std::size_t whole_columns = columns / 4 * 4, whole_k = k / 4 * 4;
    for (std::size_t j = 0; j < whole_columns; j += 4) {
        for (std::size_t l = 0; l < whole_k; l += 4) {
            const FourQuads rows = transposed(b + j * apart + l, apart);
#pragma GCC unroll 4
            for (std::size_t i = 0; i < 4; ++i) store(panel + (l + i) * kPanel + j, rows.row[i]);
        }
    }
    for (std::size_t j = 0; j < columns; ++j)
        for (std::size_t l = j < whole_columns ? whole_k : 0; l < k; ++l) panel[l * kPanel + j] = b[j * apart + l];
}

/// A row of panels that are `apart`; zeros after its `n` numbers.
[[EMBERGRAD_AVX2]] void pack_row(const Real* row, std::size_t n, std::size_t apart, Real* to) {
    std::size_t j = 0;
    for (; j + kPanel <= n; j += kPanel, to += apart) copy<kPanel>(row + j, to);
    if (j < n) std::fill(std::copy(row + j, row + n, to), to + kPanel, Real{0});
}

}  // namespace

void pack_panels(std::size_t k, std::size_t n, const MatrixView& b, Real* panels) {
    if (b.column_stride == 1) {
        for (std::size_t l = 0; l < k; ++l) pack_row(b.at(l, 0).data, n, k * kPanel, panels + l * kPanel);
        return;
    }
    for (std::size_t j = 0; j < n; j += kPanel)
        pack_columns(k, std::min(kPanel, n - j), b.at(0, j).data, b.column_stride, panels + j * k);
}

[[EMBERGRAD_AVX2]] void pack_strip(std::size_t rows, std::size_t k, const MatrixView& a, Real* strip) {
    const std::size_t apart = a.column_stride;
    for (std::size_t l = 0; l < k; ++l) {
        if (rows == kStrip) {
            copy<kStrip>(a.data + l * apart, strip + l * kStrip);
        } else {
            std::copy_n(a.data + l * apart, rows, strip + l * kStrip);
        }
    }
}

[[EMBERGRAD_AVX2]] void put_transposed(std::size_t m, std::size_t n, const Real* sums, ProductStart start, Real* c,
                                       std::size_t stride) {
    const std::size_t whole_m = m / 4 * 4, whole_n = n / 4 * 4;
    for (std::size_t j = 0; j < whole_n; j += 4) {
        for (std::size_t i = 0; i < whole_m; i += 4) {
            const FourQuads rows = transposed(sums + i * kColumns + j, kColumns);
#pragma GCC unroll 4
            for (std::size_t l = 0; l < 4; ++l) {
                const Quad x = rows.row[l];
                store(c + (j + l) * stride + i, start.data == nullptr ? x : load(start.at(j + l, i).data) + x);
            }
        }
    }
    for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t i = j < whole_n ? whole_m : 0; i < m; ++i) {
            const Real x = sums[i * kColumns + j];
            c[j * stride + i] = start.data == nullptr ? x : *start.at(j, i).data + x;
        }
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail

#endif
