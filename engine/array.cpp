// Shapes: element counts and text. Arrays: checks over all elements.
#include <embergrad/engine/array.hpp>

#include <algorithm>
#include <cmath>
#include <span>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

const IdArray::Rows& IdArray::rectangular(const Rows& ids) {
    std::size_t row = 0;
    for (const Row& ids_of_row : ids) {
        require(ids_of_row.size() == ids.begin()->size(), "IdArray: row ", row, " has ", ids_of_row.size(),
                " ids and row 0 has ", ids.begin()->size(), "; pad them to one length (pad_batch)");
        ++row;
    }
    return ids;
}

const std::initializer_list<IdArray::Rows>& IdArray::rectangular(const std::initializer_list<Rows>& ids) {
    const auto width = [](const Rows& rows) { return rows.size() == 0 ? 0 : rows.begin()->size(); };
    for (const Rows& rows : ids) {
        require(rows.size() == ids.begin()->size() && width(rows) == width(*ids.begin()),
                "IdArray: all blocks must have as many rows and columns as the first");
        rectangular(rows);
    }
    return ids;
}

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

void resize(Array& buffer, const Shape& shape) {
    element_count(shape);  // refuses extents whose product wraps around
    try {
        buffer.resize(shape);
    } catch (...) {
        buffer = Array(Shape{0});  // xtensor has taken the shape already, but there is no memory behind it
        throw;
    }
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

void fill_outside(std::span<const Run> runs, Array& array, Real value) {
    std::size_t begin = 0;
    for (const Run& run : runs) {
        std::fill(array.data() + begin, array.data() + run.begin, value);
        begin = run.end;
    }
    std::fill(array.data() + begin, array.data() + array.size(), value);
}

Array full(const Shape& shape, Real value) {
    element_count(shape);
    return Array(shape, value);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
