// gemm: matrix products, packed by ourselves or left to BLAS, cut into tiles for threads. Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/kernels/product/matrix_view.hpp>
#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// c = op(a) op(b), or added to c, where op(a): (m, k), op(b): (k, n), c: (m, n), all contiguous and row-major. What c
/// held is not read unless `add`. The bits do not depend on the number of threads: BLAS's tiles are cut by the extents
/// alone, and ours have the same bits however they are cut.
/// Throws std::invalid_argument for extents beyond BLAS's integers where BLAS is asked, and std::bad_alloc, which
/// leaves anything in c.
void gemm(Transpose transpose_a, Transpose transpose_b, std::size_t m, std::size_t n, std::size_t k, const Real* a,
          const Real* b, bool add, Real* c);

/// c = op(a) op(b) + bias, a row of n numbers that is added to each row.
void gemm_with_bias(Transpose transpose_a, Transpose transpose_b, std::size_t m, std::size_t n, std::size_t k,
                    const Real* a, const Real* b, const Real* bias, Real* c);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
