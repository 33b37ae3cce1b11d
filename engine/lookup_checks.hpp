// What the lookups of embedding and embedding_bag share: their checks, padding, the counts of scale_grad_by_freq and
// the renormalisation of max_norm.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <embergrad/engine/kernels/prefetch.hpp>
#include <embergrad/engine/ops.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

using IdVector = std::vector<std::int64_t, Allocator<std::int64_t>>;
using RealVector = std::vector<Real, Allocator<Real>>;

constexpr std::size_t kRowsAhead = 32;  // are prefetched: a lookup does so little with a row that 16 come too late
                                        // (but see streaming.cpp)
constexpr std::int64_t kNoRow = -1;

/// Rows a thread reads before it takes the next tile: 2,048 of 128 values.
inline std::size_t row_tile(std::size_t d) {
    constexpr std::size_t kTileValues = std::size_t{1} << 18, kMost = 2048;
    return std::clamp<std::size_t>(kTileValues / std::max<std::size_t>(d, 1), 1, kMost);
}

/// Whether `n` rows of `d` values are work enough to wake the other threads for; a short row is a line of memory, too.
inline bool is_worth_threads(std::size_t n, std::size_t d) {
    constexpr std::size_t kWakeFor = std::size_t{1} << 20, kLine = 64 / sizeof(Real);
    return n * std::max(d, kLine) >= kWakeFor;
}

/// Throws std::invalid_argument, in the name of `op`, for what check_embedding_options refuses.
void check_lookup_options(std::string_view op, const EmbeddingOptions& options, std::size_t v);
/// Throws std::invalid_argument unless the table is (V, D).
void check_table(std::string_view op, const Parameter& table);
/// Throws std::out_of_range for an id outside 0..V-1.
void check_ids(std::string_view op, const IdArray& ids, std::size_t v);

/// The padding row counted from the start; kNoRow if there is none.
std::int64_t resolve_padding(const EmbeddingOptions& options, std::size_t v);

/// What a row is multiplied by so that its norm is max_norm at most; 1 for a short one and for NaN.
Real renorm_factor(const Real* row, std::size_t d, const EmbeddingOptions& options);
void scale_row(Real* row, std::size_t d, Real factor);
/// Scales each row that is looked up, once, in the table; frozen rows stay.
void renorm_table(const Parameter& table, const IdArray& ids, const EmbeddingOptions& options);

/// 1 / how often the id of each position occurs among all ids.
RealVector inverse_counts(const IdArray& ids);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
