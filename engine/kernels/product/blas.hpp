// BLAS: the only place that includes it. Internal.
#pragma once

#include <cstddef>
#include <string>

#include <embergrad/engine/kernels/product/matrix_view.hpp>
#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// On the calling thread: c = a b, or added to c, where a: (m, k), b: (k, n), and the rows of c: (m, n) are `stride`
/// apart.
void blas_gemm(std::size_t m, std::size_t n, std::size_t k, const MatrixView& a, const MatrixView& b, bool add, Real* c,
               std::size_t stride);
/// Whether BLAS's integers hold it.
bool is_blas_extent(std::size_t extent);

/// "OpenBLAS 0.3.21, core Haswell".
std::string blas_description();
/// What to set OPENBLAS_CORETYPE to, where OpenBLAS does not know this processor and runs kernels without AVX on it;
/// empty where it does well, or was told.
std::string better_blas_core();

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
