// An op of a user's own, written against the installed headers: both ways CONTRIBUTING.md shows of adding a gradient.
#pragma once

#include <embergrad/embergrad.hpp>

#include <cstddef>

/// x * x
inline embergrad::Var square(embergrad::Var x) {
    using namespace embergrad;
    const Var y = x.tape().result(x.shape(), {x});
    const Real* from = x.value().data();
    Real* to = y.mutable_value().data();
    for (std::size_t i = 0, n = y.size(); i < n; ++i) to[i] = from[i] * from[i];
    if (y.needs_grad()) {
        y.on_backward([=] {
            const Real* value = x.value().data();
            const Real* dy = y.grad().data();
            Real* dx = x.grad().data();
            for (std::size_t i = 0, n = y.size(); i < n; ++i) dx[i] += 2 * value[i] * dy[i];
        });
    }
    return y;
}

/// x with the rows of a matrix in the opposite order. x: (M, N). Its gradient is written whole where it is the first.
inline embergrad::Var upside_down(embergrad::Var x) {
    using namespace embergrad;
    require(x.rank() == 2, "upside_down: x must be a matrix, not of shape ", x.shape());
    const std::size_t m = x.dim(0), n = x.dim(1);
    const Var y = x.tape().result(x.shape(), {x});
    for (std::size_t i = 0; i < m * n; ++i) y.mutable_value().data()[i] = x.value().data()[(m - 1 - i / n) * n + i % n];
    if (y.needs_grad()) {
        y.on_backward([=] {
            const Real* dy = y.grad().data();
            const auto [dx, add] = x.gradient().target();
            for (std::size_t i = 0; i < m * n; ++i) {
                const Real term = dy[(m - 1 - i / n) * n + i % n];
                dx.data()[i] = add ? dx.data()[i] + term : term;
            }
        });
    }
    return y;
}
