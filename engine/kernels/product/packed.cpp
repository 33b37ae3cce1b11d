// The packed product, after Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): b is
// taken in blocks that stay in L2, packed into panels where that helps, and tiles of c are summed in registers. What is
// read next is prefetched meanwhile: with few rows little is done with a weight, and the product would wait for memory.
#include <embergrad/engine/kernels/product/packed.hpp>

#include <algorithm>
#include <stdexcept>

#include <embergrad/engine/kernels/product/packing.hpp>
#include <embergrad/engine/kernels/product/tiles.hpp>
#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/system/memory.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

#ifdef EMBERGRAD_HAS_AVX2

namespace {

constexpr std::size_t kDepth = 256;  // rows of a block of b: a panel takes half of L1, a block 128 kB of L2

constexpr std::size_t kManyRows = 256;             // of a, by which copying b costs next to nothing
constexpr std::size_t kFewRows = 24;               // of a, for which b's rows are not worth a copy
constexpr std::size_t kFar = 2048 / sizeof(Real);  // rows so far apart evict each other from L1
constexpr std::size_t kLarge = (std::size_t{512} << 10) / sizeof(Real);  // what L2 does not hold
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
    PackedProduct(const MatrixProduct& product, bool to_transposed) : p_(product), to_transposed_(to_transposed) {}

    void multiply() {
        for (Block block = block_at(0, 0); block.columns > 0; block = after(block)) multiply_block(block);
    }

private:
    Block block_at(std::size_t row, std::size_t column) const {
        return {row, std::min(kDepth, p_.k - row), column, std::min(kColumns, p_.n - column)};
    }
    /// The next, of no columns at the end.
    Block after(const Block& x) const {
        return x.row + x.rows < p_.k ? block_at(x.row + x.rows, x.column) : block_at(0, x.column + x.columns);
    }

    /// A tile of a transposed a would read a few numbers here and there.
    bool is_a_copied() const { return p_.a.row_stride == 1 && p_.a.column_stride >= kFar; }
    /// Panels are read where they are, but for one at the right edge.
    bool is_b_in_place() const {
        return p_.b.column_stride == 1 && (p_.m < kFewRows || (p_.m < kManyRows && p_.b.row_stride < kFar));
    }

    /// What L2 holds need not be prefetched.
    bool is_a_large() const { return p_.m * p_.k >= kLarge; }
    bool is_c_large() const { return p_.m * p_.n >= kLarge; }

    std::size_t calls(std::size_t rows, const Block& block) const {
        return divided_up(rows, kTile) * divided_up(block.columns, kPanel);
    }

    void multiply_block(const Block& block) {
        const std::size_t in_place = is_b_in_place() ? block.columns / kPanel * kPanel : 0;
        if (in_place < block.columns)
            pack_panels(block.rows, block.columns - in_place, p_.b.at(block.row, block.column + in_place),
                        room_.panels() + in_place * block.rows);
        look_ahead_in_b(block);
        for (std::size_t i = 0; i < p_.m; i += kStrip) multiply_strip(i, std::min(kStrip, p_.m - i), block);
    }

    void multiply_strip(std::size_t row, std::size_t rows, const Block& block) {
        look_ahead_in_a(row + rows, calls(rows, block), block);
        if (to_transposed_ && is_c_large())
            ahead_.c =
                Prefetcher(p_.c + block.column * p_.stride + row, block.columns, rows, p_.stride, calls(rows, block));
        MatrixView a = p_.a.at(row, block.row);
        if (is_a_copied()) {
            pack_strip(rows, block.rows, a, room_.strip());
            a = {room_.strip(), 1, kStrip};
        }
        for (std::size_t i = 0; i < rows; i += kTile)
            multiply_rows(row + i, std::min(kTile, rows - i), a.at(i, 0), block);
        if (to_transposed_)
            put_transposed(rows, block.columns, room_.sums(), start_of(block).at(block.column, row),
                           p_.c + block.column * p_.stride + row, p_.stride);
    }

    void look_ahead_in_b(const Block& block) {
        ahead_.b = {};
        const Block next = after(block);
        if (next.columns == 0) return;
        const Real* first = p_.b.at(next.row, next.column).data;
        ahead_.b = p_.b.column_stride == 1
                       ? Prefetcher(first, next.rows, next.columns, p_.b.row_stride, calls(p_.m, block))
                       : Prefetcher(first, next.columns, next.rows, p_.b.column_stride, calls(p_.m, block));
    }

    /// From a strip on; not where the machine sees by itself what comes.
    void look_ahead_in_a(std::size_t row, std::size_t calls, const Block& block) {
        ahead_.a = {};
        if (row == p_.m) return;
        const std::size_t rows = std::min(kStrip, p_.m - row);
        const Real* first = p_.a.at(row, block.row).data;
        if (is_a_copied()) {
            ahead_.a = Prefetcher(first, block.rows, rows, p_.a.column_stride, calls);
        } else if (to_transposed_ && is_a_large()) {
            ahead_.a = Prefetcher(first, rows, block.rows, p_.a.row_stride, calls);
        }
    }

    void multiply_rows(std::size_t row, std::size_t rows, const MatrixView& a, const Block& block) {
        const std::size_t whole = block.columns / kPanel, narrow = block.columns % kPanel;
        const Panels packed{room_.panels(), block.rows * kPanel, kPanel};
        Tiles tiles{.k = block.rows, .count = whole, .a = a, .b = packed};
        aim(tiles, row, block);
        if (is_b_in_place()) tiles.b = {p_.b.at(block.row, block.column).data, kPanel, p_.b.row_stride};
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
        tiles.c = p_.c + row * p_.stride + block.column;
        tiles.stride = p_.stride;
        tiles.start = start_of(block).at(row, block.column);
        tiles.prefetches_below = is_c_large() && row + 2 * kTile <= p_.m;
    }

    ProductStart start_of(const Block& block) const {
        return block.row == 0 ? p_.start : ProductStart{p_.c, p_.stride};
    }

    const MatrixProduct p_;
    const bool to_transposed_;
    Room room_;
    Prefetchers ahead_;
};

}  // namespace

bool has_packed_product() {
    static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return has;
}

bool is_packed_faster(const MatrixProduct& p) {
    static const bool has_wider = __builtin_cpu_supports("avx512f");  // OpenBLAS has kernels for it, we have none
    const bool is_b_copied_for_few =
        p.b.column_stride == 1 && p.b.row_stride >= kFar && p.m >= kFewRows && p.m < kManyRows;
    return !has_wider && !is_b_copied_for_few && std::min({p.m, p.n, p.k}) < kSquare;
}

void multiply_packed(const MatrixProduct& p) {
    if (p.m == 0 || p.n == 0) return;
    // To pack a b whose columns lie one after the other is to transpose it, k x n numbers. As c^T = b^T a^T the product
    // takes b as it lies and transposes c, m x n numbers. The sums are the same.
    if (p.b.column_stride != 1 && p.a.column_stride == 1 && p.m >= kFewRows && p.m < std::min(p.k, kManyRows)) {
        PackedProduct({p.n, p.m, p.k, p.b.transposed(), p.a.transposed(), p.start, p.c, p.stride}, true).multiply();
    } else {
        PackedProduct(p, false).multiply();
    }
}

#else

bool has_packed_product() { return false; }
bool is_packed_faster(const MatrixProduct&) { return false; }
void multiply_packed(const MatrixProduct&) { throw std::logic_error("multiply_packed: not made for this machine"); }

#endif

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
