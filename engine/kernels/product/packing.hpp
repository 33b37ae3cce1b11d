// Packing: parts of matrices copied into the order in which the packed product reads them. Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/kernels/product/matrix_view.hpp>
#include <embergrad/engine/kernels/product/tiles.hpp>
#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

constexpr std::size_t kStrip = 8 * kTile;     // rows of a that are copied at once
constexpr std::size_t kColumns = 8 * kPanel;  // of a block of b

/// b: (k, n) as panels of kPanel columns, (k, kPanel) each and one after the other; zeros beyond column n. Like all
/// here it needs AVX2.
void pack_panels(std::size_t k, std::size_t n, const MatrixView& b, Real* panels);

/// a: (rows, k) with rows <= kStrip, whose columns lie one after the other: into columns that are kStrip apart.
void pack_strip(std::size_t rows, std::size_t k, const MatrixView& a, Real* strip);

/// c[j][i] = start[j][i] + sums[i][j] for sums: (m, n), whose rows are kColumns apart.
void put_transposed(std::size_t m, std::size_t n, const Real* sums, ProductStart start, Real* c, std::size_t stride);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
