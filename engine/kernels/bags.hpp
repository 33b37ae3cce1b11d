// Bags of rows: the rows of a table that belong together, summed, averaged or maximised in one pass. Internal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/kernels/lookup.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

constexpr std::int64_t kNoPosition = -1;

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
    Real scale(std::size_t bag, bool mean) const {
        const std::size_t n = mean ? size(bag) : 1;
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

/// The table as its bags see it.
struct BagRows {
    const Bags& bags;
    const Real* table;
    std::size_t d;
    const RealVector& factors;  // (n), or empty for ones

    const Real* at(std::size_t position) const { return table + bags.row(position) * d; }
    Real factor(std::size_t position) const { return factors.empty() ? Real{1} : factors[position]; }
};

/// Every bag's sum, or its mean, into its row of `out`, (B, D); zeros for a bag without rows.
void sum_bags(const BagRows& rows, bool mean, Real* out);

/// The largest of each column. Unless it is empty, winners: (B, D) gets the first position that has it; for a bag
/// without rows it is left as it was.
void max_bags(const BagRows& rows, Real* out, IdVector& winners);

/// to[i] = shares[sources[i]], times factors[i]: rows of d values.
void scale_shares(const Real* shares, std::span<const std::int64_t> sources, const RealVector& factors, std::size_t d,
                  Real* to);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
