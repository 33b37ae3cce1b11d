// BuildInfo: what compiler, machine and BLAS say of themselves.
#include <embergrad/engine/build_info.hpp>

#include <embergrad/engine/kernels/product/blas.hpp>
#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

std::string compiler_text() {
#ifdef __clang__
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}

std::string simd_text() {
#ifdef EMBERGRAD_HAS_CLONES
    if (__builtin_cpu_supports("avx512f")) return "avx512f";
    if (__builtin_cpu_supports("avx2")) return "avx2";
#endif
    return "baseline";
}

/// OpenBLAS 0.3.21, which Debian 12 has, takes processors newer than itself for a Pentium 4.
std::string blas_advice() {
    const std::string core = detail::better_blas_core();
    if (core.empty()) return "";
    return "OPENBLAS_CORETYPE=" + core +
           " makes matrix products faster: this OpenBLAS does not know the processor, and uses no AVX";
}

}  // namespace

BuildInfo build_info() {
    return {.version = EMBERGRAD_VERSION,
            .compiler = compiler_text(),
            .precision = sizeof(Real) == 8 ? "double" : "float",
            .blas = detail::blas_description(),
            .simd = simd_text(),
            .threads = num_threads(),
            .advice = blas_advice()};
}

std::string to_string(const BuildInfo& info) {
    const std::string advice = info.advice.empty() ? "" : "\nadvice    " + info.advice;
    return "embergrad " + info.version + "\ncompiler  " + info.compiler + "\nprecision " + info.precision +
           "\nblas      " + info.blas + "\nsimd      " + info.simd + "\nthreads   " + std::to_string(info.threads) +
           advice;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
