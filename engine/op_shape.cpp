// Ops that move elements and change none: the gradient goes back the way the values came.
#include <algorithm>
#include <string>
#include <vector>

#include <embergrad/engine/accumulate.hpp>
#include <embergrad/engine/kernels/axis.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::AlongAxis;
using detail::resolve_axis;

/// The same elements in another shape.
Var with_shape(const Var& x, const Shape& shape) {
    const Var y = x.tape().result(shape, {x});
    std::copy_n(x.data(), x.size(), y.mutable_value().data());
    if (y.needs_grad()) {
        y.on_backward([dx = &x.gradient(), dy = &y.gradient()] {
            detail::accumulate(*dx, *dy, [](Real g, std::size_t) { return g; });
        });
    }
    return y;
}

[[noreturn]] void fail_reshape(const Shape& from, const std::vector<std::int64_t>& extents) {
    std::string wanted;
    for (std::int64_t extent : extents) wanted += (wanted.empty() ? "" : ", ") + std::to_string(extent);
    fail<std::invalid_argument>("reshape: shape ", from, " of ", element_count(from), " elements cannot become (",
                                wanted, extents.size() == 1 ? ",)" : ")");
}

/// Replaces an extent of -1 by what is left for it.
Shape resolve_shape(const Shape& from, const std::vector<std::int64_t>& extents) {
    Shape shape;
    std::size_t known = 1, unknown = extents.size();
    for (std::size_t axis = 0; axis < extents.size(); ++axis) {
        const std::int64_t extent = extents[axis];
        require(extent >= 0 || (extent == -1 && unknown == extents.size()), "reshape: extent ", extent, " of axis ",
                axis, " is not allowed; one extent may be -1");
        if (extent == -1)
            unknown = axis;
        else
            require(!__builtin_mul_overflow(known, static_cast<std::size_t>(extent), &known),
                    "reshape: too many elements");
        shape.push_back(extent == -1 ? 1 : static_cast<std::size_t>(extent));
    }
    const std::size_t n = element_count(from);
    if (unknown < extents.size() && known > 0) shape[unknown] = n / known;
    if (element_count(shape) != n || (unknown < extents.size() && known == 0)) fail_reshape(from, extents);
    return shape;
}

/// Calls move(i, j) for each element: i counts through x, j is its place with the two axes exchanged (a < b).
template <class Move>
void for_each_transposed(const Shape& shape, std::size_t a, std::size_t b, Move move) {
    if (element_count(shape) == 0) return;
    const AlongAxis along_a(shape, a), along_b(shape, b);
    const std::size_t rows = along_a.n, columns = along_b.n, inner = along_b.inner;
    const std::size_t middle = along_a.inner / (columns * inner);  // what lies between the two axes
    std::size_t i = 0;
    for (std::size_t block = 0; block < along_a.outer; ++block) {
        for (std::size_t row = 0; row < rows; ++row) {
            for (std::size_t m = 0; m < middle; ++m) {
                for (std::size_t column = 0; column < columns; ++column) {
                    const std::size_t j = (((block * columns + column) * middle + m) * rows + row) * inner;
                    for (std::size_t k = 0; k < inner; ++k) move(i++, j + k);
                }
            }
        }
    }
}

std::size_t resolve_bound(std::int64_t bound, std::size_t extent, const Shape& shape) {
    const auto n = static_cast<std::int64_t>(extent);
    require<std::out_of_range>(bound >= -n && bound <= n, "slice: bound ", bound, " is outside an extent of ", n,
                               " in shape ", shape);
    return static_cast<std::size_t>(bound < 0 ? bound + n : bound);
}

Shape concat_shape(std::span<const Var> parts, std::size_t axis) {
    Shape shape = parts[0].shape();
    for (const Var& part : parts.subspan(1)) {
        Shape other = part.shape();
        bool fits = other.size() == shape.size();
        for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = i == axis || other[i] == shape[i];
        require(fits, "concat: shape ", other, " does not fit behind ", parts[0].shape(), " along axis ", axis);
        shape[axis] += other[axis];
    }
    return shape;
}

/// A part of a concatenation on the way back: `blocks` runs of n elements, with those of other parts between them.
struct Part {
    Gradient* gradient;  // nullptr if it needs none
    std::size_t blocks, n;
};

std::vector<Part> concatenated(std::span<const Var> parts, std::size_t axis) {
    std::vector<Part> all;
    for (const Var& part : parts) {
        const AlongAxis along(part.shape(), axis);
        all.push_back({part.gradient_if_needed(), along.outer, along.n * along.inner});
    }
    return all;
}

}  // namespace

Var reshape(Var x, const std::vector<std::int64_t>& shape) { return with_shape(x, resolve_shape(x.shape(), shape)); }

Var flatten(Var x, std::int64_t first, std::int64_t last) {
    if (x.rank() == 0) return with_shape(x, Shape{1});
    const std::size_t from = resolve_axis("flatten", first, x.shape());
    const std::size_t to = resolve_axis("flatten", last, x.shape());
    require(from <= to, "flatten: axis ", from, " comes after axis ", to);
    Shape shape;
    for (std::size_t axis = 0; axis < x.rank(); ++axis) {
        if (axis > from && axis <= to)
            shape.back() *= x.dim(axis);
        else
            shape.push_back(x.dim(axis));
    }
    return with_shape(x, shape);
}

Var transpose(Var x, std::int64_t axis_a, std::int64_t axis_b) {
    const std::size_t first = resolve_axis("transpose", axis_a, x.shape());
    const std::size_t second = resolve_axis("transpose", axis_b, x.shape());
    if (first == second) return x;
    const std::size_t a = std::min(first, second), b = std::max(first, second);
    Shape shape = x.shape();
    std::swap(shape[a], shape[b]);
    const Var y = x.tape().result(shape, {x});
    const Real* from = x.data();
    Real* to = y.mutable_value().data();
    for_each_transposed(x.shape(), a, b, [=](std::size_t i, std::size_t j) { to[j] = from[i]; });
    if (y.needs_grad()) {
        y.on_backward([a, b, to_x = &x.gradient(), from_y = &y.gradient()] {
            const Real* dy = from_y->read().data();
            const detail::Accumulation dx(*to_x);
            for_each_transposed(to_x->shape(), a, b, [=](std::size_t i, std::size_t j) { dx.add(i, dy[j]); });
        });
    }
    return y;
}

Var slice(Var x, std::int64_t axis, std::int64_t begin, std::int64_t end) {
    const std::size_t resolved = resolve_axis("slice", axis, x.shape());
    const AlongAxis along(x.shape(), resolved);
    const std::size_t from = resolve_bound(begin, along.n, x.shape()), to = resolve_bound(end, along.n, x.shape());
    require<std::out_of_range>(from <= to, "slice: begin ", begin, " lies behind end ", end, " in shape ", x.shape());
    Shape shape = x.shape();
    shape[resolved] = to - from;
    const Var y = x.tape().result(shape, {x});
    const std::size_t n = (to - from) * along.inner;  // elements of one block
    const Real* source = x.data();
    Real* target = y.mutable_value().data();
    for (std::size_t i = 0; i < along.outer; ++i)
        std::copy_n(source + (i * along.n + from) * along.inner, n, target + i * n);

    if (y.needs_grad()) {
        y.on_backward([from, n, along, to_x = &x.gradient(), from_y = &y.gradient()] {
            const std::size_t before = from * along.inner, block = along.n * along.inner;
            const Real* dy = from_y->read().data();
            const detail::Accumulation dx(*to_x);
            for (std::size_t i = 0; i < along.outer; ++i) {
                dx.skip(i * block, before);
                dx.add(i * block + before, n, [=](std::size_t j) { return dy[i * n + j]; });
                dx.skip(i * block + before + n, block - before - n);
            }
        });
    }
    return y;
}

Var concat(std::span<const Var> parts, std::int64_t axis) {
    require(!parts.empty(), "concat: there is nothing to concatenate");
    const std::size_t resolved = resolve_axis("concat", axis, parts[0].shape());
    const Var y = parts[0].tape().result(concat_shape(parts, resolved), parts);
    const std::size_t row = AlongAxis(y.shape(), resolved).n * AlongAxis(y.shape(), resolved).inner;
    Real* to = y.mutable_value().data();

    std::size_t offset = 0;  // of the part in each block of y
    for (const Var& part : parts) {
        const AlongAxis along(part.shape(), resolved);
        const std::size_t n = along.n * along.inner;
        const Real* from = part.data();
        for (std::size_t i = 0; n > 0 && i < along.outer; ++i) std::copy_n(from + i * n, n, to + i * row + offset);
        offset += n;
    }
    if (y.needs_grad()) {
        y.on_backward([to = concatenated(parts, resolved), row, from = &y.gradient()] {
            const Real* dy = from->read().data();
            std::size_t begin = 0;
            for (const Part& part : to) {
                if (part.gradient != nullptr) {
                    const detail::Accumulation dx(*part.gradient);
                    for (std::size_t i = 0; i < part.blocks; ++i)
                        dx.add(i * part.n, part.n, [=](std::size_t j) { return dy[i * row + begin + j]; });
                }
                begin += part.n;
            }
        });
    }
    return y;
}

Var detach(Var x) { return x.tape().constant(x.value()); }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
