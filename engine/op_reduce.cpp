// Reductions: sum, mean, max, argmax and masked_mean.
#include <algorithm>
#include <cmath>
#include <vector>

#include <embergrad/engine/accumulate.hpp>
#include <embergrad/engine/kernels/axis.hpp>
#include <embergrad/engine/kernels/lanes.hpp>
#include <embergrad/engine/lookup_checks.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::AlongAxis;
using detail::reduced_shape;
using detail::resolve_axis;

/// sum(x) / divisor: 1 for a sum, n for a mean.
Var divided_sum(const Var& x, double divisor) {
    const Var y = x.tape().result(Shape{}, {x});
    y.mutable_value().data()[0] = static_cast<Real>(detail::sum_of(x.data(), x.size()) / divisor);
    if (y.needs_grad()) {
        y.on_backward([dx = &x.gradient(), dy = &y.gradient(), divisor] {
            dx->add(dy->read().data()[0] / static_cast<Real>(divisor));
        });
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

Var divided_sum(const Var& x, std::size_t axis, bool keepdim, double divisor) {
    const AlongAxis along(x.shape(), axis);
    const Var y = x.tape().result(reduced_shape(x.shape(), axis, keepdim), {x});
    add_over_axis(x.data(), along, divisor, y.mutable_value().data());
    if (y.needs_grad()) {
        y.on_backward([=, to = &x.gradient(), from = &y.gradient()] {
            const auto by = static_cast<Real>(divisor);
            const Real* dy = from->read().data();
            const detail::Accumulation dx(*to);
            for (std::size_t block = 0; block < along.outer; ++block, dy += along.inner) {
                const std::size_t first = block * along.n * along.inner;
                if (along.inner == 1) dx.add(first, along.n, [share = dy[0] / by](std::size_t) { return share; });
                for (std::size_t i = 0; along.inner > 1 && i < along.n; ++i)
                    dx.add(first + i * along.inner, along.inner, [=](std::size_t j) { return dy[j] / by; });
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

IdArray argmax_over(const Var& x, std::size_t axis, bool keepdim) {
    const AlongAxis along(x.shape(), axis);
    require(along.n > 0, "argmax: there is no maximum over axis ", axis, " of shape ", x.shape());
    IdArray best(reduced_shape(x.shape(), axis, keepdim));
    const Real* values = x.data();
    std::int64_t* to = best.data();
    along.for_each_lane([&](std::size_t first, std::size_t lane) {
        to[lane] = static_cast<std::int64_t>(first_maximum(values + first, along.n, along.inner));
    });
    return best;
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
    const Real largest = x.data()[first_maximum(x.data(), x.size(), 1)];
    y.mutable_value().data()[0] = largest;
    if (y.needs_grad()) {
        y.on_backward([=] {
            const Real* from = x.data();
            const auto is_largest = [=](Real v) { return v == largest || (std::isnan(v) && std::isnan(largest)); };
            const auto equals = std::count_if(from, from + x.size(), is_largest);
            const Real g = y.grad().data()[0] / static_cast<Real>(equals);
            detail::Accumulation(x.gradient()).add(0, x.size(), [=](std::size_t i) {
                return is_largest(from[i]) ? g : 0;
            });
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
    const Real* from = x.data();
    Real* to = y.mutable_value().data();
    along.for_each_lane([&](std::size_t first, std::size_t lane) {
        to[lane] = from[first + static_cast<std::size_t>(best.data()[lane]) * along.inner];
    });
    if (y.needs_grad()) {
        y.on_backward([along, to = &x.gradient(), from = &y.gradient(), best = std::move(best)] {
            const Real* dy = from->read().data();
            Real* dx = to->array().data();
            along.for_each_lane([&](std::size_t first, std::size_t lane) {
                dx[first + static_cast<std::size_t>(best.data()[lane]) * along.inner] += dy[lane];
            });
        });
    }
    return y;
}

IdArray argmax(Var x) {
    require(x.size() > 0, "argmax: there is no maximum of shape ", x.shape());
    return IdArray::scalar(static_cast<std::int64_t>(first_maximum(x.data(), x.size(), 1)));
}

IdArray argmax(Var x, std::int64_t axis, bool keepdim) {
    return argmax_over(x, resolve_axis("argmax", axis, x.shape()), keepdim);
}

Var masked_mean(Var x, const IdArray& lengths) {
    detail::check_lengths(x.shape(), lengths);
    const std::size_t b = x.dim(0), l = x.dim(1), d = x.dim(2);
    const Var y = x.tape().result({b, d}, {x});
    const Real* from = x.data();
    Real* to = y.mutable_value().data();
    for (std::size_t i = 0; i < b; ++i) {
        const std::int64_t length = lengths.data()[i];
        detail::sum_rows(from + i * l * d, static_cast<std::size_t>(length), d, one_over(length), false, to + i * d);
    }
    if (y.needs_grad()) {
        // dx[b, t] += dy[b] / lengths[b] for t < lengths[b]
        y.on_backward([b, l, d, to_x = &x.gradient(), from_y = &y.gradient(), lengths = lengths] {
            const Real* dy = from_y->read().data();
            const detail::Accumulation dx(*to_x);
            for (std::size_t i = 0; i < b; ++i, dy += d) {
                const auto length = static_cast<std::size_t>(lengths.data()[i]);
                const Real share = one_over(lengths.data()[i]);
                for (std::size_t t = 0; t < length; ++t)
                    dx.add((i * l + t) * d, d, [=](std::size_t j) { return dy[j] * share; });
                dx.skip((i * l + length) * d, (l - length) * d);
            }
        });
    }
    return y;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
