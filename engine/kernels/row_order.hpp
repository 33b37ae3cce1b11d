// Row order: the rows of a gradient sorted by a few passes over the digits of their numbers. Internal.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <embergrad/engine/system/memory.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

using Positions = std::vector<std::size_t, Allocator<std::size_t>>;

/// Positions 0 .. n - 1 so that rows[position] ascends; equal rows in the order they come. Any values, any number.
Positions ascending_order(std::span<const std::int64_t> rows);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
