// OpenBLAS at one thread, over tiles of rows or columns.
#include <embergrad/engine/blas.hpp>

#include <cblas.h>

#include <algorithm>
#include <limits>
#include <mutex>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kTileRows = 256;      // costs up to 3 % of one thread's speed; the same bits with any number
constexpr std::size_t kTileColumns = 1024;  // where there are few rows
constexpr std::size_t kWholeRows = 192;     // are not cut
constexpr std::size_t kWakeFor = std::size_t{1} << 24;  // multiplications: 80-200 us

/// A tile of at most `most`: as even as possible, so that two threads finish together.
std::size_t even_tile(std::size_t extent, std::size_t most, std::size_t fewest_tiles) {
    const std::size_t tiles = std::max(fewest_tiles, (extent + most - 1) / most);
    const std::size_t even = (extent + tiles - 1) / tiles;
    return std::min(extent, (even + 15) / 16 * 16);
}

/// OpenBLAS may do a small product in one go; for others it writes the zeros in a pass of its own.
bool has_own_zeros(std::size_t results, std::size_t k) {
    return results >= std::size_t{1} << 14 || results * k >= std::size_t{1} << 20;
}

CBLAS_TRANSPOSE cblas(Transpose transpose) { return transpose == T ? CblasTrans : CblasNoTrans; }

/// begin .. end - 1
struct Piece {
    std::size_t begin, end;
    std::size_t size() const { return end - begin; }
};

/// c = op(a) op(b) + beta c, as gemm() has it.
struct Product {
    Transpose ta, tb;
    std::size_t m, n, k;
    const Real* a;
    const Real* b;
    Real beta;
    Real* c;

    std::size_t multiplications() const { return m * n * k; }
    /// Of these rows and columns of c, by BLAS.
    void multiply(Piece rows, Piece columns) const;
};

void Product::multiply(Piece rows, Piece columns) const {
    const Real* first_a = ta == T ? a + rows.begin : a + rows.begin * k;
    const Real* first_b = tb == T ? b + columns.begin * k : b + columns.begin;
    Real* first_c = c + rows.begin * n + columns.begin;
    Real scale = beta;
    if (beta == 0 &&
        has_own_zeros(rows.size() * columns.size(), k)) {  // OpenBLAS writes them at a fraction of our speed
        for (std::size_t row = 0; row < rows.size(); ++row) std::fill_n(first_c + row * n, columns.size(), Real{0});
        scale = 1;
    }
#ifdef EMBERGRAD_DOUBLE
    constexpr auto blas_gemm = cblas_dgemm;
#else
    constexpr auto blas_gemm = cblas_sgemm;
#endif
    const auto integer = [](std::size_t extent) { return static_cast<blasint>(extent); };
    blas_gemm(CblasRowMajor, cblas(ta), cblas(tb), integer(rows.size()), integer(columns.size()), integer(k), 1,
              first_a, integer(ta == T ? m : k), first_b, integer(tb == T ? k : n), scale, first_c, integer(n));
}

/// Cuts rows, or columns where there are few rows; by the extents alone.
void multiply_in_tiles(const Product& p) {
    const bool wake = p.multiplications() >= kWakeFor;
    if (p.m > kWholeRows) {
        const auto tile = [&](std::size_t begin, std::size_t end) { p.multiply({begin, end}, {0, p.n}); };
        return parallel_for(p.m, even_tile(p.m, kTileRows, 2), tile, wake);
    }
    const auto tile = [&](std::size_t begin, std::size_t end) { p.multiply({0, p.m}, {begin, end}); };
    parallel_for(p.n, even_tile(p.n, kTileColumns, 1), tile, wake);
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
    multiply_in_tiles({ta, tb, m, n, k, a, b, beta, c});
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
