// Broadcast: two shapes that meet in one, as NumPy's rules say. Internal.
#pragma once

#include <algorithm>
#include <cstddef>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Throws std::invalid_argument, which names the op, if the two do not broadcast.
inline Shape broadcast_shape(const char* op, const Shape& a, const Shape& b) {
    Shape shape(std::max(a.size(), b.size()), 1);
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const std::size_t extent_a = i < a.size() ? a[a.size() - 1 - i] : 1;
        const std::size_t extent_b = i < b.size() ? b[b.size() - 1 - i] : 1;
        require(extent_a == extent_b || extent_a == 1 || extent_b == 1, op, ": shapes ", a, " and ", b,
                " do not broadcast");
        shape[shape.size() - 1 - i] = extent_a == 1 ? extent_b : extent_a;
    }
    return shape;
}

/// How far apart the elements of `from` are along each axis of `to`: 0 along the axes where it is repeated.
inline Shape broadcast_steps(const Shape& from, const Shape& to) {
    Shape steps(to.size(), 0);
    std::size_t step = 1;
    for (std::size_t i = 0; i < from.size(); ++i) {
        const std::size_t axis = from.size() - 1 - i;
        if (from[axis] != 1) steps[to.size() - 1 - i] = step;
        step *= from[axis];
    }
    return steps;
}

class Broadcast {
public:
    Broadcast(const char* op, const Shape& a, const Shape& b)
        : shape_(broadcast_shape(op, a, b)),
          a_steps_(broadcast_steps(a, shape_)),
          b_steps_(broadcast_steps(b, shape_)) {}

    /// Calls visit(out, a, b) with the offset of each element of the result and of what it is made from, in order.
    template <class Visit>
    void for_each_element(Visit visit) const {
        const std::size_t rank = shape_.size(), n = element_count(shape_);
        const std::size_t inner = rank == 0 ? 1 : shape_[rank - 1];
        const std::size_t a_step = rank == 0 ? 0 : a_steps_[rank - 1];
        const std::size_t b_step = rank == 0 ? 0 : b_steps_[rank - 1];
        Shape index(rank, 0);
        std::size_t a = 0, b = 0;
        for (std::size_t out = 0; out < n; out += inner) {
            for (std::size_t i = 0; i < inner; ++i) visit(out + i, a + i * a_step, b + i * b_step);
            next_row(index, a, b);
        }
    }

private:
    /// An odometer over the outer axes.
    void next_row(Shape& index, std::size_t& a, std::size_t& b) const {
        const std::size_t rank = shape_.size();
        for (std::size_t axis = rank - (rank > 0); axis-- > 0;) {
            a += a_steps_[axis];
            b += b_steps_[axis];
            if (++index[axis] < shape_[axis]) return;
            a -= a_steps_[axis] * shape_[axis];
            b -= b_steps_[axis] * shape_[axis];
            index[axis] = 0;
        }
    }

    Shape shape_;
    Shape a_steps_, b_steps_;  // in elements, one for each axis of the result
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
