// After Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): b is taken in blocks that
// stay in the cache, copied into panels where that helps, and tiles of c are summed in registers. What is read next is
// asked for meanwhile: with few rows little is done with a weight, and the product would wait for memory.
#include <embergrad/engine/packed_product.hpp>

#include <algorithm>
#include <stdexcept>

#include <embergrad/engine/memory.hpp>
#include <embergrad/engine/product_packing.hpp>
#include <embergrad/engine/product_tiles.hpp>
#include <embergrad/engine/simd.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

#ifdef EMBERGRAD_HAS_AVX2

namespace {

constexpr std::size_t kDepth = 256;  // rows of a block of b: a panel takes half of the first cache, a block 128 kB

constexpr std::size_t kManyRows = 256;             // of a, by which copying b costs next to nothing
constexpr std::size_t kFewRows = 24;               // of a, for which b's rows are not worth a copy
constexpr std::size_t kFar = 2048 / sizeof(Real);  // rows so far apart drive each other from the first cache
constexpr std::size_t kLarge = (std::size_t{512} << 10) / sizeof(Real);  // what the nearer caches do not hold
constexpr std::size_t kSquare = 256;  // with all extents that large OpenBLAS is as fast or faster

/// The same 200 kB for all products, so that a warm thread asks the system for nothing (unless set_memory_cap() wants
/// it to); what they hold is not cleared.
class Room {
public:
    Room() : data_(static_cast<Real*>(allocate_block(kBytes))) {}
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    ~Room() { free_block(data_, kBytes); }

    Real* panels() const { return data_; }
    Real* strip() const { return data_ + kDepth * kColumns; }
    Real* sums() const { return strip() + kDepth * kStrip; }

private:
    static constexpr std::size_t kBytes = (kDepth * kColumns + kDepth * kStrip + kStrip * kColumns) * sizeof(Real);
    Real* data_;
};

/// A part of b.
struct Block {
    std::size_t row, rows, column, columns;
};

class PackedProduct {
public:
    /// With `to_transposed`, c and start are (n, m): what is written is the product's transpose.
    PackedProduct(std::size_t m, std::size_t n, std::size_t k, const MatrixView& a, const MatrixView& b,
                  ProductStart start, Real* c, std::size_t stride, bool to_transposed)
        : m_(m), n_(n), k_(k), a_(a), b_(b), start_(start), c_(c), stride_(stride), to_transposed_(to_transposed) {}

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

    /// What the nearer caches hold need not be asked for.
    bool is_a_large() const { return m_ * k_ >= kLarge; }
    bool is_c_large() const { return m_ * n_ >= kLarge; }

    std::size_t calls(std::size_t rows, const Block& block) const {
        return divided_up(rows, kTile) * divided_up(block.columns, kPanel);
    }

    void multiply_block(const Block& block) {
        const std::size_t in_place = is_b_in_place() ? block.columns / kPanel * kPanel : 0;
        if (in_place < block.columns)
            pack_panels(block.rows, block.columns - in_place, b_.at(block.row, block.column + in_place),
                        room_.panels() + in_place * block.rows);
        look_ahead_in_b(block);
        for (std::size_t i = 0; i < m_; i += kStrip) multiply_strip(i, std::min(kStrip, m_ - i), block);
    }

    void multiply_strip(std::size_t row, std::size_t rows, const Block& block) {
        look_ahead_in_a(row + rows, calls(rows, block), block);
        if (to_transposed_ && is_c_large())
            ahead_.c = Ahead(c_ + block.column * stride_ + row, block.columns, rows, stride_, calls(rows, block));
        MatrixView a = a_.at(row, block.row);
        if (is_a_copied()) {
            pack_strip(rows, block.rows, a, room_.strip());
            a = {room_.strip(), 1, kStrip};
        }
        for (std::size_t i = 0; i < rows; i += kTile)
            multiply_rows(row + i, std::min(kTile, rows - i), a.at(i, 0), block);
        if (to_transposed_)
            put_transposed(rows, block.columns, room_.sums(), start_of(block).at(block.column, row),
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
        ahead_.a = {};
        if (row == m_) return;
        const std::size_t rows = std::min(kStrip, m_ - row);
        const Real* first = a_.at(row, block.row).data;
        if (is_a_copied()) {
            ahead_.a = Ahead(first, block.rows, rows, a_.column_stride, calls);
        } else if (to_transposed_ && is_a_large()) {
            ahead_.a = Ahead(first, rows, block.rows, a_.row_stride, calls);
        }
    }

    void multiply_rows(std::size_t row, std::size_t rows, const MatrixView& a, const Block& block) {
        const std::size_t whole = block.columns / kPanel, narrow = block.columns % kPanel;
        const Panels packed{room_.panels(), block.rows * kPanel, kPanel};
        Tiles tiles{.k = block.rows, .count = whole, .a = a, .b = packed};
        aim(tiles, row, block);
        if (is_b_in_place()) tiles.b = {b_.at(block.row, block.column).data, kPanel, b_.row_stride};
        multiply_tiles(rows, tiles, ahead_);
        if (narrow == 0) return;
        tiles.b = {packed.data + whole * packed.stride, packed.stride, packed.row_stride};
        tiles.start = tiles.start.at(0, whole * kPanel);
        tiles.c += whole * kPanel;
        multiply_narrow_tile(rows, narrow, tiles, ahead_);
    }

    /// Where the sums go.
    void aim(Tiles& tiles, std::size_t row, const Block& block) const {
        if (to_transposed_) {
            tiles.c = room_.sums() + row % kStrip * kColumns;
            tiles.stride = kColumns;
            return;
        }
        tiles.c = c_ + row * stride_ + block.column;
        tiles.stride = stride_;
        tiles.start = start_of(block).at(row, block.column);
        tiles.asks_below = is_c_large() && row + 2 * kTile <= m_;
    }

    ProductStart start_of(const Block& block) const { return block.row == 0 ? start_ : ProductStart{c_, stride_}; }

    std::size_t m_, n_, k_;
    MatrixView a_, b_;
    ProductStart start_;
    Real* c_;
    std::size_t stride_;
    bool to_transposed_;
    Room room_;
    AheadOfAll ahead_;
};

}  // namespace

bool has_packed_product() {
    static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return has;
}

bool is_packed_faster(std::size_t m, std::size_t n, std::size_t k, const MatrixView& b) {
    static const bool has_wider = __builtin_cpu_supports("avx512f");  // OpenBLAS has kernels for it, we have none
    const bool is_b_copied_for_few = b.column_stride == 1 && b.row_stride >= kFar && m >= kFewRows && m < kManyRows;
    return !has_wider && !is_b_copied_for_few && std::min({m, n, k}) < kSquare;
}

void multiply_packed(std::size_t m, std::size_t n, std::size_t k, const MatrixView& a, const MatrixView& b,
                     ProductStart start, Real* c, std::size_t stride) {
    if (m == 0 || n == 0) return;
    // To pack a b whose columns lie one after the other is to transpose it, k x n numbers. As c^T = b^T a^T the product
    // takes b as it lies and transposes c, m x n numbers. The sums are the same.
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
                     std::size_t) {
    throw std::logic_error("multiply_packed: not made for this machine");
}

#endif

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
