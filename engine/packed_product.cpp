// After Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): b is taken in blocks that
// stay in the cache, copied into panels as wide as a tile of c, whose sums stay in registers. What is read next is
// asked for meanwhile: a weight is read once a product, and with few rows the product would wait for memory.
#include <embergrad/engine/packed_product.hpp>

#include <algorithm>

#include <embergrad/engine/memory.hpp>

#if defined(__x86_64__) && defined(__GNUC__)
#define EMBERGRAD_HAS_PACKED_PRODUCT 1
#include <immintrin.h>
#endif

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

#ifdef EMBERGRAD_HAS_PACKED_PRODUCT

#define EMBERGRAD_AVX2 gnu::target("avx2,fma")

namespace {

#ifdef EMBERGRAD_DOUBLE
using Lanes = __m256d;
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes load(const Real* from) { return _mm256_loadu_pd(from); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline void store(Real* to, Lanes x) { _mm256_storeu_pd(to, x); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes broadcast(Real x) { return _mm256_set1_pd(x); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes sum(Lanes x, Lanes y) { return _mm256_add_pd(x, y); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes fma(Lanes x, Lanes y, Lanes z) { return _mm256_fmadd_pd(x, y, z); }
#else
using Lanes = __m256;
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes load(const Real* from) { return _mm256_loadu_ps(from); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline void store(Real* to, Lanes x) { _mm256_storeu_ps(to, x); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes broadcast(Real x) { return _mm256_set1_ps(x); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes sum(Lanes x, Lanes y) { return _mm256_add_ps(x, y); }
[[EMBERGRAD_AVX2, gnu::always_inline]] inline Lanes fma(Lanes x, Lanes y, Lanes z) { return _mm256_fmadd_ps(x, y, z); }
#endif

constexpr std::size_t kLine = 64 / sizeof(Real);
constexpr std::size_t kLanes = 32 / sizeof(Real);
constexpr std::size_t kPanel = 2 * kLanes;    // columns of a tile
constexpr std::size_t kTile = 6;              // rows of a tile: its sums take 12 of the 16 registers
constexpr std::size_t kDepth = 256;           // rows of a block of b: a panel takes half of the first cache
constexpr std::size_t kColumns = 8 * kPanel;  // of a block: it takes 128 kB of the second
constexpr std::size_t kStrip = 8 * kTile;     // rows of a that are copied at once

constexpr std::size_t kManyRows = 256;             // by which copying b costs next to nothing
constexpr std::size_t kFewRows = 24;               // for which b is not worth a copy, however it lies
constexpr std::size_t kFar = 2048 / sizeof(Real);  // rows so far apart are a burden to the first cache
constexpr std::size_t kFarSize = (std::size_t{512} << 10) / sizeof(Real);

std::size_t tiles(std::size_t extent, std::size_t tile) { return (extent + tile - 1) / tile; }

/// Room for numbers; they are not cleared.
class Buffer {
public:
    explicit Buffer(std::size_t n) : bytes_(n * sizeof(Real)), data_(static_cast<Real*>(allocate_block(bytes_))) {}
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { free_block(data_, bytes_); }

    Real* data() const { return data_; }

private:
    std::size_t bytes_;
    Real* data_;
};

/// Runs of numbers that are read soon, asked for a few at a time.
class Ahead {
public:
    Ahead() = default;
    /// `runs` of `length` numbers, `stride` apart, in `calls` of ask().
    Ahead(const Real* first, std::size_t runs, std::size_t length, std::size_t stride, std::size_t calls)
        : run_(first), runs_(runs), length_(length), stride_(stride), at_once_(tiles(runs, calls)) {}

    void ask() {
        for (std::size_t i = std::min(at_once_, runs_); i > 0; --i, --runs_, run_ += stride_)
            for (std::size_t j = 0; j < length_; j += kLine) __builtin_prefetch(run_ + j);
    }

private:
    const Real* run_ = nullptr;
    std::size_t runs_ = 0, length_ = 0, stride_ = 0, at_once_ = 0;
};

/// What a product needs next.
struct AheadOfAll {
    Ahead a, b, c;

    void ask() {
        a.ask();
        b.ask();
        c.ask();
    }
};

/// Panels of b, each as wide as a tile: panel j begins at data[j * stride], its rows are `row_stride` apart.
struct Panels {
    const Real* data;
    std::size_t stride, row_stride;
};

/// Tiles side by side: c = start + a b for some rows and a block's columns and depth.
struct Tiles {
    std::size_t k, count;
    MatrixView a;
    Panels b;
    ProductStart start = {};
    Real* c = nullptr;
    std::size_t stride = 0;
    bool asks_for_c = false;  // for the rows below
};

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
            sums[i][0] = fma(factor, left, sums[i][0]);
            sums[i][1] = fma(factor, right, sums[i][1]);
        }
    }
    Real* c = tiles.c + j * kPanel;
    const Real* start = tiles.start.data == nullptr ? nullptr : tiles.start.data + j * kPanel;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
        if (start != nullptr) {
            sums[i][0] = sum(load(start + i * tiles.start.row_stride), sums[i][0]);
            sums[i][1] = sum(load(start + i * tiles.start.row_stride + kLanes), sums[i][1]);
        }
        store(c + i * tiles.stride, sums[i][0]);
        store(c + i * tiles.stride + kLanes, sums[i][1]);
    }
}

template <std::size_t kRows>
[[EMBERGRAD_AVX2]] void multiply_tiles(const Tiles& tiles, AheadOfAll& ahead) {
    for (std::size_t j = 0; j < tiles.count; ++j) {
        ahead.ask();
        for (std::size_t i = kRows; tiles.asks_for_c && i < 2 * kRows; ++i)
            __builtin_prefetch(tiles.c + i * tiles.stride + j * kPanel, 1);
        multiply_tile<kRows>(tiles, j);
    }
}

/// By the number of rows less one.
constexpr void (*kMultiplyTiles[kTile])(const Tiles&, AheadOfAll&) = {
    multiply_tiles<1>, multiply_tiles<2>, multiply_tiles<3>, multiply_tiles<4>, multiply_tiles<5>, multiply_tiles<6>};

/// A tile at c's right edge: the whole one is summed elsewhere.
void multiply_narrow_tile(std::size_t rows, std::size_t columns, const Tiles& tile, AheadOfAll& ahead) {
    Real sums[kTile * kPanel];
    kMultiplyTiles[rows - 1]({.k = tile.k, .count = 1, .a = tile.a, .b = tile.b, .c = sums, .stride = kPanel}, ahead);
    for (std::size_t i = 0; i < rows; ++i) {
        const Real* start = tile.start.at(i, 0).data;
        for (std::size_t j = 0; j < columns; ++j)
            tile.c[i * tile.stride + j] = (start == nullptr ? Real{0} : start[j]) + sums[i * kPanel + j];
    }
}

using Quad = Real __attribute__((vector_size(4 * sizeof(Real))));
using QuadInMemory = Real __attribute__((vector_size(4 * sizeof(Real)), aligned(sizeof(Real)), may_alias));

struct FourQuads {
    Quad row[4];
};

[[EMBERGRAD_AVX2, gnu::always_inline]] inline Quad load_quad(const Real* from) {
    return *reinterpret_cast<const QuadInMemory*>(from);
}
[[EMBERGRAD_AVX2, gnu::always_inline]] inline void store_quad(Real* to, Quad x) {
    *reinterpret_cast<QuadInMemory*>(to) = x;
}

/// Transposes 4 x 4 numbers whose rows are `stride` apart.
[[EMBERGRAD_AVX2, gnu::always_inline]] inline FourQuads transposed(const Real* from, std::size_t stride) {
    Quad row[4];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) row[i] = load_quad(from + i * stride);
    const Quad low_a = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
    const Quad low_b = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
    const Quad high_a = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
    const Quad high_b = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
    return {{__builtin_shufflevector(low_a, low_b, 0, 1, 4, 5), __builtin_shufflevector(low_a, low_b, 2, 3, 6, 7),
             __builtin_shufflevector(high_a, high_b, 0, 1, 4, 5), __builtin_shufflevector(high_a, high_b, 2, 3, 6, 7)}};
}

/// A panel of a b whose columns lie one after the other; zeros where it has none. Four columns are read at a time: more
/// of them, a power of two apart, would drive each other from the first cache.
[[EMBERGRAD_AVX2]] void pack_columns(std::size_t k, std::size_t columns, const Real* b, std::size_t apart,
                                     Real* panel) {
    if (columns < kPanel) std::fill_n(panel, k * kPanel, Real{0});
    const std::size_t whole_columns = columns / 4 * 4, whole_k = k / 4 * 4;
    for (std::size_t j = 0; j < whole_columns; j += 4)
        for (std::size_t l = 0; l < whole_k; l += 4) {
            const FourQuads rows = transposed(b + j * apart + l, apart);
#pragma GCC unroll 4
            for (std::size_t i = 0; i < 4; ++i) store_quad(panel + (l + i) * kPanel + j, rows.row[i]);
        }
    for (std::size_t j = 0; j < columns; ++j)
        for (std::size_t l = j < whole_columns ? whole_k : 0; l < k; ++l) panel[l * kPanel + j] = b[j * apart + l];
}

template <std::size_t n>
[[EMBERGRAD_AVX2, gnu::always_inline]] inline void copy(const Real* from, Real* to) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < n; i += kLanes) store(to + i, load(from + i));
}

/// A row of panels that are `apart`; zeros after its `n` numbers.
[[EMBERGRAD_AVX2]] void pack_row(const Real* row, std::size_t n, std::size_t apart, Real* to) {
    std::size_t j = 0;
    for (; j + kPanel <= n; j += kPanel, to += apart) copy<kPanel>(row + j, to);
    if (j < n) std::fill(std::copy(row + j, row + n, to), to + kPanel, Real{0});
}

/// b: (k, n), as panels one after the other.
void pack(std::size_t k, std::size_t n, const MatrixView& b, Real* panels) {
    if (b.column_stride == 1) {
        for (std::size_t l = 0; l < k; ++l) pack_row(b.at(l, 0).data, n, k * kPanel, panels + l * kPanel);
        return;
    }
    for (std::size_t j = 0; j < n; j += kPanel)
        pack_columns(k, std::min(kPanel, n - j), b.at(0, j).data, b.column_stride, panels + j * k);
}

/// Some rows of an a whose columns lie one after the other, copied so that they do.
[[EMBERGRAD_AVX2]] MatrixView copied(std::size_t rows, std::size_t k, const MatrixView& a, Real* to) {
    for (std::size_t l = 0; l < k; ++l) {
        const Real* column = a.at(0, l).data;
        if (rows == kStrip) {
            copy<kStrip>(column, to + l * kStrip);
        } else {
            std::copy_n(column, rows, to + l * kStrip);
        }
    }
    return {to, 1, kStrip};
}

/// c[j][i] = start[j][i] + sums[i][j] for m x n sums, whose rows are kColumns apart.
[[EMBERGRAD_AVX2]] void put_transposed(std::size_t m, std::size_t n, const Real* sums, ProductStart start, Real* c,
                                       std::size_t stride) {
    const std::size_t whole_m = m / 4 * 4, whole_n = n / 4 * 4;
    for (std::size_t j = 0; j < whole_n; j += 4) {
        for (std::size_t i = 0; i < whole_m; i += 4) {
            const FourQuads rows = transposed(sums + i * kColumns + j, kColumns);
#pragma GCC unroll 4
            for (std::size_t l = 0; l < 4; ++l) {
                const Quad x = rows.row[l];
                store_quad(c + (j + l) * stride + i,
                           start.data == nullptr ? x : load_quad(start.at(j + l, i).data) + x);
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

/// A part of b.
struct Block {
    std::size_t row, rows, column, columns;
};

class PackedProduct {
public:
    /// With `to_transposed`, c and start are (n, m): what is written is the product's transpose.
    PackedProduct(std::size_t m, std::size_t n, std::size_t k, const MatrixView& a, const MatrixView& b,
                  ProductStart start, Real* c, std::size_t stride, bool to_transposed)
        : m_(m),
          n_(n),
          k_(k),
          a_(a),
          b_(b),
          start_(start),
          c_(c),
          stride_(stride),
          to_transposed_(to_transposed),
          panels_(std::min(k, kDepth) * tiles(std::min(n, kColumns), kPanel) * kPanel),
          strip_(is_a_copied() ? std::min(k, kDepth) * kStrip : 0),
          sums_(to_transposed ? kStrip * kColumns : 0) {}

    void multiply() {
        for (Block block = block_at(0, 0); block.columns > 0; block = after(block)) multiply_block(block);
    }

private:
    Block block_at(std::size_t row, std::size_t column) const {
        return {row, std::min(kDepth, k_ - row), column, std::min(kColumns, n_ - column)};
    }
    /// The next, of no columns at the end.
    Block after(const Block& x) const {
        return x.row + x.rows < k_ ? block_at(x.row + x.rows, x.column) : block_at(0, x.column + x.columns);
    }

    /// A tile of a transposed a would read a few numbers here and there.
    bool is_a_copied() const { return a_.row_stride == 1 && a_.column_stride >= kFar; }
    /// Panels are read where they are, but for one at the right edge.
    bool is_b_in_place() const {
        return b_.column_stride == 1 && (m_ < kFewRows || (m_ < kManyRows && b_.row_stride < kFar));
    }

    /// In the nearer caches there is nothing to wait for.
    bool is_a_far() const { return m_ * k_ >= kFarSize; }
    bool is_c_far() const { return m_ * n_ >= kFarSize; }

    std::size_t calls(std::size_t rows, const Block& block) const {
        return tiles(rows, kTile) * tiles(block.columns, kPanel);
    }

    void multiply_block(const Block& block) {
        const std::size_t in_place = is_b_in_place() ? block.columns / kPanel * kPanel : 0;
        if (in_place < block.columns)
            pack(block.rows, block.columns - in_place, b_.at(block.row, block.column + in_place),
                 panels_.data() + in_place * block.rows);
        look_ahead_in_b(block);
        for (std::size_t i = 0; i < m_; i += kStrip) multiply_strip(i, std::min(kStrip, m_ - i), block);
    }

    void multiply_strip(std::size_t row, std::size_t rows, const Block& block) {
        look_ahead_in_a(row + rows, calls(rows, block), block);
        if (to_transposed_ && is_c_far())
            ahead_.c = Ahead(c_ + block.column * stride_ + row, block.columns, rows, stride_, calls(rows, block));
        MatrixView a = a_.at(row, block.row);
        if (is_a_copied()) a = copied(rows, block.rows, a, strip_.data());
        for (std::size_t i = 0; i < rows; i += kTile)
            multiply_rows(row + i, std::min(kTile, rows - i), a.at(i, 0), block);
        if (to_transposed_)
            put_transposed(rows, block.columns, sums_.data(), start_of(block).at(block.column, row),
                           c_ + block.column * stride_ + row, stride_);
    }

    void look_ahead_in_b(const Block& block) {
        const Block next = after(block);
        const Real* first = b_.at(next.row, next.column).data;
        ahead_.b = b_.column_stride == 1 ? Ahead(first, next.rows, next.columns, b_.row_stride, calls(m_, block))
                                         : Ahead(first, next.columns, next.rows, b_.column_stride, calls(m_, block));
    }

    /// From a strip on; not where the machine sees by itself what comes.
    void look_ahead_in_a(std::size_t row, std::size_t calls, const Block& block) {
        const std::size_t rows = std::min(kStrip, m_ - row);
        const Real* first = a_.at(row, block.row).data;
        if (is_a_copied()) {
            ahead_.a = Ahead(first, block.rows, rows, a_.column_stride, calls);
        } else if (to_transposed_ && is_a_far()) {
            ahead_.a = Ahead(first, rows, block.rows, a_.row_stride, calls);
        }
    }

    void multiply_rows(std::size_t row, std::size_t rows, const MatrixView& a, const Block& block) {
        const std::size_t whole = block.columns / kPanel, narrow = block.columns % kPanel;
        const Panels packed{panels_.data(), block.rows * kPanel, kPanel};
        Tiles tiles{.k = block.rows, .count = whole, .a = a, .b = packed};
        aim(tiles, row, block);
        if (is_b_in_place()) tiles.b = {b_.at(block.row, block.column).data, kPanel, b_.row_stride};
        kMultiplyTiles[rows - 1](tiles, ahead_);
        if (narrow == 0) return;
        tiles.b = {packed.data + whole * packed.stride, packed.stride, packed.row_stride};
        tiles.start = tiles.start.at(0, whole * kPanel);
        tiles.c += whole * kPanel;
        multiply_narrow_tile(rows, narrow, tiles, ahead_);
    }

    /// Where the sums go.
    void aim(Tiles& tiles, std::size_t row, const Block& block) const {
        if (to_transposed_) {
            tiles.c = sums_.data() + row % kStrip * kColumns;
            tiles.stride = kColumns;
            return;
        }
        tiles.c = c_ + row * stride_ + block.column;
        tiles.stride = stride_;
        tiles.start = start_of(block).at(row, block.column);
        tiles.asks_for_c = is_c_far() && row + 2 * kTile <= m_;
    }

    ProductStart start_of(const Block& block) const { return block.row == 0 ? start_ : ProductStart{c_, stride_}; }

    std::size_t m_, n_, k_;
    MatrixView a_, b_;
    ProductStart start_;
    Real* c_;
    std::size_t stride_;
    bool to_transposed_;
    Buffer panels_, strip_, sums_;
    AheadOfAll ahead_;
};

}  // namespace

bool has_packed_product() {
    static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return has;
}

bool is_packed_faster(std::size_t m, std::size_t n, std::size_t k, const MatrixView& b) {
    static const bool has_wider = __builtin_cpu_supports("avx512f");  // which OpenBLAS uses
    const bool is_b_copied_for_few = b.column_stride == 1 && b.row_stride >= kFar && m >= kFewRows && m < kManyRows;
    return !has_wider && !is_b_copied_for_few && std::min({m, n, k}) < kManyRows;
}

void multiply_packed(std::size_t m, std::size_t n, std::size_t k, const MatrixView& a, const MatrixView& b,
                     ProductStart start, Real* c, std::size_t stride) {
    // A b whose columns lie one after the other would be transposed to be packed, n x k numbers; the other way round,
    // c^T = b^T a^T, the product is, n x m. An entry's bits are the same.
    if (b.column_stride != 1 && a.column_stride == 1 && m >= kFewRows && m < std::min(k, kManyRows)) {
        PackedProduct(n, m, k, b.transposed(), a.transposed(), start, c, stride, true).multiply();
    } else {
        PackedProduct(m, n, k, a, b, start, c, stride, false).multiply();
    }
}

#else

bool has_packed_product() { return false; }
bool is_packed_faster(std::size_t, std::size_t, std::size_t, const MatrixView&) { return false; }
void multiply_packed(std::size_t, std::size_t, std::size_t, const MatrixView&, const MatrixView&, ProductStart, Real*,
                     std::size_t) {}

#endif

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
