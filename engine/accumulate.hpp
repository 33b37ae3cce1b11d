// Elementwise loops, and adding to a gradient that may be the first to arrive: written then, where clearing it first
// would cost two passes. Internal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include <embergrad/engine/kernels/lanes.hpp>
#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/tape.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

template <class Value>
EMBERGRAD_SIMD void put_many(Real* y, std::size_t n, bool add, Value value) {
    put(y, n, add, value);
}

/// y[i] = value(i), or added to y[i], in the widest vectors there are; a few elements without choosing among them.
template <class Value>
[[gnu::always_inline]] inline void put_each(Real* y, std::size_t n, bool add, Value value) {
    constexpr std::size_t kFew = 64;
    if (n < kFew) return put(y, n, add, value);
    put_many(y, n, add, value);
}

constexpr std::size_t kUniformPiece = 1024;  // few enough for the nearest cache

/// `number` n times, or as often as a piece is long; the calling thread's, until it asks again.
const Real* uniform_piece(Real number, std::size_t n);

/// Calls read(dy, begin, n) for the gradient of the elements begin .. begin + n - 1 of y: all at once, or, where it is
/// one number that nobody has written out, in pieces that stay in the nearest cache.
template <class Read>
void for_each_gradient_piece(Var y, Read read) {
    const std::optional<Real> uniform = y.uniform_grad();
    const std::size_t n = y.size(), piece = uniform ? kUniformPiece : n;
    const Real* dy = uniform ? uniform_piece(*uniform, n) : y.grad().data();
    for (std::size_t begin = 0; begin < n; begin += piece) read(dy, begin, std::min(piece, n - begin));
}

/// dx[i] += term(dy[i], i) for each element of x, which has y's shape.
template <class Term>
void accumulate(Var x, Var y, Term term) {
    const auto [array, beta] = x.grad_target();
    Real* dx = array.data();
    for_each_gradient_piece(y, [=, add = beta != 0](const Real* dy, std::size_t begin, std::size_t n) {
        put_each(dx + begin, n, add, [=](std::size_t i) { return term(dy[i], begin + i); });
    });
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
