// Softmax and its logarithm along an axis.
#include <cmath>

#include <embergrad/engine/accumulate.hpp>
#include <embergrad/engine/kernels/axis.hpp>
#include <embergrad/engine/kernels/lanes.hpp>
#include <embergrad/engine/kernels/vector_exp.hpp>
#include <embergrad/engine/ops.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::AlongAxis;
using detail::LaneRoom;
using detail::put_each;
using detail::resolve_axis;

/// y = f(x) lane by lane: f(lane of x, lane of y).
template <class F>
Var each_lane(const Var& x, const AlongAxis& along, F f) {
    const Var y = x.tape().result(x.shape(), {x});
    const Real* from = x.data();
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
void each_lane_back(Gradient& to, const Var& y, const AlongAxis& along, Derivative df) {
    const Real* value = y.data();
    const Real* dy = y.grad().data();
    const auto [gradient, add] = to.target();
    Real* dx = gradient.data();
    LaneRoom y_room(along), dy_room(along), dx_room(along);
    along.for_each_lane([&, add = add](std::size_t first, std::size_t) {
        const Real* y_lane = y_room.read(value, first);
        const Real* dy_lane = dy_room.read(dy, first);
        dx_room.write(dx, first, add, [&](Real* lane, bool add_to_lane) { df(y_lane, dy_lane, lane, add_to_lane); });
    });
}

}  // namespace

Var softmax(Var x, std::int64_t axis) {
    const AlongAxis along(x.shape(), resolve_axis("softmax", axis, x.shape()));
    const Var y = each_lane(x, along, [&](const Real* from, Real* to) {
        const double sum = detail::exponentials(from, along.n, to).sum;
        detail::put_scaled(to, along.n, static_cast<Real>(1 / sum), false, to);
    });
    if (y.needs_grad()) {
        y.on_backward([y, along, to = &x.gradient()] {  // dx += y (dy - sum(dy y))
            each_lane_back(*to, y, along, [&](const Real* value, const Real* dy, Real* dx, bool add) {
                const auto dot = static_cast<Real>(detail::dot(dy, value, along.n));
                put_each(dx, along.n, add, [=](std::size_t i) { return value[i] * (dy[i] - dot); });
            });
        });
    }
    return y;
}

Var log_softmax(Var x, std::int64_t axis) {
    const AlongAxis along(x.shape(), resolve_axis("log_softmax", axis, x.shape()));
    const Var y = each_lane(x, along, [&](const Real* from, Real* to) {
        const auto [max, sum] = detail::exponentials(from, along.n, to);
        const auto log_sum = static_cast<Real>(std::log(sum));
        put_each(to, along.n, false, [=, max = max](std::size_t i) { return from[i] - max - log_sum; });
    });
    if (y.needs_grad()) {
        y.on_backward([y, along, to = &x.gradient()] {  // dx += dy - exp(y) sum(dy)
            each_lane_back(*to, y, along, [&](const Real* value, const Real* dy, Real* dx, bool add) {
                const auto dy_sum = static_cast<Real>(detail::sum_of(dy, along.n));
                put_each(dx, along.n, add,
                         [=](std::size_t i) { return dy[i] - detail::exp_nonpositive(value[i]) * dy_sum; });
            });
        });
    }
    return y;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
