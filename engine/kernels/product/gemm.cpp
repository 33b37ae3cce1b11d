// gemm: the choice between the packed product and BLAS, and the cut into tiles of rows or columns for threads.
#include <embergrad/engine/kernels/product/gemm.hpp>

#include <algorithm>

#include <embergrad/engine/kernels/product/blas.hpp>
#include <embergrad/engine/kernels/product/packed.hpp>
#include <embergrad/engine/system/divided_up.hpp>
#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/parallel.hpp>

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
    return std::min(extent, rounded_up(divided_up(extent, count), 16));
}

void put_start(const MatrixProduct& p) {
    if (p.start.data == p.c) return;
    for (std::size_t row = 0; row < p.m; ++row) {
        Real* to = p.c + row * p.stride;
        if (p.start.data == nullptr) {
            std::fill_n(to, p.n, Real{0});
        } else {
            std::copy_n(p.start.at(row, 0).data, p.n, to);
        }
    }
}

/// BLAS adds to c or to nothing.
void multiply_by_blas(const MatrixProduct& p) {
    if (p.start.data != nullptr) put_start(p);
    blas_gemm(p.m, p.n, p.k, p.a, p.b, p.start.data != nullptr, p.c, p.stride);
}

/// A product, and how it is cut.
struct Plan {
    MatrixProduct whole;
    bool packed = has_packed_product() && is_packed_faster(whole);

    bool wakes() const { return whole.m * whole.n * whole.k >= kWakeFor; }
    bool cuts_rows() const { return whole.m > (packed ? 2 * kLeastRows - 1 : kWholeRows); }
    std::size_t tile() const;
    void multiply() const;
};

/// How many rows, or columns, a tile has.
std::size_t Plan::tile() const {
    const std::size_t extent = cuts_rows() ? whole.m : whole.n;
    if (!wakes()) return extent;
    if (packed) {
        const std::size_t most = num_threads() > 1 ? kTilesAThread * static_cast<std::size_t>(num_threads()) : 1;
        return even_tile(extent, std::clamp(extent / (cuts_rows() ? kLeastRows : kLeastColumns), std::size_t{1}, most));
    }
    const std::size_t largest = cuts_rows() ? kTileRows : kTileColumns;
    return even_tile(extent, std::max<std::size_t>(2, divided_up(extent, largest)));
}

void Plan::multiply() const {
    const auto multiply_piece = [this](std::size_t begin, std::size_t end) {
        const MatrixProduct piece =
            cuts_rows() ? whole.piece(begin, end - begin, 0, whole.n) : whole.piece(0, whole.m, begin, end - begin);
        if (packed)
            multiply_packed(piece);
        else
            multiply_by_blas(piece);
    };
    parallel_for(cuts_rows() ? whole.m : whole.n, tile(), multiply_piece, wakes());
}

void multiply(const MatrixProduct& product) {
    const std::size_t m = product.m, n = product.n, k = product.k;
    if (m == 0 || n == 0) return;
    if (k == 0) return put_start(product);
    const Plan plan{product};
    require(plan.packed || is_blas_extent(std::max({m, n, k})), "matmul: extents ", m, ", ", n, ", ", k,
            " are too large for BLAS");
    plan.multiply();
}

}  // namespace

void gemm(Transpose ta, Transpose tb, std::size_t m, std::size_t n, std::size_t k, const Real* a, const Real* b,
          bool add, Real* c) {
    multiply({m, n, k, view_of(ta, a, m, k), view_of(tb, b, k, n), add ? ProductStart{c, n} : ProductStart{}, c, n});
}

void gemm_with_bias(Transpose ta, Transpose tb, std::size_t m, std::size_t n, std::size_t k, const Real* a,
                    const Real* b, const Real* bias, Real* c) {
    multiply({m, n, k, view_of(ta, a, m, k), view_of(tb, b, k, n), {bias, 0}, c, n});
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
