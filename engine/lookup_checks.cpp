// Lookup checks, and the renormalisation of max_norm.
#include <embergrad/engine/lookup_checks.hpp>

#include <algorithm>
#include <cmath>

#include <embergrad/engine/kernels/elementwise.hpp>
#include <embergrad/engine/kernels/lookup.hpp>
#include <embergrad/engine/kernels/row_norm.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

void check_lookup_options(std::string_view op, const EmbeddingOptions& options, std::size_t v) {
    if (options.padding_idx) {
        const auto rows = static_cast<std::int64_t>(v);
        require(*options.padding_idx >= -rows && *options.padding_idx < rows, op, ": padding_idx ",
                *options.padding_idx, " must be within a table of ", v, " rows");
    }
    require(!options.max_norm || *options.max_norm >= 0, op, ": max_norm must not be negative or NaN, but got ",
            options.max_norm.value_or(0));
    require(!std::isnan(options.norm_type), op, ": norm_type must not be NaN");
}

void check_table(std::string_view op, const Parameter& table) {
    require(table.shape().size() == 2, op, ": the table must be (V, D), not ", table.shape());
}

void check_ids(std::string_view op, const IdArray& ids, std::size_t v) {
    if (const std::optional<std::size_t> i = first_outside(ids, v))
        fail<std::out_of_range>(op, ": id ", ids.data()[*i], " at position ", position_text(*i, ids.shape()),
                                " is outside a table of ", v, " rows");
}

std::int64_t resolve_padding(const EmbeddingOptions& options, std::size_t v) {
    if (!options.padding_idx) return kNoRow;
    return *options.padding_idx < 0 ? *options.padding_idx + static_cast<std::int64_t>(v) : *options.padding_idx;
}

Real renorm_factor(const Real* row, std::size_t d, const EmbeddingOptions& options) {
    const double norm = row_norm({row, d}, options.norm_type);
    return norm > *options.max_norm ? static_cast<Real>(*options.max_norm / (norm + 1e-7)) : Real{1};
}

void renorm_table(const Parameter& table, const IdArray& ids, const EmbeddingOptions& options) {
    IdVector rows(ids.data(), ids.data() + ids.size());
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    const std::size_t d = table.shape()[1];
    const bool any_frozen = table.has_frozen_rows();
    Real* values = nullptr;
    for (std::int64_t row : rows) {
        if (any_frozen && table.is_frozen(static_cast<std::size_t>(row))) continue;
        const std::size_t offset = static_cast<std::size_t>(row) * d;
        const Real factor = renorm_factor(table.value().data() + offset, d, options);
        if (factor == 1) continue;
        if (values == nullptr) {
            values = table.mutable_value().data();
            table.count_renorm();
        }
        put_scaled(values + offset, d, factor, false, values + offset);
    }
}

void check_lengths(const Shape& x, const IdArray& lengths) {
    require(x.size() == 3, "masked_mean: x must be (B, L, D), not ", x);
    require(lengths.shape() == Shape{x[0]}, "masked_mean: lengths must be of shape ", Shape{x[0]}, " for x ", x,
            ", not ", lengths.shape());
    const auto longest = static_cast<std::int64_t>(x[1]);
    for (std::size_t b = 0; b < lengths.size(); ++b) {
        const std::int64_t length = lengths.data()[b];
        require(length >= 0 && length <= longest, "masked_mean: length ", length, " at position ", b, " is outside 0..",
                longest);
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
