// Reals as files of arrays store them: little-endian, of several widths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <embergrad/engine/array.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

enum class StoredReal { f64, f32, f16, bf16 };
/// What needs no conversion.
inline constexpr StoredReal kRealAsStored = sizeof(Real) == 8 ? StoredReal::f64 : StoredReal::f32;

/// Bytes of one.
std::size_t stored_size(StoredReal type);
/// Bytes of an array; nothing if they overflow 63 bits. Extents of 0 count as 1 until the end: xtensor multiplies them
/// all the same when it works out strides.
std::optional<std::uint64_t> stored_size(StoredReal type, const Shape& shape);

/// Fills `to` from as many stored ones, which lie at any alignment: exactly (every NaN of a Real's own width as it is),
/// but for f64 to float, which is rounded (too large is infinity).
void to_reals(StoredReal type, const std::byte* from, std::span<Real> to);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
