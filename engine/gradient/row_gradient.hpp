// RowGradient: the gradient of a table by rows, their numbers and their values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/gradient/row_values.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// The gradient of a (V, D) table where only some rows have one: `values` (n, D) belong to `rows` (n), in this order.
/// A row may come several times until the gradient is coalesced; the gradient of a row is the sum.
class RowGradient {
public:
    RowGradient() = default;
    /// rows: (n), values: (n, D). A gradient of fewer than two rows counts as coalesced.
    /// Throws std::invalid_argument on other shapes.
    RowGradient(RowIds rows, Array values);
    /// The same for values that many rows have alike: rows[i] has row sources[i] of `different`, (m, D). Throws
    /// std::out_of_range as well, for a source that is not there.
    RowGradient(RowIds rows, Array different, RowIds sources);
    RowGradient(const RowGradient&) = default;
    /// All or nothing: rows and values belong together.
    RowGradient& operator=(const RowGradient& other) { return *this = RowGradient(other); }
    RowGradient(RowGradient&&) = default;
    RowGradient& operator=(RowGradient&& other) noexcept;

    const RowIds& rows() const { return rows_; }
    /// (n, D). Values that many rows have alike are written out by the first call.
    const Array& values() const { return values_.array(); }
    /// For loops over rows: reader().row(i) points to the D values of rows()[i], without writing anything out. Good
    /// until the gradient is changed, moved or gone.
    RowValues::Reader reader() const { return values_.reader(); }
    /// For whoever scales a gradient in place, such as clipping. values() may move by this.
    Array& mutable_values() { return values_.mutable_array(); }
    std::size_t size() const { return rows_.size(); }
    std::size_t width() const { return values_.width(); }
    bool coalesced() const { return coalesced_; }

    /// Puts the rows of `other`, or of all others in their order, behind these. Throws std::invalid_argument if they
    /// are not as wide; nothing is changed then.
    void append(RowGradient&& other);
    void append(std::span<RowGradient> others);
    /// Sorts the rows and sums those that come several times, in the order they came.
    void coalesce();
    /// Drops the rows for which gone[row] is true; the others stay in their order. `gone` is as long as the table.
    void erase_rows(const std::vector<bool>& gone);
    /// Adds every row into `dense`, (V, D). Throws as check_fits does.
    void add_to(Array& dense) const;
    /// Throws std::invalid_argument if the rows are not as wide as those of a table of this shape, std::out_of_range
    /// if the table has no such row.
    void check_fits(const Shape& table) const;

private:
    RowGradient(RowIds rows, RowValues values);

    RowIds rows_;
    RowValues values_;
    bool coalesced_ = true;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
