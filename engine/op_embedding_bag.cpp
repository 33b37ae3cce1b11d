// EmbeddingBag and the masked mean of a lookup: which rows make a bag, and the way back to table and weights.
#include <algorithm>
#include <utility>

#include <embergrad/engine/kernels/bags.hpp>
#include <embergrad/engine/kernels/elementwise.hpp>
#include <embergrad/engine/lookup_checks.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using namespace detail;

EmbeddingOptions lookup_options(const EmbeddingBagOptions& options) {
    return {.padding_idx = options.padding_idx, .max_norm = options.max_norm, .norm_type = options.norm_type};
}

/// The bags of ids (B, N).
IdVector row_bounds(const IdArray& ids) {
    require(ids.dimension() == 2, "embedding_bag: ids must be (B, N), or (n) with offsets, not ", ids.shape(),
            ids.dimension() == 1 ? " without offsets" : "");
    IdVector bounds(ids.shape()[0] + 1);
    for (std::size_t bag = 0; bag < bounds.size(); ++bag) bounds[bag] = static_cast<std::int64_t>(bag * ids.shape()[1]);
    return bounds;
}

void check_offsets(const IdArray& ids, const IdArray& offsets, bool with_last) {
    require(ids.dimension() != 2, "embedding_bag: ids of shape ", ids.shape(),
            " are bags by themselves; leave the offsets out");
    require(ids.dimension() == 1, "embedding_bag: ids must be (B, N), or (n) with offsets, not ", ids.shape());
    require(offsets.dimension() == 1, "embedding_bag: offsets must be (B), not ", offsets.shape());
    const auto n = static_cast<std::int64_t>(ids.size());
    require(offsets.size() > 0 || (n == 0 && !with_last), "embedding_bag: there are no offsets, but ", n, " ids",
            with_last ? " and include_last_offset" : "");
    const std::int64_t* offset = offsets.data();
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        require(i > 0 || offset[0] == 0, "embedding_bag: offsets must begin with 0, but got ", offset[0]);
        require(i == 0 || offset[i] >= offset[i - 1], "embedding_bag: offsets must not decrease, but offset ",
                offset[i], " at position ", i, " follows ", offset[i == 0 ? 0 : i - 1]);
        require(offset[i] <= n, "embedding_bag: offset ", offset[i], " at position ", i, " is beyond the ", n, " ids");
    }
    require(!with_last || offset[offsets.size() - 1] == n,
            "embedding_bag: with include_last_offset the last offset must be ", n, ", the number of ids, but got ",
            with_last ? offset[offsets.size() - 1] : 0);
}

/// The bags of ids (n) cut at offsets.
IdVector offset_bounds(const IdArray& ids, const IdArray& offsets, bool with_last) {
    check_offsets(ids, offsets, with_last);
    IdVector bounds(offsets.data(), offsets.data() + offsets.size());
    if (!with_last) bounds.push_back(static_cast<std::int64_t>(ids.size()));
    return bounds;
}

void check_weights(const Tape& tape, const IdArray& ids, const Var& weights, BagMode mode) {
    require(mode == BagMode::sum, "embedding_bag: per_sample_weights are for mode sum, not ",
            mode == BagMode::mean ? "mean" : "max");
    require(weights.shape() == ids.shape(), "embedding_bag: per_sample_weights must be of the shape of the ids, ",
            ids.shape(), ", not ", weights.shape());
    require<std::logic_error>(&weights.tape() == &tape, "embedding_bag: per_sample_weights belong to another tape");
}

/// What max_norm scales each position's row by where the table itself is not scaled; empty if nothing is.
RealVector copy_factors(const Tape& tape, const Parameter& table, const Bags& bags, const EmbeddingOptions& lookup) {
    if (!lookup.max_norm || (tape.training() && !table.has_frozen_rows())) return {};
    const std::size_t d = table.shape()[1];
    RealVector factors(bags.ids.size(), Real{1});
    for (std::size_t position = 0; position < factors.size(); ++position) {
        const std::size_t row = bags.row(position);
        if (tape.training() && !table.is_frozen(row)) continue;
        factors[position] = renorm_factor(table.value().data() + row * d, d, lookup);
    }
    return factors;
}

void multiply(RealVector& factors, const Array& weights) {
    if (factors.empty()) factors.assign(weights.size(), Real{1});
    for (std::size_t i = 0; i < factors.size(); ++i) factors[i] *= weights.data()[i];
}

/// What a position's share of its bag's gradient is multiplied by: weight, 1 / frequency. Empty for ones.
RealVector gradient_factors(const Bags& bags, const EmbeddingBagOptions& options, const Array* weights) {
    RealVector factors;
    if (options.scale_grad_by_freq) factors = inverse_counts(bags.ids.data(), bags.ids.size());
    if (weights != nullptr) multiply(factors, *weights);
    return factors;
}

/// What all positions of a bag have in common, (B + 1, D): dout, for a mean divided by the bag's size. The last row is
/// of zeros, for positions that do not count.
Array shares_of(const Bags& bags, Gradient& out, bool mean) {
    const std::size_t count = bags.count(), d = out.shape()[1];
    Array shares(Shape{count + 1, d});
    const Real* dout = out.read().data();
    for (std::size_t bag = 0; bag < count; ++bag)
        put_scaled(dout + bag * d, d, bags.scale(bag, mean), false, shares.data() + bag * d);
    std::fill_n(shares.data() + count * d, d, Real{0});
    return shares;
}

/// The positions that are not padding, in order; those that do not count only for a gradient that stays by rows.
struct SharedRows {
    RowIds rows;         // of the table
    RowIds sources;      // their rows of the shares: the bag, or the last for one that does not count
    RealVector factors;  // empty for ones
};

SharedRows shared_rows(const Bags& bags, const RealVector& factors, bool sparse) {
    SharedRows all;
    const std::size_t n = bags.count_without(bags.padding, 0, bags.ids.size());
    all.rows.reserve(n);
    all.sources.reserve(n);
    all.factors.reserve(factors.empty() ? 0 : n);
    for (std::size_t bag = 0; bag < bags.count(); ++bag) {
        const std::size_t end = sparse ? bags.end(bag) : bags.counted_end(bag);
        for (std::size_t position = bags.begin(bag); position < end; ++position) {
            if (bags.is_padding(position)) continue;
            all.rows.push_back(bags.ids.data()[position]);
            all.sources.push_back(static_cast<std::int64_t>(position < bags.counted_end(bag) ? bag : bags.count()));
            if (!factors.empty()) all.factors.push_back(factors[position]);
        }
    }
    return all;
}

/// dtable[row of p] += factor of p * share of the bag of p: a row for each position that is not padding.
RowGradient sum_gradient(const Bags& bags, Gradient& out, bool mean, const RealVector& position_factors, bool sparse) {
    auto [rows, sources, factors] = shared_rows(bags, position_factors, sparse);
    Array shares = shares_of(bags, out, mean);
    if (factors.empty()) return RowGradient(std::move(rows), std::move(shares), std::move(sources));
    Array values(Shape{rows.size(), out.shape()[1]});
    scale_shares(shares.data(), sources, factors, out.shape()[1], values.data());
    return RowGradient(std::move(rows), std::move(values));
}

/// A row for each position that is the largest in some column, in order; zeros in the other columns.
RowGradient max_gradient(const Bags& bags, Gradient& out, const IdVector& winners) {
    const std::size_t d = out.shape()[1];
    const Real* dout = out.read().data();
    IdVector row_of(bags.ids.size(), kNoRow);  // of each position in the gradient
    for (std::int64_t winner : winners) {
        if (winner != kNoPosition) row_of[static_cast<std::size_t>(winner)] = 0;
    }
    RowIds rows;
    for (std::size_t position = 0; position < row_of.size(); ++position) {
        if (row_of[position] == kNoRow) continue;
        row_of[position] = static_cast<std::int64_t>(rows.size());
        rows.push_back(bags.ids.data()[position]);
    }
    Array values = zeros({rows.size(), d});
    for (std::size_t i = 0; i < winners.size(); i += d) {
        for (std::size_t j = 0; j < d && winners[i] != kNoPosition; ++j) {
            const std::int64_t row = row_of[static_cast<std::size_t>(winners[i + j])];
            values.data()[static_cast<std::size_t>(row) * d + j] = dout[i + j];
        }
    }
    return RowGradient(std::move(rows), std::move(values));
}

/// dweights[p] += dout[bag of p] . row of p
template <class RowAt>
void add_weight_gradient(const Var& weights, Gradient& out, const Bags& bags, RowAt row_at) {
    const std::size_t d = out.shape()[1];
    const Real* dout = out.read().data();
    Real* dweights = weights.gradient().array().data();
    const auto add = [&](std::size_t first, std::size_t last) {
        bags.for_each_position(first, last, [&](std::size_t bag, std::size_t position) {
            const Real* row = row_at(position);
            double dot = 0;
            for (std::size_t j = 0; j < d; ++j)
                dot += static_cast<double>(dout[bag * d + j]) * static_cast<double>(row[j]);
            dweights[position] += static_cast<Real>(dot);
        });
    };
    parallel_for(bags.count(), bags.tile(d), add, is_worth_threads(bags.ids.size(), d));
}

/// The rows of all positions as they entered the bags. Only where max_norm, here or in a later call, may scale the
/// table before the gradient of the weights needs them.
Var scaled_rows(Tape& tape, const BagRows& rows) {
    const std::size_t n = rows.bags.ids.size();
    const Var copies = tape.workspace({n, rows.d});
    Real* to = copies.mutable_value().data();
    for (std::size_t position = 0; position < n; ++position, to += rows.d) {
        put_scaled(rows.at(position), rows.d, rows.factor(position), false, to);
    }
    return copies;
}

void go_back_to_table(Gradient& table, Gradient& out, const Bags& bags, const EmbeddingBagOptions& options,
                      const Array* weights, const IdVector& winners) {
    const bool sparse = options.sparse;
    if (options.mode == BagMode::max) return table.add(max_gradient(bags, out, winners), sparse);
    const RealVector factors = gradient_factors(bags, options, weights);
    table.add(sum_gradient(bags, out, options.mode == BagMode::mean, factors, sparse), sparse);
}

void go_back_to_weights(const Var& weights, const Var& table, const Var& copies, Gradient& out, const Bags& bags,
                        bool from_copies) {
    const std::size_t d = out.shape()[1];
    const Real* values = from_copies ? copies.data() : table.value().data();
    add_weight_gradient(weights, out, bags, [&](std::size_t position) {
        return values + (from_copies ? position : bags.row(position)) * d;
    });
}

/// Everything has been checked. weights: of the shape of the ids, or nullptr.
Var reduced_bags(Tape& tape, const Parameter& table, Bags bags, const Var* weights,
                 const EmbeddingBagOptions& options) {
    const std::size_t d = table.shape()[1];
    const Var weight = tape.leaf(table), w = weights == nullptr ? weight : *weights;
    const Var out = tape.result({bags.count(), d}, {weight, w});
    if (options.max_norm && tape.training()) renorm_table(table, bags.ids, lookup_options(options));

    RealVector factors = copy_factors(tape, table, bags, lookup_options(options));
    const BagRows rows{bags, table.value().data(), d, factors};
    const bool has_weights = weights != nullptr, weights_learn = has_weights && w.needs_grad();
    const bool from_copies = weights_learn && options.max_norm;
    if (weights_learn && !from_copies) weight.value();  // read again on the way back: it must not change from here on
    const Var copies = from_copies ? scaled_rows(tape, rows) : Var();
    if (has_weights) multiply(factors, w.value());
    IdVector winners(options.mode == BagMode::max && out.needs_grad() ? out.size() : 0, kNoPosition);
    if (options.mode == BagMode::max)
        max_bags(rows, out.mutable_value().data(), winners);
    else
        sum_bags(rows, options.mode == BagMode::mean, out.mutable_value().data());

    if (out.needs_grad()) {
        out.on_backward([=, to = weight.gradient_if_needed(), from = &out.gradient(), bags = std::move(bags),
                         winners = std::move(winners), options = options] {
            if (to != nullptr) go_back_to_table(*to, *from, bags, options, has_weights ? &w.value() : nullptr, winners);
            if (weights_learn) go_back_to_weights(w, weight, copies, *from, bags, from_copies);
        });
    }
    return out;
}

/// bounds() cuts the ids into bags, and checks that it can.
template <class Bounds>
Var checked_bags(Tape& tape, const Parameter& table, const IdArray& ids, const Var* weights,
                 const EmbeddingBagOptions& options, Bounds bounds) {
    check_table("embedding_bag", table);
    const std::size_t v = table.shape()[0];
    check_embedding_bag_options(options, v);
    Bags bags{ids, bounds(), resolve_padding(lookup_options(options), v)};
    if (weights != nullptr) check_weights(tape, ids, *weights, options.mode);
    check_ids("embedding_bag", ids, v);
    return reduced_bags(tape, table, std::move(bags), weights, options);
}

Var bags_of_rows(Tape& tape, const Parameter& table, const IdArray& ids, const Var* weights,
                 const EmbeddingBagOptions& options) {
    return checked_bags(tape, table, ids, weights, options, [&] { return row_bounds(ids); });
}

Var bags_at_offsets(Tape& tape, const Parameter& table, const IdArray& ids, const IdArray& offsets, const Var* weights,
                    const EmbeddingBagOptions& options) {
    return checked_bags(tape, table, ids, weights, options,
                        [&] { return offset_bounds(ids, offsets, options.include_last_offset); });
}

}  // namespace

void check_embedding_bag_options(const EmbeddingBagOptions& options, std::size_t v) {
    check_lookup_options("embedding_bag", lookup_options(options), v);
    require(options.mode != BagMode::max || !options.scale_grad_by_freq,
            "embedding_bag: scale_grad_by_freq is for modes sum and mean, not max");
}

Var embedding_masked_mean(Tape& tape, const Parameter& table, const IdArray& ids, const IdArray& lengths,
                          const EmbeddingOptions& options) {
    check_table("embedding", table);
    const std::size_t v = table.shape()[0];
    check_embedding_options(options, v);
    check_ids("embedding", ids, v);
    Shape looked_up(ids.shape());
    looked_up.push_back(table.shape()[1]);
    check_lengths(looked_up, lengths);
    Bags bags{ids, row_bounds(ids), resolve_padding(options, v), true, IdVector(lengths.begin(), lengths.end())};
    return reduced_bags(tape, table, std::move(bags), nullptr,
                        {.mode = BagMode::mean,
                         .padding_idx = options.padding_idx,
                         .max_norm = options.max_norm,
                         .norm_type = options.norm_type,
                         .scale_grad_by_freq = options.scale_grad_by_freq,
                         .sparse = options.sparse});
}

Var embedding_bag(Tape& tape, const Parameter& table, const IdArray& ids, const EmbeddingBagOptions& options) {
    return bags_of_rows(tape, table, ids, nullptr, options);
}

Var embedding_bag(Tape& tape, const Parameter& table, const IdArray& ids, const IdArray& offsets,
                  const EmbeddingBagOptions& options) {
    return bags_at_offsets(tape, table, ids, offsets, nullptr, options);
}

Var embedding_bag(Tape& tape, const Parameter& table, const IdArray& ids, Var per_sample_weights,
                  const EmbeddingBagOptions& options) {
    return bags_of_rows(tape, table, ids, &per_sample_weights, options);
}

Var embedding_bag(Tape& tape, const Parameter& table, const IdArray& ids, const IdArray& offsets,
                  Var per_sample_weights, const EmbeddingBagOptions& options) {
    return bags_at_offsets(tape, table, ids, offsets, &per_sample_weights, options);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
