// Which rows of a dense gradient may be other than zero, as a lookup leaves it: whoever knows them need not clear, read
// or step through the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <embergrad/engine/array.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

class TouchedRows {
public:
    /// All rows may be.
    TouchedRows() = default;
    /// None is.
    static TouchedRows none() {
        TouchedRows touched;
        touched.all_ = false;
        return touched;
    }

    bool all() const { return all_; }
    /// In any order, some several times; meaningless if all() are.
    std::span<const std::int64_t> rows() const { return rows_; }
    /// Each once, ascending.
    std::vector<std::size_t, Allocator<std::size_t>> ascending() const;

    void touch_all() {
        if (all_) return;
        all_ = true;
        rows_.clear();
    }
    /// Rows of a gradient of v rows. Where they are so many that knowing them gains nothing, all are touched.
    void touch(std::span<const std::int64_t> rows, std::size_t v);
    void touch(const TouchedRows& others, std::size_t v);
    /// Fills the touched rows of the gradient with zeros. None is touched then.
    void clear(Array& gradient);

private:
    bool all_ = true;
    std::vector<std::int64_t, Allocator<std::int64_t>> rows_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
