// Shapes: element counts and text. Arrays: checks over all elements, rows.
#include <embergrad/engine/array.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

std::size_t element_count(const Shape& shape) {
    std::size_t count = 1;
    bool overflow = false;
    for (std::size_t extent : shape) {
        if (extent == 0) return 0;
        overflow |= __builtin_mul_overflow(count, extent, &count);
    }
    std::size_t bytes = 0;
    overflow |= __builtin_mul_overflow(count, 2 * sizeof(Real), &bytes);
    require(!overflow, "shape ", shape, " has more elements than a 64-bit machine can hold");
    return count;
}

std::string to_string(const Shape& shape) { return extents_text(shape); }

std::string position_text(std::size_t flat, const Shape& shape) {
    Shape position = shape;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        position[axis] = flat % shape[axis];
        flat /= shape[axis];
    }
    if (position.size() == 1) return std::to_string(position[0]);
    return to_string(position);
}

std::optional<std::size_t> first_outside(const IdArray& ids, std::size_t n) {
    const std::int64_t* const id = ids.data();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (static_cast<std::uint64_t>(id[i]) >= n)
            return i;  // one comparison: a negative id is huge as an unsigned one
    }
    return std::nullopt;
}

bool all_finite(const Array& array) {
    const std::span values(array.data(), array.size());
    return std::all_of(values.begin(), values.end(), [](Real value) { return std::isfinite(value); });
}

void fill_outside(std::span<const FlatRange> runs, Array& array, Real value) {
    std::size_t begin = 0;
    for (const FlatRange& run : runs) {
        std::fill(array.data() + begin, array.data() + run.begin, value);
        begin = run.end;
    }
    std::fill(array.data() + begin, array.data() + array.size(), value);
}

namespace {

/// The shape behind the first axis, with `first` before it.
template <class T>
Shape rows_shape(const BasicArray<T>& array, const Shape& first) {
    require(array.dimension() > 0, BasicArray<T>::kName, ": a scalar has no rows to take");
    Shape shape = first;
    shape.insert(shape.end(), array.shape().begin() + 1, array.shape().end());
    return shape;
}

}  // namespace

template <class T>
BasicArray<T> take_rows(const BasicArray<T>& array, const IdArray& rows) {
    BasicArray<T> taken(rows_shape(array, rows.shape()));
    const std::size_t v = array.shape()[0];
    if (const std::optional<std::size_t> i = first_outside(rows, v))
        fail<std::out_of_range>("take_rows: row ", rows.data()[*i], " at position ", position_text(*i, rows.shape()),
                                " is outside an array of ", v, " rows");
    const std::size_t width = v == 0 ? 0 : array.size() / v;
    for (std::size_t i = 0; i < rows.size(); ++i)
        std::copy_n(array.data() + static_cast<std::size_t>(rows.data()[i]) * width, width, taken.data() + i * width);
    return taken;
}

template <class T>
BasicArray<T> slice_rows(const BasicArray<T>& array, std::size_t begin, std::size_t end) {
    const Shape shape = rows_shape(array, Shape{end - begin});
    const std::size_t v = array.shape()[0];
    require<std::out_of_range>(begin <= end && end <= v, "slice_rows: rows ", begin, " to ", end,
                               " are outside an array of ", v, " rows");
    BasicArray<T> slice(shape);
    if (slice.size() > 0) std::copy_n(array.data() + begin * (array.size() / v), slice.size(), slice.data());
    return slice;
}

template Array take_rows(const Array&, const IdArray&);
template IdArray take_rows(const IdArray&, const IdArray&);
template Array slice_rows(const Array&, std::size_t, std::size_t);
template IdArray slice_rows(const IdArray&, std::size_t, std::size_t);

Array full(const Shape& shape, double value) { return Array(shape, value); }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
