// Scaling in vectors.
#include <embergrad/engine/kernels/elementwise.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

EMBERGRAD_SIMD void scale_in_place(Real* x, std::size_t n, Real factor) {
    for (std::size_t i = 0; i < n; ++i) x[i] *= factor;
}

EMBERGRAD_SIMD void put_scaled_apart(const Real* __restrict x, std::size_t n, Real factor, bool add,
                                     Real* __restrict y) {
    put(y, n, add, [=](std::size_t i) { return x[i] * factor; });
}

}  // namespace

void put_scaled(const Real* x, std::size_t n, Real factor, bool add, Real* y) {
    if (x == y && !add)
        scale_in_place(y, n, factor);
    else
        put_scaled_apart(x, n, factor, add, y);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
