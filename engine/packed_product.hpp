// Our own matrix product, for machines with AVX2: a linear layer multiplies few rows by many weights, and there it is
// faster than OpenBLAS (bench/products.cpp). Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/config.hpp>
#include <embergrad/engine/matrix_view.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Whether this machine can run multiply_packed().
bool has_packed_product();

/// Whether it is the faster way to c = a b, where a: (m, k), b: (k, n). Only where has_packed_product() says so.
bool is_packed_faster(std::size_t m, std::size_t n, std::size_t k, const MatrixView& b);

/// c = start + a b, where a: (m, k), b: (k, n), and the rows of c: (m, n) are `stride` apart; `start` may be c itself.
/// An entry is a sum over blocks of k in their order: which other rows and columns are asked for with it changes no bit
/// of it (a NaN's sign and payload apart). Only where has_packed_product() says so. Throws std::bad_alloc, c unchanged.
void multiply_packed(std::size_t m, std::size_t n, std::size_t k, const MatrixView& a, const MatrixView& b,
                     ProductStart start, Real* c, std::size_t stride);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
