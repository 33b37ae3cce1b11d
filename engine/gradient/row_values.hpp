// The values of a gradient by rows, (n, D). Those that are the same for many rows, as a bag's gradient is for all its
// positions, are held once, and written out only for whoever wants the array.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <embergrad/engine/array.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

class RowValues {
public:
    RowValues();  // (0, 0)
    /// (n, D), perhaps read by somebody else as well: copied before it is changed here. nullptr: (0, 0). Throws
    /// std::invalid_argument for another number of axes.
    explicit RowValues(std::shared_ptr<Array> array);
    /// Row i is row sources[i] of `different`, (m, D). Throws std::invalid_argument for another number of axes,
    /// std::out_of_range for a row that is not there.
    RowValues(Array different, std::vector<std::int64_t> sources);
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
    Shape shape() const;
    std::size_t width() const { return held().shape()[1]; }

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
    struct WrittenOut;

    const Array& held() const;
    void write_out() const;

    std::shared_ptr<Array> array_;         // nullptr: of shape (0, 0); the different rows where there are sources
    std::vector<std::int64_t> sources_;    // of each row
    std::unique_ptr<WrittenOut> written_;  // where there are sources
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
