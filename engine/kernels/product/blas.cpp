// BLAS: OpenBLAS, kept to one thread.
#include <embergrad/engine/kernels/product/blas.hpp>

#include <cblas.h>

#include <algorithm>
#include <limits>
#include <mutex>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

CBLAS_TRANSPOSE transpose(const MatrixView& x) { return x.column_stride == 1 ? CblasNoTrans : CblasTrans; }
blasint integer(std::size_t extent) { return static_cast<blasint>(extent); }

/// How far apart rows or columns are; BLAS wants at least their length, of a single one too.
blasint leading(const MatrixView& x, std::size_t rows, std::size_t columns) {
    return integer(x.column_stride == 1 ? std::max(x.row_stride, columns) : std::max(x.column_stride, rows));
}

/// OpenBLAS may do a small product in one go; for others it writes zeros in a pass of its own, at a fraction of our
/// speed.
bool has_own_zeros(std::size_t results, std::size_t k) {
    return results >= std::size_t{1} << 14 || results * k >= std::size_t{1} << 20;
}

}  // namespace

void blas_gemm(std::size_t m, std::size_t n, std::size_t k, const MatrixView& a, const MatrixView& b, bool add, Real* c,
               std::size_t stride) {
#ifdef EMBERGRAD_DOUBLE
    constexpr auto gemm = cblas_dgemm;
#else
    constexpr auto gemm = cblas_sgemm;
#endif
    use_one_blas_thread();
    if (!add && has_own_zeros(m * n, k)) {
        for (std::size_t row = 0; row < m; ++row) std::fill_n(c + row * stride, n, Real{0});
        add = true;
    }
    gemm(CblasRowMajor, transpose(a), transpose(b), integer(m), integer(n), integer(k), 1, a.data, leading(a, m, k),
         b.data, leading(b, k, n), add ? 1 : 0, c, integer(stride));
}

bool is_blas_extent(std::size_t extent) {
    return extent <= static_cast<std::size_t>(std::numeric_limits<blasint>::max());
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
