// Rows copied by non-temporal stores: an array larger than the cache would evict everything else, and a line that is
// written as usual is read from memory first. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Whether `n` rows of `d` values are better written by non-temporal stores: whole lines, and so many that whoever
/// reads them next finds little of them in the cache anyway.
bool is_streamed(std::size_t n, std::size_t d);

/// Copies a row of whole lines by non-temporal stores; `to` is aligned to 64 bytes.
using StreamRow = void (*)(const Real* from, std::size_t d, Real* to);
/// The ways that this machine has, the best first.
std::span<const StreamRow> stream_row_kernels();

/// to[i] = table[ids[i]] for begin <= i < end, by non-temporal stores. Only where is_streamed() says so; `to` is
/// aligned to 64 bytes.
void stream_rows(const Real* table, const std::int64_t* ids, std::size_t begin, std::size_t end, std::size_t d,
                 Real* to);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
