// BLAS: OpenBLAS, kept to one thread while it works for us.
#include <embergrad/engine/kernels/product/blas.hpp>

#include <cblas.h>
#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <string_view>

#include <embergrad/engine/kernels/simd.hpp>

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

/// Keeps OpenBLAS to the thread that calls it while one of these lives, since our own tiles use the others. The last
/// one to go leaves the setting of the process as the first one found it, unless the program changed it meanwhile.
class OneBlasThread {
public:
    OneBlasThread() {
        const std::lock_guard lock(mutex_);
        if (users_++ == 0) of_the_program_ = openblas_get_num_threads();
        if (users_ == 1 || is_set_by_thread()) openblas_set_num_threads(1);
    }
    OneBlasThread(const OneBlasThread&) = delete;
    OneBlasThread& operator=(const OneBlasThread&) = delete;
    ~OneBlasThread() {
        const std::lock_guard lock(mutex_);
        const bool last = --users_ == 0;
        if (is_set_by_thread() || (last && openblas_get_num_threads() == 1)) openblas_set_num_threads(of_the_program_);
    }

private:
    /// The OpenMP build keeps the setting by thread.
    static bool is_set_by_thread() { return openblas_get_parallel() == OPENBLAS_OPENMP; }

    /// In the child of a fork() nobody else is at work.
    static void forget_users() {
        if (users_ > 0) openblas_set_num_threads(of_the_program_);
        users_ = 0;
        mutex_.unlock();
    }

    static std::mutex mutex_;
    static int users_;
    static int of_the_program_;
    [[maybe_unused]] static const int fork_is_known_;
};

std::mutex OneBlasThread::mutex_;
int OneBlasThread::users_ = 0;
int OneBlasThread::of_the_program_ = 1;
const int OneBlasThread::fork_is_known_ =
    ::pthread_atfork([] { mutex_.lock(); }, [] { mutex_.unlock(); }, [] { forget_users(); });

}  // namespace

void blas_gemm(std::size_t m, std::size_t n, std::size_t k, const MatrixView& a, const MatrixView& b, bool add, Real* c,
               std::size_t stride) {
#ifdef EMBERGRAD_DOUBLE
    constexpr auto gemm = cblas_dgemm;
#else
    constexpr auto gemm = cblas_sgemm;
#endif
    const OneBlasThread guard;
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

std::string blas_description() {
    const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..."
    const std::size_t version_end = config.find(' ', config.find(' ') + 1);
    return config.substr(0, version_end) + ", core " + openblas_get_corename();
}

std::string better_blas_core() {
#ifdef EMBERGRAD_HAS_CLONES
    constexpr std::string_view kWithoutAvx[] = {"Prescott", "Barcelona", "Nehalem", "Generic"};
    const bool chooses = std::string_view(openblas_get_config()).find("DYNAMIC_ARCH") != std::string_view::npos;
    const bool without = std::count(std::begin(kWithoutAvx), std::end(kWithoutAvx), openblas_get_corename()) > 0;
    if (chooses && without && std::getenv("OPENBLAS_CORETYPE") == nullptr) {
        if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) return "SkylakeX";
        if (__builtin_cpu_supports("avx2")) return "Haswell";
    }
#endif
    return "";
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
