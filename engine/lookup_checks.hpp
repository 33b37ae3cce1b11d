// Lookup checks: what embedding, embedding_bag and masked_mean refuse, and what max_norm does to a table. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <embergrad/engine/ops.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

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
/// Scales each row that is looked up, once, in the table; frozen rows stay.
void renorm_table(const Parameter& table, const IdArray& ids, const EmbeddingOptions& options);

/// Throws std::invalid_argument unless x is (B, L, D) and the lengths are (B), each in 0..L.
void check_lengths(const Shape& x, const IdArray& lengths);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
