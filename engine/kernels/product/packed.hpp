// The packed product, our own, for machines with AVX2: a linear layer multiplies few rows by many weights, and there it
// is faster than OpenBLAS (bench/products.cpp). Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/kernels/product/matrix_view.hpp>
#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Whether this machine can run multiply_packed().
bool has_packed_product();

/// Whether multiply_packed() is the faster way. Only where has_packed_product() says so.
bool is_packed_faster(const MatrixProduct& product);

/// An entry is a sum over blocks of k in their order: which other rows and columns are computed with it changes no bit
/// of it (a NaN's sign and payload apart). Only where has_packed_product() says so. Throws std::bad_alloc, c unchanged.
void multiply_packed(const MatrixProduct& product);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
