// Summing and comparing the rows of bags: sums stay in registers, rows are prefetched into L1.
#include <embergrad/engine/kernels/bags.hpp>

#include <array>
#include <vector>

#include <embergrad/engine/kernels/elementwise.hpp>
#include <embergrad/engine/kernels/prefetch.hpp>
#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kBlock = 32;                    // rows added in Real before their sum goes on in double
constexpr std::size_t kColumns = 512 / sizeof(Real);  // of a row at a time: their sums stay in registers (of AVX-512)

/// The rows of some bags that count, in order. Plain pointers: they are read for every row.
class KeptRows {
public:
    KeptRows(const BagRows& all, std::size_t first_bag, std::size_t last_bag)
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
    void leave_out(const BagRows& all, std::size_t first_bag, std::size_t last_bag) {
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

/// to = the largest of rows begin .. end - 1 in each column; with `kWinners`, winner = the first position that has it.
template <bool kWinners>
EMBERGRAD_SIMD void max_bag(const KeptRows& kept, std::size_t begin, std::size_t end, std::size_t d,
                            Real* __restrict to, [[maybe_unused]] std::int64_t* __restrict winner) {
    for (std::size_t row = begin; row < end; ++row) {
        kept.prefetch_after(row, 0, d);
        const Real* from = kept.at(row);
        const Real factor = kept.factor(row);
        const auto position = static_cast<std::int64_t>(kept.position(row));
        for (std::size_t j = 0; j < d; ++j) {
            const Real x = from[j] * factor;
            const bool larger = row == begin || x > to[j];
            to[j] = larger ? x : to[j];
            if constexpr (kWinners) winner[j] = larger ? position : winner[j];
        }
    }
}

/// fill(kept rows, bag, begin, end, row of out) for each bag that has rows, begin .. end - 1 of those that are kept.
template <class Fill>
void for_each_bag(const BagRows& rows, Real* out, Fill fill) {
    const auto fill_tile = [&](std::size_t first, std::size_t last) {
        const KeptRows kept(rows, first, last);
        for (std::size_t bag = first, begin = 0; bag < last; ++bag) {
            const std::size_t end = kept.ends()[bag - first];
            Real* to = out + bag * rows.d;
            if (begin == end)
                std::fill_n(to, rows.d, Real{0});
            else
                fill(kept, bag, begin, end, to);
            begin = end;
        }
    };
    parallel_for(rows.bags.count(), rows.bags.tile(rows.d), fill_tile, is_worth_threads(rows.bags.ids.size(), rows.d));
}

}  // namespace

void sum_bags(const BagRows& rows, bool mean, Real* out) {
    for_each_bag(rows, out, [&](const KeptRows& kept, std::size_t, std::size_t begin, std::size_t end, Real* to) {
        sum_bag(kept, begin, end, rows.d, mean, to);
    });
}

void max_bags(const BagRows& rows, Real* out, IdVector& winners) {
    for_each_bag(rows, out, [&](const KeptRows& kept, std::size_t bag, std::size_t begin, std::size_t end, Real* to) {
        if (winners.empty())
            max_bag<false>(kept, begin, end, rows.d, to, nullptr);
        else
            max_bag<true>(kept, begin, end, rows.d, to, winners.data() + bag * rows.d);
    });
}

void scale_shares(const Real* shares, std::span<const std::int64_t> sources, const RealVector& factors, std::size_t d,
                  Real* to) {
    const auto scale = [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i)
            put_scaled(shares + static_cast<std::size_t>(sources[i]) * d, d, factors[i], false, to + i * d);
    };
    parallel_for(sources.size(), row_tile(d), scale, is_worth_threads(sources.size(), d));
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
