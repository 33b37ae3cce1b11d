// Embedding: rows of a table forward, rows of a gradient on the way back.
#include <algorithm>
#include <cmath>
#include <limits>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using IdVector = std::vector<std::int64_t, Allocator<std::int64_t>>;

constexpr std::size_t kPrefetch = 16;      // rows ahead: a table larger than the cache is waited for otherwise
constexpr std::size_t kGatherTile = 2048;  // rows a thread copies before it takes the next tile
constexpr std::int64_t kNoRow = -1;

void check_ids(const IdArray& ids, std::size_t v) {
    if (const std::optional<std::size_t> i = first_outside(ids, v))
        fail<std::out_of_range>("embedding: id ", ids.data()[*i], " at position ", position_text(*i, ids.shape()),
                                " is outside a table of ", v, " rows");
}

std::int64_t resolve_padding(const EmbeddingOptions& options, std::size_t v) {
    if (!options.padding_idx) return kNoRow;
    return *options.padding_idx < 0 ? *options.padding_idx + static_cast<std::int64_t>(v) : *options.padding_idx;
}

/// The q-norm of a row in double: a float32 row of 1e30s has a norm.
double row_norm(const Real* row, std::size_t d, double q) {
    double norm = q == -std::numeric_limits<double>::infinity() ? std::numeric_limits<double>::infinity() : 0;
    for (std::size_t j = 0; j < d; ++j) {
        const double x = std::abs(static_cast<double>(row[j]));
        if (q == 2)
            norm += x * x;
        else if (q == 1)
            norm += x;
        else if (q == 0)
            norm += x != 0;
        else if (std::isinf(q))
            norm = std::isnan(x) ? x : (q > 0 ? std::max(norm, x) : std::min(norm, x));
        else
            norm += std::pow(x, q);
    }
    if (q == 2) return std::sqrt(norm);
    return q == 0 || q == 1 || std::isinf(q) ? norm : std::pow(norm, 1 / q);
}

/// What a row is multiplied by so that its norm is max_norm at most; 1 for a short one and for NaN.
Real renorm_factor(const Real* row, std::size_t d, const EmbeddingOptions& options) {
    const double norm = row_norm(row, d, options.norm_type);
    return norm > *options.max_norm ? static_cast<Real>(*options.max_norm / (norm + 1e-7)) : Real{1};
}

void scale_row(Real* row, std::size_t d, Real factor) {
    if (factor == 1) return;
    for (std::size_t j = 0; j < d; ++j) row[j] *= factor;
}

/// Scales each row that is looked up, once, in the table; frozen rows stay.
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
        if (values == nullptr) values = table.mutable_value().data();
        scale_row(values + offset, d, factor);
    }
}

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

/// to[i] = table[ids[i]]
void gather(const Real* table, const std::int64_t* ids, std::size_t n, std::size_t d, Real* to) {
    detail::parallel_for(n, kGatherTile, [=](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            if (i + kPrefetch < end) {
                const Real* ahead = table + static_cast<std::size_t>(ids[i + kPrefetch]) * d;
                for (std::size_t j = 0; j < d; j += 64 / sizeof(Real)) __builtin_prefetch(ahead + j);
            }
            std::copy_n(table + static_cast<std::size_t>(ids[i]) * d, d, to + i * d);
        }
    });
}

/// 1 / how often the id of each position occurs among ids.
std::vector<Real, Allocator<Real>> inverse_counts(const IdArray& ids) {
    IdVector sorted(ids.data(), ids.data() + ids.size());
    std::sort(sorted.begin(), sorted.end());
    std::vector<Real, Allocator<Real>> inverse(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), ids.data()[i]);
        inverse[i] = 1 / static_cast<Real>(last - first);
    }
    return inverse;
}

/// dtable[ids[i]] += dout[i], in the order of the positions
void add_dense_gradient(Var table, Var out, const IdArray& ids, std::int64_t padding, bool by_frequency) {
    const std::size_t d = table.dim(1);
    const Real* dout = out.grad().data();
    Real* dtable = table.grad().data();
    const auto inverse = by_frequency ? inverse_counts(ids) : std::vector<Real, Allocator<Real>>();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::int64_t id = ids.data()[i];
        if (id == padding) continue;
        Real* row = dtable + static_cast<std::size_t>(id) * d;
        const Real factor = by_frequency ? inverse[i] : Real{1};
        for (std::size_t j = 0; j < d; ++j) row[j] += dout[i * d + j] * factor;
    }
}

/// The rows of dout, without those of the padding id.
void add_row_gradient(Var table, Var out, const IdArray& ids, std::int64_t padding) {
    const std::size_t d = table.dim(1);
    const auto n = ids.size() - static_cast<std::size_t>(std::count(ids.data(), ids.data() + ids.size(), padding));
    std::vector<std::int64_t> rows;
    rows.reserve(n);
    Array values(Shape{n, d});
    const Real* dout = out.grad().data();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids.data()[i] == padding) continue;
        std::copy_n(dout + i * d, d, values.data() + rows.size() * d);
        rows.push_back(ids.data()[i]);
    }
    table.add_row_grad(RowGradient(std::move(rows), std::move(values)));
}

}  // namespace

void check_embedding_options(const EmbeddingOptions& options, std::size_t v) {
    if (options.padding_idx) {
        const auto rows = static_cast<std::int64_t>(v);
        require(*options.padding_idx >= -rows && *options.padding_idx < rows, "embedding: padding_idx ",
                *options.padding_idx, " must be within a table of ", v, " rows");
    }
    require(!options.max_norm || *options.max_norm >= 0, "embedding: max_norm must not be negative or NaN, but got ",
            options.max_norm.value_or(0));
    require(!std::isnan(options.norm_type), "embedding: norm_type must not be NaN");
    require(!options.sparse || !options.scale_grad_by_freq,
            "embedding: scale_grad_by_freq needs a dense gradient; leave sparse off");
}

Var embedding(Tape& tape, const Parameter& table, const IdArray& ids, const EmbeddingOptions& options) {
    require(table.shape().size() == 2, "embedding: the table must be (V, D), not ", table.shape());
    const std::size_t v = table.shape()[0], d = table.shape()[1];
    check_embedding_options(options, v);
    check_ids(ids, v);
    if (options.max_norm && tape.training()) renorm_table(table, ids, options);

    Shape shape(ids.shape());
    shape.push_back(d);
    const Var weight = tape.leaf(table);
    const Var out = tape.result(shape, {weight});
    Real* to = out.mutable_value().data();
    gather(table.value().data(), ids.data(), ids.size(), d, to);
    if (options.max_norm) renorm_copies(table, ids, options, tape.training(), to);
    if (out.needs_grad()) {
        const std::int64_t padding = resolve_padding(options, v);
        out.on_backward(
            [weight, out, ids = ids, padding, sparse = options.sparse, by_frequency = options.scale_grad_by_freq] {
                if (sparse)
                    add_row_gradient(weight, out, ids, padding);
                else
                    add_dense_gradient(weight, out, ids, padding, by_frequency);
            });
    }
    return out;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
