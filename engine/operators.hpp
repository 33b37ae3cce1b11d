// Operators: + - * / between Vars, and between a Var and a number. Part of ops.hpp.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <embergrad/engine/ops.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

inline Var operator+(Var a, Var b) { return add(std::move(a), std::move(b)); }
inline Var operator-(Var a, Var b) { return sub(std::move(a), std::move(b)); }
inline Var operator*(Var a, Var b) { return mul(std::move(a), std::move(b)); }
inline Var operator/(Var a, Var b) { return div(std::move(a), std::move(b)); }
inline Var operator-(Var x) { return neg(std::move(x)); }

// A number may be of any type: 0.1 and 2 as well as a Real.
template <class T>
concept NumberBesideVar = std::integral<T> || std::floating_point<T>;
template <NumberBesideVar N>
Var operator+(Var x, N offset) {
    return affine(std::move(x), 1, static_cast<Real>(offset));
}
template <NumberBesideVar N>
Var operator+(N offset, Var x) {
    return affine(std::move(x), 1, static_cast<Real>(offset));
}
template <NumberBesideVar N>
Var operator-(Var x, N offset) {
    return affine(std::move(x), 1, -static_cast<Real>(offset));
}
template <NumberBesideVar N>
Var operator-(N offset, Var x) {
    return affine(std::move(x), -1, static_cast<Real>(offset));
}
template <NumberBesideVar N>
Var operator*(Var x, N factor) {
    return affine(std::move(x), static_cast<Real>(factor), 0);
}
template <NumberBesideVar N>
Var operator*(N factor, Var x) {
    return affine(std::move(x), static_cast<Real>(factor), 0);
}
template <NumberBesideVar N>
Var operator/(Var x, N divisor) {
    return div(std::move(x), static_cast<Real>(divisor));
}
template <NumberBesideVar N>
Var operator/(N dividend, Var x) {
    return div(static_cast<Real>(dividend), std::move(x));
}

// An array does not become a value of a tape by itself. These say so in a line; xtensor's operators would in a page.
template <class T>
concept ArrayBesideVar = xt::is_xexpression<std::remove_cvref_t<T>>::value;
template <class A>
Var refuse_array(Var x) {
    static_assert(!ArrayBesideVar<A>,
                  "a Var and an array: make the array a Var of the same tape, tape.constant(array)");
    return x;
}
template <ArrayBesideVar A>
Var operator+(Var x, A&&) {
    return refuse_array<A>(std::move(x));
}
template <ArrayBesideVar A>
Var operator+(A&&, Var x) {
    return refuse_array<A>(std::move(x));
}
template <ArrayBesideVar A>
Var operator-(Var x, A&&) {
    return refuse_array<A>(std::move(x));
}
template <ArrayBesideVar A>
Var operator-(A&&, Var x) {
    return refuse_array<A>(std::move(x));
}
template <ArrayBesideVar A>
Var operator*(Var x, A&&) {
    return refuse_array<A>(std::move(x));
}
template <ArrayBesideVar A>
Var operator*(A&&, Var x) {
    return refuse_array<A>(std::move(x));
}
template <ArrayBesideVar A>
Var operator/(Var x, A&&) {
    return refuse_array<A>(std::move(x));
}
template <ArrayBesideVar A>
Var operator/(A&&, Var x) {
    return refuse_array<A>(std::move(x));
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
