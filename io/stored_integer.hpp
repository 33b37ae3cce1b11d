// StoredInteger: how files of arrays store integers; little-endian, of several widths, with a sign or without.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

enum class StoredInteger { i64, i32, i16, i8, u64, u32, u16, u8, boolean };

/// Bytes of one.
std::size_t stored_size(StoredInteger type);

/// Fills `to` from as many stored ones at any alignment; true is 1. The position of the first above 2^63 - 1, which is
/// no id, if there is one.
std::optional<std::size_t> to_ids(StoredInteger type, const std::byte* from, std::span<std::int64_t> to);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
