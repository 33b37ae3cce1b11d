// OpenBLAS at one thread, over tiles of rows.
#include <embergrad/engine/blas.hpp>

#include <cblas.h>

#include <algorithm>
#include <limits>
#include <mutex>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kTileRows = 256;   // costs 2-5 % of one thread's speed; the same bits with any number
constexpr std::size_t kWholeRows = 192;  // are not cut
constexpr std::size_t kWakeFor = std::size_t{1} << 24;   // multiplications: 80-200 us
constexpr std::size_t kOwnZeros = std::size_t{1} << 20;  // multiplications; smaller ones OpenBLAS may do in one go

/// Rows of a tile: as even as possible, so that two threads finish together. Depends on m alone.
std::size_t tile_rows(std::size_t m) {
    const std::size_t tiles = m <= kWholeRows ? 1 : std::max<std::size_t>(2, (m + kTileRows - 1) / kTileRows);
    const std::size_t even = (m + tiles - 1) / tiles;
    return std::min(m, (even + 15) / 16 * 16);
}

CBLAS_TRANSPOSE cblas(Transpose transpose) { return transpose == T ? CblasTrans : CblasNoTrans; }

/// For a large product OpenBLAS writes the zeros of beta = 0 in a pass of its own, at a fraction of the speed of ours.
void gemm_tile(Transpose ta, Transpose tb, std::size_t m, std::size_t n, std::size_t k, const Real* a, std::size_t lda,
               const Real* b, Real beta, Real* c) {
    if (beta == 0 && m * n * k >= kOwnZeros) {
        std::fill_n(c, m * n, Real{0});
        beta = 1;
    }
    const auto rows = static_cast<blasint>(m);
    const auto columns = static_cast<blasint>(n);
    const auto inner = static_cast<blasint>(k);
    const auto ldb = static_cast<blasint>(tb == T ? k : n);
#ifdef EMBERGRAD_DOUBLE
    cblas_dgemm(CblasRowMajor, cblas(ta), cblas(tb), rows, columns, inner, 1, a, static_cast<blasint>(lda), b, ldb,
                beta, c, columns);
#else
    cblas_sgemm(CblasRowMajor, cblas(ta), cblas(tb), rows, columns, inner, 1, a, static_cast<blasint>(lda), b, ldb,
                beta, c, columns);
#endif
}

}  // namespace

void gemm(Transpose ta, Transpose tb, std::size_t m, std::size_t n, std::size_t k, const Real* a, const Real* b,
          Real beta, Real* c) {
    if (m == 0 || n == 0) return;
    if (k == 0) {
        std::transform(c, c + m * n, c, [=](Real x) { return beta == 0 ? Real{0} : beta * x; });
        return;
    }
    require(std::max({m, n, k}) <= static_cast<std::size_t>(std::numeric_limits<blasint>::max()), "matmul: extents ", m,
            ", ", n, ", ", k, " are too large for BLAS");
    use_one_blas_thread();
    const std::size_t lda = ta == T ? m : k;
    const auto multiply = [=](std::size_t begin, std::size_t end) {
        const Real* tile = ta == T ? a + begin : a + begin * k;
        gemm_tile(ta, tb, end - begin, n, k, tile, lda, b, beta, c + begin * n);
    };
    parallel_for(m, tile_rows(m), multiply, m * n * k >= kWakeFor);
}

void use_one_blas_thread() {
    static std::mutex mutex;
    thread_local bool done = false;
    if (done) return;
    const std::lock_guard lock(mutex);
    openblas_set_num_threads(1);
    done = true;
}

std::string blas_description() {
    const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..."
    const std::size_t version_end = config.find(' ', config.find(' ') + 1);
    return config.substr(0, version_end) + ", core " + openblas_get_corename();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
