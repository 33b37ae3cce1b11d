// Adding to a gradient that may be the first to arrive: written then, where clearing it first would cost two passes.
#pragma once

#include <cstddef>

#include <embergrad/engine/tape.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// dx[i] += term(i) for each element of x.
template <class Term>
void accumulate(Var x, Term term) {
    const auto [array, beta] = x.grad_target();
    Real* dx = array.data();
    const std::size_t n = array.size();
    if (beta == 0) {
        for (std::size_t i = 0; i < n; ++i) dx[i] = term(i);
    } else {
        for (std::size_t i = 0; i < n; ++i) dx[i] += term(i);
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
