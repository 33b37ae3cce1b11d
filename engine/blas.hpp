// Matrix products. The only place that knows BLAS.
#pragma once

#include <cstddef>
#include <string>

#include <embergrad/engine/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

enum Transpose { N, T };

/// c = op(a) op(b) + beta c, where op(a): (M, K), op(b): (K, N), c: (M, N), all contiguous and row-major; beta = 0
/// overwrites c, whatever it held. Cut into fixed tiles, so the bits do not depend on the number of threads.
void gemm(Transpose transpose_a, Transpose transpose_b, std::size_t m, std::size_t n, std::size_t k, const Real* a,
          const Real* b, Real beta, Real* c);

/// BLAS runs on the thread that calls it; our own tiles use the others. Each thread says so for itself, because the
/// OpenMP build of OpenBLAS keeps this setting by thread.
void use_one_blas_thread();

/// "OpenBLAS 0.3.21, core Haswell".
std::string blas_description();

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
