// Elementwise loops, and adding to a gradient that may be the first to arrive: written then, where clearing it first
// would cost two passes. Internal.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include <embergrad/engine/row_math.hpp>
#include <embergrad/engine/simd.hpp>
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

/// The pieces of a gradient that is one number. (A function of its own: an op on a scalar must not pay for the room.)
template <class Read>
[[gnu::noinline]] void for_each_uniform_piece(Real gradient, std::size_t n, Read read) {
    constexpr std::size_t kPiece = 1024;
    std::array<Real, kPiece> same;
    std::fill_n(same.data(), std::min(kPiece, n), gradient);
    for (std::size_t begin = 0; begin < n; begin += kPiece) read(same.data(), begin, std::min(kPiece, n - begin));
}

/// Calls read(dy, begin, n) for the gradient of the elements begin .. begin + n - 1 of y: all at once, or, where it is
/// one number that nobody has written out, in pieces that stay in the nearest cache.
template <class Read>
void for_each_gradient_piece(Var y, Read read) {
    if (const std::optional<Real> uniform = y.uniform_grad()) return for_each_uniform_piece(*uniform, y.size(), read);
    read(y.grad().data(), std::size_t{0}, y.size());
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
