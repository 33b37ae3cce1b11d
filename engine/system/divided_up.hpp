// Division rounded up. Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// How many parts it takes to hold all of the extent.
constexpr std::size_t divided_up(std::size_t extent, std::size_t part) { return (extent + part - 1) / part; }

/// The least multiple of the part that is not less.
constexpr std::size_t rounded_up(std::size_t extent, std::size_t part) { return divided_up(extent, part) * part; }

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
