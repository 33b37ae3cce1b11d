// Dropout: one mask a call, kept for the way back.
#include <algorithm>
#include <cmath>

#include <embergrad/engine/accumulate.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// 1 / (1 - p) with probability 1 - p, else 0. Two elements share the 64 bits of a draw.
void draw_mask(Rng& rng, double p, Array& mask) {
    const auto kept_below = static_cast<std::uint64_t>(std::ldexp(1 - p, 32));
    const Real scale = p < 1 ? static_cast<Real>(1 / (1 - p)) : 0;
    Real* to = mask.data();
    const std::size_t n = mask.size();
    for (std::size_t i = 0; i < n; i += 2) {
        const std::uint64_t bits = rng();
        to[i] = (bits >> 32) < kept_below ? scale : 0;
        if (i + 1 < n) to[i + 1] = (bits & 0xffffffff) < kept_below ? scale : 0;
    }
}

}  // namespace

Var dropout(Var x, double p) {
    require(p >= 0 && p <= 1, "dropout: probability has to be between 0 and 1, but got ", p);
    if (!x.tape().training() || p == 0) return x;

    const Var mask = x.tape().workspace(x.shape());
    draw_mask(x.tape().rng(), p, mask.mutable_value());
    const Var y = x.tape().result(x.shape(), {x});
    const Real* from = x.data();
    const Real* factor = mask.data();
    detail::put_each(y.mutable_value().data(), y.size(), false,
                     [=](std::size_t i) { return from[i] * factor[i]; });  // inf * 0 = NaN, as PyTorch's

    if (y.needs_grad()) {
        y.on_backward([mask, dx = &x.gradient(), dy = &y.gradient()] {
            detail::accumulate(*dx, *dy, [kept = mask.data()](Real g, std::size_t i) { return g * kept[i]; });
        });
    }
    return y;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
