// EmbeddingBag and the masked mean of a lookup: rows of a table gathered straight into one row for each bag, and the
// way back to table and weights.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/lookup_checks.hpp>
#include <embergrad/engine/masked_lengths.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using namespace detail;

constexpr std::size_t kBlock = 32;                    // rows added in Real before their sum goes on in double
constexpr std::size_t kColumns = 512 / sizeof(Real);  // of a row at a time: their sums stay in registers (of AVX-512)
constexpr std::int64_t kNoPosition = -1;

EmbeddingOptions lookup_options(const EmbeddingBagOptions& options) {
    return {.padding_idx = options.padding_idx, .max_norm = options.max_norm, .norm_type = options.norm_type};
}

/// Which positions belong to which bag, and which of them count. Kept for the way back.
struct Bags {
    IdArray ids;      // (B, N) or (n), read as n positions
    IdVector bounds;  // (B + 1): bag b is the positions bounds[b] .. bounds[b + 1] - 1
    std::int64_t padding;
    bool is_masked = false;  // only the first lengths[b] positions of bag b count then, and padding among them does
    IdVector lengths = {};   // (B), or empty

    std::size_t count() const { return bounds.size() - 1; }
    std::size_t begin(std::size_t bag) const { return static_cast<std::size_t>(bounds[bag]); }
    std::size_t end(std::size_t bag) const { return static_cast<std::size_t>(bounds[bag + 1]); }
    std::size_t counted_end(std::size_t bag) const {
        return is_masked ? begin(bag) + static_cast<std::size_t>(lengths[bag]) : end(bag);
    }
    std::int64_t absent() const { return is_masked ? kNoRow : padding; }
    bool is_padding(std::size_t position) const { return ids.data()[position] == padding; }
    std::size_t row(std::size_t position) const { return static_cast<std::size_t>(ids.data()[position]); }

    /// How many positions from `first` on have another id than `id`.
    std::size_t count_without(std::int64_t id, std::size_t first, std::size_t last) const {
        if (id == kNoRow) return last - first;
        return last - first - static_cast<std::size_t>(std::count(ids.data() + first, ids.data() + last, id));
    }
    /// How many positions of the bag count.
    std::size_t size(std::size_t bag) const { return count_without(absent(), begin(bag), counted_end(bag)); }
    /// What the sum of a bag's rows is multiplied by.
    Real scale(std::size_t bag, BagMode mode) const {
        const std::size_t n = mode == BagMode::mean ? size(bag) : 1;
        return n > 1 ? static_cast<Real>(1.0 / static_cast<double>(n)) : Real{1};
    }
    /// Bags for a thread at a time, of rows of `d` values.
    std::size_t tile(std::size_t d) const {
        return std::max<std::size_t>(1, row_tile(d) * count() / std::max<std::size_t>(1, ids.size()));
    }
    /// f(bag, position) for each position that counts and is not padding, in order.
    template <class F>
    void for_each_position(std::size_t first_bag, std::size_t last_bag, F f) const {
        for (std::size_t bag = first_bag; bag < last_bag; ++bag) {
            for (std::size_t position = begin(bag); position < counted_end(bag); ++position) {
                if (!is_padding(position)) f(bag, position);
            }
        }
    }
};

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

void check_weights(const Tape& tape, const IdArray& ids, Var weights, BagMode mode) {
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

/// The table as the bags see it.
struct Rows {
    const Bags& bags;
    const Real* table;
    std::size_t d;
    const RealVector& factors;  // (n), or empty for ones

    const Real* at(std::size_t position) const { return table + bags.row(position) * d; }
    Real factor(std::size_t position) const { return factors.empty() ? Real{1} : factors[position]; }
};

/// The rows of some bags that count, in order. Plain pointers: they are read for every row.
class KeptRows {
public:
    KeptRows(const Rows& all, std::size_t first_bag, std::size_t last_bag)
        : table_(all.table), d_(all.d), first_(all.bags.begin(first_bag)), ids_(all.bags.ids.data() + first_) {
        if (!all.factors.empty()) factors_ = all.factors.data() + first_;
        ends_.reserve(last_bag - first_bag);
        if (all.bags.is_masked || all.bags.padding != kNoRow)
            leave_out(all, first_bag, last_bag);
        else
            for (std::size_t bag = first_bag; bag < last_bag; ++bag) ends_.push_back(all.bags.end(bag) - first_);
        size_ = ends_.back();
    }

    /// Of each bag among the rows.
    const std::vector<std::size_t, Allocator<std::size_t>>& ends() const { return ends_; }
    std::size_t position(std::size_t row) const {
        return positions_.empty() ? first_ + row : static_cast<std::size_t>(positions_[row]);
    }
    const Real* at(std::size_t row) const { return table_ + static_cast<std::size_t>(ids_[row]) * d_; }
    Real factor(std::size_t row) const { return factors_ == nullptr ? Real{1} : factors_[row]; }
    /// Some columns of the row that comes kRowsAhead later.
    [[gnu::always_inline]] void prefetch_after(std::size_t row, std::size_t column, std::size_t columns) const {
        if (row + kRowsAhead < size_) prefetch_row(at(row + kRowsAhead) + column, columns);
    }

private:
    void leave_out(const Rows& all, std::size_t first_bag, std::size_t last_bag) {
        const Bags& bags = all.bags;
        positions_.resize(bags.end(last_bag - 1) - first_);
        std::size_t n = 0;
        for (std::size_t bag = first_bag; bag < last_bag; ++bag) {
            for (std::size_t p = bags.begin(bag); p < bags.counted_end(bag); ++p) {
                positions_[n] = static_cast<std::int64_t>(p);
                n += bags.ids.data()[p] != bags.absent();
            }
            ends_.push_back(n);
        }
        positions_.resize(n);
        own_ids_.reserve(n);
        for (std::int64_t p : positions_) own_ids_.push_back(bags.ids.data()[p]);
        ids_ = own_ids_.data();
        if (factors_ == nullptr) return;
        own_factors_.reserve(n);
        for (std::int64_t p : positions_) own_factors_.push_back(all.factors[static_cast<std::size_t>(p)]);
        factors_ = own_factors_.data();
    }

    const Real* table_;
    std::size_t d_;
    std::size_t first_;  // position of the first bag
    std::size_t size_ = 0;
    const std::int64_t* ids_;        // of the rows
    const Real* factors_ = nullptr;  // of the rows, or nullptr for ones
    IdVector positions_;             // of the rows; empty if none is left out: those from first_ on
    IdVector own_ids_;               // where some are left out
    RealVector own_factors_;
    std::vector<std::size_t, Allocator<std::size_t>> ends_;
};

/// to[j] = scale * the sum of rows begin .. end - 1 in some columns; in blocks short enough for Real, then in double.
[[gnu::always_inline]] inline void sum_columns(const KeptRows& kept, std::size_t begin, std::size_t end,
                                               std::size_t column, std::size_t columns, Real scale, Real* to) {
    std::array<double, kColumns> sums{};
    for (std::size_t first = begin; first < end; first += kBlock) {
        std::array<Real, kColumns> block{};
        for (std::size_t row = first; row < std::min(end, first + kBlock); ++row) {
            kept.prefetch_after(row, column, columns);
            const Real* from = kept.at(row) + column;
            const Real factor = kept.factor(row);
            for (std::size_t j = 0; j < columns; ++j) block[j] += from[j] * factor;
        }
        for (std::size_t j = 0; j < columns; ++j) sums[j] += static_cast<double>(block[j]);
    }
    for (std::size_t j = 0; j < columns; ++j) to[column + j] = static_cast<Real>(sums[j]) * scale;
}

/// to = the sum of rows begin .. end - 1, or their mean. The usual widths have loops of their own: over a number of
/// columns that is not known a row takes longer, but less than in two goes.
EMBERGRAD_SIMD void sum_bag(const KeptRows& kept, std::size_t begin, std::size_t end, std::size_t d, bool mean,
                            Real* to) {
    const Real scale = mean && end > begin ? static_cast<Real>(1.0 / static_cast<double>(end - begin)) : Real{1};
    std::size_t column = 0;
    const auto sum = [&](std::size_t columns) __attribute__((always_inline)) {
        sum_columns(kept, begin, end, column, columns, scale, to);
        column += columns;
    };
    while (column + kColumns <= d) sum(kColumns);
    if (column + kColumns / 2 <= d) sum(kColumns / 2);
    if (d - column == kColumns / 4)
        sum(kColumns / 4);
    else if (d - column == kColumns / 8)
        sum(kColumns / 8);
    else if (column < d)
        sum(d - column);
}

/// to = the largest of rows begin .. end - 1 in each column.
EMBERGRAD_SIMD void max_bag(const KeptRows& kept, std::size_t begin, std::size_t end, std::size_t d,
                            Real* __restrict to) {
    for (std::size_t row = begin; row < end; ++row) {
        kept.prefetch_after(row, 0, d);
        const Real* from = kept.at(row);
        const Real factor = kept.factor(row);
        for (std::size_t j = 0; j < d; ++j) {
            const Real x = from[j] * factor;
            to[j] = row == begin || x > to[j] ? x : to[j];
        }
    }
}

/// The same, and winner = the first position that has it.
EMBERGRAD_SIMD void argmax_bag(const KeptRows& kept, std::size_t begin, std::size_t end, std::size_t d,
                               Real* __restrict to, std::int64_t* __restrict winner) {
    for (std::size_t row = begin; row < end; ++row) {
        kept.prefetch_after(row, 0, d);
        const Real* from = kept.at(row);
        const Real factor = kept.factor(row);
        const auto position = static_cast<std::int64_t>(kept.position(row));
        for (std::size_t j = 0; j < d; ++j) {
            const Real x = from[j] * factor;
            const bool larger = row == begin || x > to[j];
            to[j] = larger ? x : to[j];
            winner[j] = larger ? position : winner[j];
        }
    }
}

/// Every bag into its row of `out`, (B, D); winners: (B, D) for max on the way back, or empty.
void fill_bags(const Rows& rows, BagMode mode, Real* out, IdVector& winners) {
    const auto fill = [&](std::size_t first, std::size_t last) {
        const KeptRows kept(rows, first, last);
        for (std::size_t bag = first, begin = 0; bag < last; ++bag) {
            const std::size_t end = kept.ends()[bag - first];
            Real* to = out + bag * rows.d;
            if (begin == end)
                std::fill_n(to, rows.d, Real{0});
            else if (mode != BagMode::max)
                sum_bag(kept, begin, end, rows.d, mode == BagMode::mean, to);
            else if (winners.empty())
                max_bag(kept, begin, end, rows.d, to);
            else
                argmax_bag(kept, begin, end, rows.d, to, winners.data() + bag * rows.d);
            begin = end;
        }
    };
    parallel_for(rows.bags.count(), rows.bags.tile(rows.d), fill, is_worth_threads(rows.bags.ids.size(), rows.d));
}

/// What a position's share of its bag's gradient is multiplied by: weight, 1 / frequency. Empty for ones.
RealVector gradient_factors(const Bags& bags, const EmbeddingBagOptions& options, const Array* weights) {
    RealVector factors;
    if (options.scale_grad_by_freq) factors = inverse_counts(bags.ids);
    if (weights != nullptr) multiply(factors, *weights);
    return factors;
}

EMBERGRAD_SIMD void fill_scaled(const Real* __restrict from, std::size_t d, Real factor, Real* __restrict to) {
    for (std::size_t j = 0; j < d; ++j) to[j] = from[j] * factor;
}

EMBERGRAD_SIMD void add_row(const Real* __restrict from, std::size_t d, Real factor, Real* __restrict to) {
    for (std::size_t j = 0; j < d; ++j) to[j] += from[j] * factor;
}

/// The gradient of the bags as it comes to their positions.
struct Shares {
    const Bags& bags;
    BagMode mode;
    const RealVector& factors;  // (n), or empty for ones
    const Real* dout;           // (B, D)
    std::size_t d;

    /// share (D) = dout[bag], for a mean divided by the bag's size: the same for all its positions but for their
    /// factor.
    void fill(std::size_t bag, Real* share) const { fill_scaled(dout + bag * d, d, bags.scale(bag, mode), share); }
    Real factor(std::size_t position) const { return factors.empty() ? Real{1} : factors[position]; }
};

/// dtable[row of p] += factor of p * share of the bag of p, in the order of the positions
void add_dense_gradient(Var table, const Shares& shares) {
    const Bags& bags = shares.bags;
    const std::size_t d = shares.d;
    Real* dtable = table.grad_rows({bags.ids.data(), bags.ids.size()}).data();
    RealVector share(d);
    for (std::size_t bag = 0; bag < bags.count(); ++bag) {
        shares.fill(bag, share.data());
        bags.for_each_position(bag, bag + 1, [&](std::size_t, std::size_t position) {
            add_row(share.data(), d, shares.factor(position), dtable + bags.row(position) * d);
        });
    }
}

/// Rows of the table and what they have for a gradient, held once for all positions of a bag.
struct SharedRows {
    std::vector<std::int64_t> rows;     // of each position that is not padding, in order
    std::vector<std::int64_t> sources;  // its bag; the number of bags for a position that does not count
};

SharedRows shared_rows(const Bags& bags) {
    SharedRows all;
    const std::size_t n = bags.count_without(bags.padding, 0, bags.ids.size());
    all.rows.reserve(n);
    all.sources.reserve(n);
    for (std::size_t bag = 0; bag < bags.count(); ++bag) {
        for (std::size_t position = bags.begin(bag); position < bags.end(bag); ++position) {
            if (bags.is_padding(position)) continue;
            all.rows.push_back(bags.ids.data()[position]);
            all.sources.push_back(static_cast<std::int64_t>(position < bags.counted_end(bag) ? bag : bags.count()));
        }
    }
    return all;
}

/// What all positions of a bag have in common, (B, D), and a row of zeros.
Array different_rows(const Shares& shares) {
    const std::size_t count = shares.bags.count(), d = shares.d;
    Array different(Shape{count + 1, d});
    for (std::size_t bag = 0; bag < count; ++bag) shares.fill(bag, different.data() + bag * d);
    std::fill_n(different.data() + count * d, d, Real{0});
    return different;
}

/// The factors of the positions that are not padding, in order.
RealVector row_factors(const Shares& shares) {
    RealVector factors;
    factors.reserve(shares.factors.size());
    for (std::size_t position = 0; position < shares.bags.ids.size(); ++position) {
        if (!shares.bags.is_padding(position)) factors.push_back(shares.factor(position));
    }
    return factors;
}

/// Row i is row sources[i] of `different`, times factors[i].
Array scaled_values(const Array& different, const std::vector<std::int64_t>& sources, const RealVector& factors) {
    const std::size_t n = sources.size(), d = different.shape()[1];
    Array values(Shape{n, d});
    const auto scale = [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) {
            const Real* from = different.data() + static_cast<std::size_t>(sources[i]) * d;
            fill_scaled(from, d, factors[i], values.data() + i * d);
        }
    };
    parallel_for(n, row_tile(d), scale, is_worth_threads(n, d));
    return values;
}

/// A row for each position that is not padding, in order.
void add_row_gradient(Var table, const Shares& shares) {
    auto [rows, sources] = shared_rows(shares.bags);
    Array different = different_rows(shares);
    if (shares.factors.empty())
        table.add_row_grad(RowGradient(std::move(rows), std::move(different), std::move(sources)));
    else
        table.add_row_grad(RowGradient(std::move(rows), scaled_values(different, sources, row_factors(shares))));
}

/// Each column's gradient to the position that was the largest there.
void add_dense_max_gradient(Var table, Var out, const Bags& bags, const IdVector& winners) {
    const std::size_t d = table.dim(1);
    const Real* dout = out.grad().data();
    Real* dtable = table.grad_rows({bags.ids.data(), bags.ids.size()}).data();
    for (std::size_t i = 0; i < winners.size(); i += d) {
        for (std::size_t j = 0; j < d && winners[i] != kNoPosition; ++j)
            dtable[bags.row(static_cast<std::size_t>(winners[i + j])) * d + j] += dout[i + j];
    }
}

/// A row for each position that is the largest in some column, in order; zeros in the other columns.
void add_row_max_gradient(Var table, Var out, const Bags& bags, const IdVector& winners) {
    const std::size_t d = table.dim(1);
    const Real* dout = out.grad().data();
    IdVector row_of(bags.ids.size(), kNoRow);  // of each position in the gradient
    for (std::int64_t winner : winners) {
        if (winner != kNoPosition) row_of[static_cast<std::size_t>(winner)] = 0;
    }
    std::vector<std::int64_t> rows;
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
    table.add_row_grad(RowGradient(std::move(rows), std::move(values)));
}

/// dweights[p] += dout[bag of p] . row of p
template <class RowAt>
void add_weight_gradient(Var weights, Var out, const Bags& bags, RowAt row_at) {
    const std::size_t d = out.dim(1);
    const Real* dout = out.grad().data();
    Real* dweights = weights.grad().data();
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
Var scaled_rows(Tape& tape, const Rows& rows) {
    const std::size_t n = rows.bags.ids.size();
    const Var copies = tape.workspace({n, rows.d});
    Real* to = copies.mutable_value().data();
    for (std::size_t position = 0; position < n; ++position, to += rows.d) {
        std::copy_n(rows.at(position), rows.d, to);
        scale_row(to, rows.d, rows.factor(position));
    }
    return copies;
}

void go_back_to_table(Var table, Var out, const Bags& bags, const EmbeddingBagOptions& options, const Array* weights,
                      const IdVector& winners) {
    if (options.mode == BagMode::max) {
        if (options.sparse) return add_row_max_gradient(table, out, bags, winners);
        return add_dense_max_gradient(table, out, bags, winners);
    }
    const RealVector factors = gradient_factors(bags, options, weights);
    const Shares shares{bags, options.mode, factors, out.grad().data(), out.dim(1)};
    if (options.sparse) return add_row_gradient(table, shares);
    add_dense_gradient(table, shares);
}

void go_back_to_weights(Var weights, Var table, Var copies, Var out, const Bags& bags, bool from_copies) {
    const std::size_t d = out.dim(1);
    const Real* values = from_copies ? copies.value().data() : table.value().data();
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
    const Rows rows{bags, table.value().data(), d, factors};
    const bool has_weights = weights != nullptr, weights_learn = has_weights && w.needs_grad();
    const bool from_copies = weights_learn && options.max_norm;
    if (weights_learn && !from_copies) weight.value();  // read again on the way back: it must not change from here on
    const Var copies = from_copies ? scaled_rows(tape, rows) : Var();
    if (has_weights) multiply(factors, w.value());
    IdVector winners(options.mode == BagMode::max && out.needs_grad() ? out.size() : 0, kNoPosition);
    fill_bags(rows, options.mode, out.mutable_value().data(), winners);

    if (out.needs_grad()) {
        out.on_backward([=, bags = std::move(bags), winners = std::move(winners), options = options] {
            if (weight.needs_grad())
                go_back_to_table(weight, out, bags, options, has_weights ? &w.value() : nullptr, winners);
            if (weights_learn) go_back_to_weights(w, weight, copies, out, bags, from_copies);
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
