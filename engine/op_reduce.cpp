// Reductions: many values to few, accumulated in double.
#include <algorithm>
#include <cmath>

#include <embergrad/engine/accumulate.hpp>
#include <embergrad/engine/kernels/axis.hpp>
#include <embergrad/engine/kernels/lanes.hpp>
#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/kernels/vector_exp.hpp>
#include <embergrad/engine/masked_lengths.hpp>
#include <embergrad/engine/ops.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::AlongAxis;
using detail::LaneRoom;
using detail::reduced_shape;
using detail::resolve_axis;

/// sum(x) / divisor: 1 for a sum, n for a mean.
Var divided_sum(Var x, double divisor) {
    const Var y = x.tape().result(Shape{}, {x});
    y.mutable_value().data()[0] = static_cast<Real>(detail::sum_of(x.value().data(), x.size()) / divisor);
    if (y.needs_grad()) {
        y.on_backward([=] { x.add_uniform_grad(y.grad().data()[0] / static_cast<Real>(divisor)); });
    }
    return y;
}

void add_over_axis(const Real* x, const AlongAxis& along, double divisor, Real* y) {
    std::vector<double, Allocator<double>> sums(along.inner);
    for (std::size_t block = 0; block < along.outer; ++block) {
        std::fill(sums.begin(), sums.end(), 0.0);
        for (std::size_t i = 0; i < along.n; ++i) {
            for (std::size_t j = 0; j < along.inner; ++j) sums[j] += static_cast<double>(*x++);
        }
        for (double sum : sums) *y++ = static_cast<Real>(sum / divisor);
    }
}

Var divided_sum(Var x, std::size_t axis, bool keepdim, double divisor) {
    const AlongAxis along(x.shape(), axis);
    const Var y = x.tape().result(reduced_shape(x.shape(), axis, keepdim), {x});
    add_over_axis(x.value().data(), along, divisor, y.mutable_value().data());
    if (y.needs_grad()) {
        y.on_backward([=] {
            const Real* dy = y.grad().data();
            Real* dx = x.grad().data();
            for (std::size_t block = 0; block < along.outer; ++block, dy += along.inner) {
                for (std::size_t i = 0; i < along.n; ++i) {
                    for (std::size_t j = 0; j < along.inner; ++j) *dx++ += dy[j] / static_cast<Real>(divisor);
                }
            }
        });
    }
    return y;
}

/// The first largest entry of a lane; the first NaN, if there is one.
std::size_t first_maximum(const Real* lane, std::size_t n, std::size_t step) {
    std::size_t best = 0;
    for (std::size_t i = 0; i < n; ++i) {
        if (std::isnan(lane[i * step])) return i;
        if (lane[i * step] > lane[best * step]) best = i;
    }
    return best;
}

IdArray argmax_over(Var x, std::size_t axis, bool keepdim) {
    const AlongAxis along(x.shape(), axis);
    require(along.n > 0, "argmax: there is no maximum over axis ", axis, " of shape ", x.shape());
    IdArray best(reduced_shape(x.shape(), axis, keepdim));
    const Real* values = x.value().data();
    std::int64_t* to = best.data();
    along.for_each_lane([&](std::size_t first, std::size_t lane) {
        to[lane] = static_cast<std::int64_t>(first_maximum(values + first, along.n, along.inner));
    });
    return best;
}

/// y = f(x) lane by lane: f(lane of x, lane of y).
template <class F>
Var each_lane(Var x, const AlongAxis& along, F f) {
    const Var y = x.tape().result(x.shape(), {x});
    const Real* from = x.value().data();
    Real* to = y.mutable_value().data();
    LaneRoom x_room(along), y_room(along);
    along.for_each_lane([&](std::size_t first, std::size_t) {
        const Real* lane = x_room.read(from, first);
        y_room.write(to, first, false, [&](Real* result, bool) { f(lane, result); });
    });
    return y;
}

/// dx += f'(y, dy) lane by lane: df(lane of y, lane of dy, lane of dx, whether to add).
template <class Derivative>
void each_lane_back(Var x, Var y, const AlongAxis& along, Derivative df) {
    const Real* value = y.value().data();
    const Real* dy = y.grad().data();
    const auto [dx, beta] = x.grad_target();
    LaneRoom y_room(along), dy_room(along), dx_room(along);
    Real* to = dx.data();
    const bool add = beta != 0;
    along.for_each_lane([&](std::size_t first, std::size_t) {
        const Real* y_lane = y_room.read(value, first);
        const Real* dy_lane = dy_room.read(dy, first);
        dx_room.write(to, first, add, [&](Real* lane, bool add_to_lane) { df(y_lane, dy_lane, lane, add_to_lane); });
    });
}

EMBERGRAD_SIMD void scale_lane(Real* y, std::size_t n, Real factor) {
    for (std::size_t i = 0; i < n; ++i) y[i] *= factor;
}

EMBERGRAD_SIMD void softmax_gradient(const Real* __restrict y, const Real* __restrict dy, std::size_t n, Real dot,
                                     bool add, Real* __restrict dx) {
    detail::put(dx, n, add, [=](std::size_t i) { return y[i] * (dy[i] - dot); });
}

EMBERGRAD_SIMD void log_softmax_row(const Real* __restrict x, std::size_t n, Real max, Real log_sum,
                                    Real* __restrict y) {
    for (std::size_t i = 0; i < n; ++i) y[i] = x[i] - max - log_sum;
}

EMBERGRAD_SIMD void log_softmax_gradient(const Real* __restrict y, const Real* __restrict dy, std::size_t n,
                                         Real dy_sum, bool add, Real* __restrict dx) {
    detail::put(dx, n, add, [=](std::size_t i) { return dy[i] - detail::exp_nonpositive(y[i]) * dy_sum; });
}

Real one_over(std::int64_t length) {
    return length == 0 ? Real{0} : static_cast<Real>(1.0 / static_cast<double>(length));
}

}  // namespace

Var sum(Var x) { return divided_sum(x, 1); }

Var sum(Var x, std::int64_t axis, bool keepdim) {
    return divided_sum(x, resolve_axis("sum", axis, x.shape()), keepdim, 1);
}

Var mean(Var x) { return divided_sum(x, static_cast<double>(x.size())); }

Var mean(Var x, std::int64_t axis, bool keepdim) {
    const std::size_t resolved = resolve_axis("mean", axis, x.shape());
    return divided_sum(x, resolved, keepdim, static_cast<double>(x.dim(resolved)));
}

Var max(Var x) {
    require(x.size() > 0, "max: there is no maximum of shape ", x.shape());
    const Var y = x.tape().result(Shape{}, {x});
    const Real largest = x.value().data()[first_maximum(x.value().data(), x.size(), 1)];
    y.mutable_value().data()[0] = largest;
    if (y.needs_grad()) {
        y.on_backward([=] {
            const Real* from = x.value().data();
            const auto is_largest = [=](Real v) { return v == largest || (std::isnan(v) && std::isnan(largest)); };
            const auto equals = std::count_if(from, from + x.size(), is_largest);
            const Real g = y.grad().data()[0] / static_cast<Real>(equals);
            Real* dx = x.grad().data();
            for (std::size_t i = 0, n = x.size(); i < n; ++i) dx[i] += is_largest(from[i]) ? g : 0;
        });
    }
    return y;
}

Var max(Var x, std::int64_t axis, bool keepdim) {
    const std::size_t resolved = resolve_axis("max", axis, x.shape());
    const AlongAxis along(x.shape(), resolved);
    require(along.n > 0, "max: there is no maximum over axis ", resolved, " of shape ", x.shape());
    IdArray best = argmax_over(x, resolved, keepdim);
    const Var y = x.tape().result(best.shape(), {x});
    const Real* from = x.value().data();
    Real* to = y.mutable_value().data();
    along.for_each_lane([&](std::size_t first, std::size_t lane) {
        to[lane] = from[first + static_cast<std::size_t>(best.data()[lane]) * along.inner];
    });
    if (y.needs_grad()) {
        y.on_backward([=, best = std::move(best)] {
            const Real* dy = y.grad().data();
            Real* dx = x.grad().data();
            along.for_each_lane([&](std::size_t first, std::size_t lane) {
                dx[first + static_cast<std::size_t>(best.data()[lane]) * along.inner] += dy[lane];
            });
        });
    }
    return y;
}

IdArray argmax(Var x) {
    require(x.size() > 0, "argmax: there is no maximum of shape ", x.shape());
    return IdArray::scalar(static_cast<std::int64_t>(first_maximum(x.value().data(), x.size(), 1)));
}

IdArray argmax(Var x, std::int64_t axis, bool keepdim) {
    return argmax_over(x, resolve_axis("argmax", axis, x.shape()), keepdim);
}

Var softmax(Var x, std::int64_t axis) {
    const AlongAxis along(x.shape(), resolve_axis("softmax", axis, x.shape()));
    const Var y = each_lane(x, along, [&](const Real* from, Real* to) {
        const double sum = detail::exponentials(from, along.n, to).sum;
        scale_lane(to, along.n, static_cast<Real>(1 / sum));
    });
    if (y.needs_grad()) {
        y.on_backward([=] {  // dx += y (dy - sum(dy y))
            each_lane_back(x, y, along, [&](const Real* value, const Real* dy, Real* dx, bool add) {
                const auto dot = static_cast<Real>(detail::dot(dy, value, along.n));
                softmax_gradient(value, dy, along.n, dot, add, dx);
            });
        });
    }
    return y;
}

Var log_softmax(Var x, std::int64_t axis) {
    const AlongAxis along(x.shape(), resolve_axis("log_softmax", axis, x.shape()));
    const Var y = each_lane(x, along, [&](const Real* from, Real* to) {
        const auto [max, sum] = detail::exponentials(from, along.n, to);
        log_softmax_row(from, along.n, max, static_cast<Real>(std::log(sum)), to);
    });
    if (y.needs_grad()) {
        y.on_backward([=] {  // dx += dy - exp(y) sum(dy)
            each_lane_back(x, y, along, [&](const Real* value, const Real* dy, Real* dx, bool add) {
                const auto dy_sum = static_cast<Real>(detail::sum_of(dy, along.n));
                log_softmax_gradient(value, dy, along.n, dy_sum, add, dx);
            });
        });
    }
    return y;
}

Var masked_mean(Var x, const IdArray& lengths) {
    detail::check_lengths(x.shape(), lengths);
    const std::size_t b = x.dim(0), l = x.dim(1), d = x.dim(2);
    const Var y = x.tape().result({b, d}, {x});
    const Real* from = x.value().data();
    Real* to = y.mutable_value().data();
    for (std::size_t i = 0; i < b; ++i) {
        const std::int64_t length = lengths.data()[i];
        detail::sum_rows(from + i * l * d, static_cast<std::size_t>(length), d, one_over(length), false, to + i * d);
    }
    if (y.needs_grad()) {
        y.on_backward([=, lengths = lengths] {  // dx[b, t] += dy[b] / lengths[b] for t < lengths[b]
            const Real* dy = y.grad().data();
            Real* dx = x.grad().data();
            for (std::size_t i = 0; i < b; ++i) {
                const std::int64_t length = lengths.data()[i];
                const Real share = one_over(length);
                for (std::size_t t = 0; t < static_cast<std::size_t>(length); ++t) {
                    Real* row = dx + (i * l + t) * d;
                    for (std::size_t j = 0; j < d; ++j) row[j] += dy[i * d + j] * share;
                }
            }
        });
    }
    return y;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
