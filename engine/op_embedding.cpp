// Embedding: rows of a table forward, rows of a gradient on the way back.
#include <algorithm>
#include <cstring>

#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/kernels/uncached_rows.hpp>
#include <embergrad/engine/lookup_checks.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using namespace detail;

/// Scales what was handed out, where the table itself was not: all of it, or the frozen rows alone.
void renorm_copies(const Parameter& table, const IdArray& ids, const EmbeddingOptions& options, bool frozen_only,
                   Real* copies) {
    if (frozen_only && !table.has_frozen_rows()) return;
    const std::size_t d = table.shape()[1];
    for (std::size_t i = 0; i < ids.size(); ++i, copies += d) {
        if (frozen_only && !table.is_frozen(static_cast<std::size_t>(ids.data()[i]))) continue;
        scale_row(copies, d, renorm_factor(copies, d, options));
    }
}

/// In whole lines, in place: for a short row a call costs as much as the copy.
[[gnu::always_inline]] inline void copy_row(const Real* __restrict from, std::size_t d, Real* __restrict to) {
    constexpr std::size_t kLine = 64 / sizeof(Real);
    std::size_t j = 0;
    for (; j + kLine <= d; j += kLine) std::memcpy(to + j, from + j, kLine * sizeof(Real));
    for (; j < d; ++j) to[j] = from[j];
}

EMBERGRAD_SIMD void copy_rows(const Real* table, const std::int64_t* ids, std::size_t begin, std::size_t end,
                              std::size_t d, Real* to) {
    for (std::size_t i = begin; i < end; ++i) {
        if (i + kRowsAhead < end) prefetch_row(table + static_cast<std::size_t>(ids[i + kRowsAhead]) * d, d);
        copy_row(table + static_cast<std::size_t>(ids[i]) * d, d, to + i * d);
    }
}

/// to[i] = table[ids[i]]
void gather(const Real* table, const std::int64_t* ids, std::size_t n, std::size_t d, Real* to) {
    const auto copy = is_streamed(n, d) ? stream_rows : copy_rows;
    const auto copy_tile = [=](std::size_t begin, std::size_t end) { copy(table, ids, begin, end, d, to); };
    parallel_for(n, row_tile(d), copy_tile, is_worth_threads(n, d));
}

/// to[ids[i]] += factors[i] * from[i] but for ids that are `padding`, in the order of the positions; no factors stand
/// for ones
EMBERGRAD_SIMD void add_to_rows(const std::int64_t* ids, std::size_t n, std::size_t d, std::int64_t padding,
                                const Real* factors, const Real* __restrict from, Real* __restrict to) {
    for (std::size_t i = 0; i < n; ++i) {
        if (i + kPrefetch < n) prefetch_row(to + static_cast<std::size_t>(ids[i + kPrefetch]) * d, d);
        if (ids[i] == padding) continue;
        Real* const row = to + static_cast<std::size_t>(ids[i]) * d;
        const Real factor = factors == nullptr ? Real{1} : factors[i];
        for (std::size_t j = 0; j < d; ++j) row[j] += from[i * d + j] * factor;
    }
}

/// dtable[ids[i]] += dout[i]; with `by_frequency` divided by how often ids[i] occurs
void add_dense_gradient(Var table, Var out, const IdArray& ids, std::int64_t padding, bool by_frequency) {
    const Real* dout = out.grad().data();
    Real* dtable = table.grad_rows({ids.data(), ids.size()}).data();
    const auto inverse = by_frequency ? inverse_counts(ids) : RealVector();
    add_to_rows(ids.data(), ids.size(), table.dim(1), padding, by_frequency ? inverse.data() : nullptr, dout, dtable);
}

/// dout as it is: every position has a row of it.
void add_all_rows(Var table, Var out, const IdArray& ids) {
    table.add_row_grad(RowGradient({ids.data(), ids.data() + ids.size()}, out.share_grad(ids.size(), table.dim(1))));
}

/// The rows of dout, without those of the padding id; with `by_frequency` divided as above.
void add_row_gradient(Var table, Var out, const IdArray& ids, std::int64_t padding, bool by_frequency) {
    const std::size_t d = table.dim(1);
    const auto n = ids.size() - static_cast<std::size_t>(std::count(ids.data(), ids.data() + ids.size(), padding));
    if (n == ids.size() && !by_frequency) return add_all_rows(table, out, ids);
    std::vector<std::int64_t> rows;
    rows.reserve(n);
    Array values(Shape{n, d});
    const Real* dout = out.grad().data();
    const auto inverse = by_frequency ? inverse_counts(ids) : RealVector();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids.data()[i] == padding) continue;
        Real* value = values.data() + rows.size() * d;
        std::copy_n(dout + i * d, d, value);
        if (by_frequency) scale_row(value, d, inverse[i]);
        rows.push_back(ids.data()[i]);
    }
    table.add_row_grad(RowGradient(std::move(rows), std::move(values)));
}

}  // namespace

void check_embedding_options(const EmbeddingOptions& options, std::size_t v) {
    check_lookup_options("embedding", options, v);
}

Var embedding(Tape& tape, const Parameter& table, const IdArray& ids, const EmbeddingOptions& options) {
    check_table("embedding", table);
    const std::size_t v = table.shape()[0], d = table.shape()[1];
    check_embedding_options(options, v);
    check_ids("embedding", ids, v);
    Shape shape(ids.shape());
    shape.push_back(d);
    const Var weight = tape.leaf(table);
    const Var out = tape.result(shape, {weight});
    if (options.max_norm && tape.training()) renorm_table(table, ids, options);  // nothing fails from here on
    Real* to = out.mutable_value().data();
    gather(table.value().data(), ids.data(), ids.size(), d, to);
    if (options.max_norm) renorm_copies(table, ids, options, tape.training(), to);
    if (out.needs_grad()) {
        const std::int64_t padding = resolve_padding(options, v);
        out.on_backward(
            [weight, out, ids = ids, padding, sparse = options.sparse, by_frequency = options.scale_grad_by_freq] {
                if (sparse)
                    add_row_gradient(weight, out, ids, padding, by_frequency);
                else
                    add_dense_gradient(weight, out, ids, padding, by_frequency);
            });
    }
    return out;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
