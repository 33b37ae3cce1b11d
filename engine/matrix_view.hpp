// Matrices as a product sees them. Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// A matrix to be read: entry (i, j) is data[i * row_stride + j * column_stride]; one of the strides is 1.
struct MatrixView {
    const Real* data;
    std::size_t row_stride, column_stride;

    /// What is right of and below (i, j).
    MatrixView at(std::size_t i, std::size_t j) const {
        return {data + i * row_stride + j * column_stride, row_stride, column_stride};
    }
    MatrixView transposed() const { return {data, column_stride, row_stride}; }
};

/// What a product is added to: entry (i, j) is data[i * row_stride + j]. A row_stride of 0 makes it a bias, one row for
/// all; data of nullptr stands for zeros.
struct ProductStart {
    const Real* data = nullptr;
    std::size_t row_stride = 0;

    ProductStart at(std::size_t i, std::size_t j) const {
        return data == nullptr ? *this : ProductStart{data + i * row_stride + j, row_stride};
    }
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
