// Embedding: rows of a table forward, rows of a gradient on the way back.
#include <algorithm>
#include <utility>

#include <embergrad/engine/kernels/elementwise.hpp>
#include <embergrad/engine/kernels/lookup.hpp>
#include <embergrad/engine/lookup_checks.hpp>
#include <embergrad/engine/ops.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using namespace detail;

/// Scales the copies of rows that the table keeps unscaled: all, or the frozen ones.
void renorm_copies(const Parameter& table, const IdArray& ids, const EmbeddingOptions& options, bool frozen_only,
                   Real* copies) {
    if (frozen_only && !table.has_frozen_rows()) return;
    const std::size_t d = table.shape()[1];
    for (std::size_t i = 0; i < ids.size(); ++i, copies += d) {
        if (frozen_only && !table.is_frozen(static_cast<std::size_t>(ids.data()[i]))) continue;
        put_scaled(copies, d, renorm_factor(copies, d, options), false, copies);
    }
}

/// A row of values for each position but those of padding.
RowGradient rows_but_padding(const IdArray& ids, std::int64_t padding, Array values) {
    const std::int64_t *first = ids.data(), *last = first + ids.size();
    if (std::count(first, last, padding) == 0) return RowGradient({first, last}, std::move(values));
    RowIds rows, positions;
    for (const std::int64_t* id = first; id != last; ++id) {
        if (*id == padding) continue;
        rows.push_back(*id);
        positions.push_back(id - first);
    }
    return RowGradient(std::move(rows), std::move(values), std::move(positions));
}

/// dtable[ids[i]] += dout[i], held by rows; with `by_frequency` divided by how often ids[i] occurs.
void add_gradient(Gradient& table, Gradient& out, const IdArray& ids, std::int64_t padding, bool by_frequency,
                  bool sparse) {
    const std::size_t d = table.shape()[1];
    Array dout = out.take({ids.size(), d});
    if (by_frequency) {
        const RealVector inverse = inverse_counts(ids.data(), ids.size());
        for (std::size_t i = 0; i < ids.size(); ++i)
            put_scaled(dout.data() + i * d, d, inverse[i], false, dout.data() + i * d);
    }
    table.add(rows_but_padding(ids, padding, std::move(dout)), sparse);
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
    if (options.max_norm && tape.training()) renorm_table(table, ids, options);
    Real* to = out.mutable_value().data();
    gather(table.value().data(), ids.data(), ids.size(), d, to);  // not weight.value(): the table may change later
    if (options.max_norm) renorm_copies(table, ids, options, /*frozen_only=*/tape.training(), to);
    if (out.needs_grad()) {
        out.on_backward([to = &weight.gradient(), from = &out.gradient(), ids = ids,
                         padding = resolve_padding(options, v), sparse = options.sparse,
                         by_frequency = options.scale_grad_by_freq] {
            add_gradient(*to, *from, ids, padding, by_frequency, sparse);
        });
    }
    return out;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
