// AlongAxis: an array along one axis, `outer` blocks of `n` entries, `inner` apart. Internal.
#pragma once

#include <cstdint>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/memory.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Counts negative axes from the end. Throws std::invalid_argument outside -rank..rank-1.
inline std::size_t resolve_axis(const char* op, std::int64_t axis, const Shape& shape) {
    const auto rank = static_cast<std::int64_t>(shape.size());
    require(axis >= -rank && axis < rank, op, ": axis ", axis, " does not exist in shape ", shape);
    return static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
}

struct AlongAxis {
    std::size_t outer = 1, n = 1, inner = 1;

    AlongAxis(const Shape& shape, std::size_t axis) : n(shape[axis]) {
        for (std::size_t i = 0; i < axis; ++i) outer *= shape[i];
        for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
    }

    /// Calls visit(first, lane) for each lane: the offset of its first entry, and its number.
    template <class Visit>
    void for_each_lane(Visit visit) const {
        for (std::size_t i = 0; i < outer; ++i) {
            for (std::size_t j = 0; j < inner; ++j) visit(i * n * inner + j, i * inner + j);
        }
    }
};

/// The entries of a lane next to each other: where they are, or copied here.
class LaneRoom {
public:
    explicit LaneRoom(const AlongAxis& along) : along_(along), room_(along.inner == 1 ? 0 : along.n) {}

    /// The lane whose first entry is values[first].
    const Real* read(const Real* values, std::size_t first) {
        if (along_.n == 0) return values;  // there may be no memory
        const Real* lane = values + first;
        if (along_.inner == 1) return lane;
        for (std::size_t i = 0; i < along_.n; ++i) room_[i] = lane[i * along_.inner];
        return room_.data();
    }
    /// fill(lane, add) writes the entries of a lane, or adds to them.
    template <class Fill>
    void write(Real* values, std::size_t first, bool add, Fill fill) {
        if (along_.n == 0) return fill(values, add);
        Real* lane = values + first;
        if (along_.inner == 1) return fill(lane, add);
        fill(room_.data(), false);
        for (std::size_t i = 0; i < along_.n; ++i) {
            Real& entry = lane[i * along_.inner];
            entry = add ? entry + room_[i] : room_[i];
        }
    }

private:
    AlongAxis along_;
    std::vector<Real, Allocator<Real>> room_;
};

/// The shape without an axis, or with extent 1 there.
inline Shape reduced_shape(const Shape& shape, std::size_t axis, bool keepdim) {
    Shape reduced;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (i != axis)
            reduced.push_back(shape[i]);
        else if (keepdim)
            reduced.push_back(1);
    }
    return reduced;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
