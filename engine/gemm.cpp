// The choice between the two ways, and the cut into tiles of rows or columns.
#include <embergrad/engine/gemm.hpp>

#include <algorithm>

#include <embergrad/engine/blas.hpp>
#include <embergrad/engine/error.hpp>
#include <embergrad/engine/packed_product.hpp>
#include <embergrad/engine/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kWakeFor = std::size_t{1} << 24;  // multiplications: 80-200 us

// BLAS. A tile's bits may depend on its extents, so that those must not depend on the number of threads.
constexpr std::size_t kTileRows = 256;      // costs up to 3 % of one thread's speed
constexpr std::size_t kTileColumns = 1024;  // where there are few rows
constexpr std::size_t kWholeRows = 192;     // are not cut

// Our own, whose bits do not depend on tiles: it is cut for the threads there are.
constexpr std::size_t kTilesAThread = 4;  // when one thread is held up, the others take over
constexpr std::size_t kLeastRows = 256;   // of a tile but the last: b is copied for each
constexpr std::size_t kLeastColumns = 64;

/// The extent cut into `count` tiles or less, of multiples of 16: of columns, those are cache lines.
std::size_t even_tile(std::size_t extent, std::size_t count) {
    const std::size_t even = (extent + count - 1) / count;
    return std::min(extent, (even + 15) / 16 * 16);
}

/// begin .. end - 1
struct Piece {
    std::size_t begin, end;
    std::size_t size() const { return end - begin; }
};

/// c = start + a b.
struct Product {
    std::size_t m, n, k;
    MatrixView a, b;
    ProductStart start;
    Real* c;
    bool packed = has_packed_product() && is_packed_faster(m, n, k, b);

    bool wakes() const { return m * n * k >= kWakeFor; }
    bool cuts_rows() const { return m > (packed ? 2 * kLeastRows - 1 : kWholeRows); }
    std::size_t tile() const;

    void multiply(Piece rows, Piece columns) const;
    void multiply_by_blas(Piece rows, Piece columns) const;
    void put_start(Piece rows, Piece columns) const;
};

/// How many rows, or columns, a tile has.
std::size_t Product::tile() const {
    const std::size_t extent = cuts_rows() ? m : n;
    if (!wakes()) return extent;
    if (packed) {
        const std::size_t most = num_threads() > 1 ? kTilesAThread * static_cast<std::size_t>(num_threads()) : 1;
        return even_tile(extent, std::clamp(extent / (cuts_rows() ? kLeastRows : kLeastColumns), std::size_t{1}, most));
    }
    const std::size_t largest = cuts_rows() ? kTileRows : kTileColumns;
    return even_tile(extent, std::max<std::size_t>(2, (extent + largest - 1) / largest));
}

void Product::multiply(Piece rows, Piece columns) const {
    if (!packed) return multiply_by_blas(rows, columns);
    multiply_packed(rows.size(), columns.size(), k, a.at(rows.begin, 0), b.at(0, columns.begin),
                    start.at(rows.begin, columns.begin), c + rows.begin * n + columns.begin, n);
}

/// BLAS adds to c or to nothing.
void Product::multiply_by_blas(Piece rows, Piece columns) const {
    if (start.data != nullptr) put_start(rows, columns);
    blas_gemm(rows.size(), columns.size(), k, a.at(rows.begin, 0), b.at(0, columns.begin), start.data != nullptr,
              c + rows.begin * n + columns.begin, n);
}

void Product::put_start(Piece rows, Piece columns) const {
    if (start.data == c) return;
    for (std::size_t row = rows.begin; row < rows.end; ++row) {
        Real* to = c + row * n + columns.begin;
        if (start.data == nullptr) {
            std::fill_n(to, columns.size(), Real{0});
        } else {
            std::copy_n(start.at(row, columns.begin).data, columns.size(), to);
        }
    }
}

void multiply_in_tiles(const Product& p) {
    const auto rows = [&](std::size_t begin, std::size_t end) { p.multiply({begin, end}, {0, p.n}); };
    const auto columns = [&](std::size_t begin, std::size_t end) { p.multiply({0, p.m}, {begin, end}); };
    if (p.cuts_rows()) {
        parallel_for(p.m, p.tile(), rows, p.wakes());
    } else {
        parallel_for(p.n, p.tile(), columns, p.wakes());
    }
}

void multiply(Transpose ta, Transpose tb, std::size_t m, std::size_t n, std::size_t k, const Real* a, const Real* b,
              ProductStart start, Real* c) {
    if (m == 0 || n == 0) return;
    const Product product{m, n, k, view_of(ta, a, m, k), view_of(tb, b, k, n), start, c};
    if (k == 0) return product.put_start({0, m}, {0, n});
    require(product.packed || is_blas_extent(std::max({m, n, k})), "matmul: extents ", m, ", ", n, ", ", k,
            " are too large for BLAS");
    multiply_in_tiles(product);
}

}  // namespace

void gemm(Transpose ta, Transpose tb, std::size_t m, std::size_t n, std::size_t k, const Real* a, const Real* b,
          bool add, Real* c) {
    multiply(ta, tb, m, n, k, a, b, add ? ProductStart{c, n} : ProductStart{}, c);
}

void gemm_with_bias(Transpose ta, Transpose tb, std::size_t m, std::size_t n, std::size_t k, const Real* a,
                    const Real* b, const Real* bias, Real* c) {
    multiply(ta, tb, m, n, k, a, b, {bias, 0}, c);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
