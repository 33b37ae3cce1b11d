// MatrixView and MatrixProduct: matrices by their strides, and what a product does with them. Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/system/config.hpp>

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

enum Transpose { N, T };

/// op(x), (rows, columns), of a row-major matrix.
inline MatrixView view_of(Transpose transpose, const Real* x, std::size_t rows, std::size_t columns) {
    return transpose == T ? MatrixView{x, 1, rows} : MatrixView{x, columns, 1};
}

/// What a product is added to: entry (i, j) is data[i * row_stride + j]. A row_stride of 0 makes it a bias, one row for
/// all; data of nullptr stands for zeros.
struct ProductStart {
    const Real* data = nullptr;
    std::size_t row_stride = 0;

    /// That of the entries right of and below (i, j).
    ProductStart at(std::size_t i, std::size_t j) const {
        return data == nullptr ? *this : ProductStart{data + i * row_stride + j, row_stride};
    }
};

/// c = start + a b, where a: (m, k), b: (k, n), and the rows of c: (m, n) are `stride` apart; `start` may be c itself,
/// with its stride.
struct MatrixProduct {
    std::size_t m, n, k;
    MatrixView a, b;
    ProductStart start;
    Real* c;
    std::size_t stride;

    /// `rows` x `columns` entries of c, from (row, column) on.
    MatrixProduct piece(std::size_t row, std::size_t rows, std::size_t column, std::size_t columns) const {
        return {rows,  columns, k, a.at(row, 0), b.at(0, column), start.at(row, column), c + row * stride + column,
                stride};
    }
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
