// Operators: + - * / between Vars, and between a Var and a number. Part of ops.hpp.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <embergrad/engine/ops.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

Var operator+(const Var& a, const Var& b);
Var operator-(const Var& a, const Var& b);
Var operator*(const Var& a, const Var& b);
Var operator/(const Var& a, const Var& b);
inline Var operator-(const Var& x) { return neg(x); }

// A number may be of any type: 0.1 and 2 as well as a Real.
template <class T>
concept NumberBesideVar = std::integral<T> || std::floating_point<T>;
template <NumberBesideVar N>
Var operator+(const Var& x, N offset) {
    return affine(x, 1, static_cast<Real>(offset));
}
template <NumberBesideVar N>
Var operator+(N offset, const Var& x) {
    return affine(x, 1, static_cast<Real>(offset));
}
template <NumberBesideVar N>
Var operator-(const Var& x, N offset) {
    return affine(x, 1, -static_cast<Real>(offset));
}
template <NumberBesideVar N>
Var operator-(N offset, const Var& x) {
    return affine(x, -1, static_cast<Real>(offset));
}
template <NumberBesideVar N>
Var operator*(const Var& x, N factor) {
    return affine(x, static_cast<Real>(factor), 0);
}
template <NumberBesideVar N>
Var operator*(N factor, const Var& x) {
    return affine(x, static_cast<Real>(factor), 0);
}
template <NumberBesideVar N>
Var operator/(const Var& x, N divisor) {
    return div(x, static_cast<Real>(divisor));
}
template <NumberBesideVar N>
Var operator/(N dividend, const Var& x) {
    return div(static_cast<Real>(dividend), x);
}

// An array does not become a value of a tape by itself. These say so in a line; xtensor's operators would in a page.
// (They take the Var by value: a reference to a const one would fit worse than what xtensor's take.)
template <class T>
concept ArrayBesideVar = xt::is_xexpression<std::remove_cvref_t<T>>::value;
template <class A>
Var refuse_array(const Var& x) {
    static_assert(!ArrayBesideVar<A>,
                  "a Var and an array: make the array a Var of the same tape, tape.constant(array)");
    return x;
}
template <ArrayBesideVar A>
Var operator+(Var x, A&&) {
    return refuse_array<A>(x);
}
template <ArrayBesideVar A>
Var operator+(A&&, Var x) {
    return refuse_array<A>(x);
}
template <ArrayBesideVar A>
Var operator-(Var x, A&&) {
    return refuse_array<A>(x);
}
template <ArrayBesideVar A>
Var operator-(A&&, Var x) {
    return refuse_array<A>(x);
}
template <ArrayBesideVar A>
Var operator*(Var x, A&&) {
    return refuse_array<A>(x);
}
template <ArrayBesideVar A>
Var operator*(A&&, Var x) {
    return refuse_array<A>(x);
}
template <ArrayBesideVar A>
Var operator/(Var x, A&&) {
    return refuse_array<A>(x);
}
template <ArrayBesideVar A>
Var operator/(A&&, Var x) {
    return refuse_array<A>(x);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
