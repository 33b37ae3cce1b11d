// RowValues: the values of a gradient by rows, (n, D). Those that many rows have alike, as all positions of a bag have,
// are held once and written out only for whoever wants the array.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <embergrad/engine/array.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Numbers of rows: a std::vector<std::int64_t> in memory that the thread keeps, so that a warm step asks for none.
class RowIds : public std::vector<std::int64_t, Allocator<std::int64_t>> {
public:
    using vector::vector;
    RowIds(const std::vector<std::int64_t>& rows) : vector(rows.begin(), rows.end()) {}  // NOLINT: the same numbers
    operator std::vector<std::int64_t>() const { return {begin(), end()}; }
    friend bool operator==(const RowIds& a, const std::vector<std::int64_t>& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }
};

class RowValues {
public:
    RowValues();  // (0, 0)
    /// (n, D). Throws std::invalid_argument for another number of axes.
    explicit RowValues(Array array);
    /// Row i is row sources[i] of `different`, (m, D). Throws std::invalid_argument for another number of axes,
    /// std::out_of_range for a row that is not there.
    RowValues(Array different, RowIds sources);
    RowValues(const RowValues& other);
    RowValues& operator=(const RowValues& other) { return *this = RowValues(other); }
    RowValues(RowValues&& other) noexcept;
    RowValues& operator=(RowValues&& other) noexcept;
    ~RowValues();

    /// All of them, written out. Several threads may ask at once.
    const Array& array() const;
    Array& mutable_array();
    /// Keeps these rows only; their numbers ascend.
    void keep(const std::vector<std::size_t>& rows);
    /// Of array(), which is not written out for it.
    Shape shape() const { return {has_sources_ ? sources_.size() : held_.shape()[0], width()}; }
    std::size_t width() const { return held_.shape()[1]; }

    /// Where the values of row i are; good until these are changed, moved or gone.
    class Reader {
    public:
        const Real* row(std::size_t i) const {
            return values_ + (sources_ == nullptr ? i : static_cast<std::size_t>(sources_[i])) * d_;
        }

    private:
        friend class RowValues;
        Reader(const Real* values, const std::int64_t* sources, std::size_t d)
            : values_(values), sources_(sources), d_(d) {}

        const Real* values_;
        const std::int64_t* sources_;  // nullptr: row i has row i
        std::size_t d_;
    };
    Reader reader() const;

private:
    void forget_written() const { delete written_.exchange(nullptr); }

    Array held_;      // (n, D), or the different rows where there are sources
    RowIds sources_;  // of each row
    bool has_sources_ = false;
    mutable std::atomic<const Array*> written_{nullptr};  // held_ by its sources, once somebody has asked
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
