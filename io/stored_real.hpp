// StoredReal: how files of arrays store reals; little-endian, of several widths.
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
/// Bytes of an array whose elements take so many; nothing if they overflow 63 bits, even beside an extent of 0: xtensor
/// multiplies the others when it works out strides.
std::optional<std::uint64_t> stored_size(std::size_t element, const Shape& shape);

/// Fills `to` from as many stored ones at any alignment: exactly (a NaN of a Real's own width bit for bit), but for f64
/// to float, which is rounded (too large is infinity).
void to_reals(StoredReal type, const std::byte* from, std::span<Real> to);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
