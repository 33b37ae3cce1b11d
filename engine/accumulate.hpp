// Adding to a gradient that may be the first to arrive: written then, where clearing it first would cost two passes.
#pragma once

#include <embergrad/engine/row_math.hpp>
#include <embergrad/engine/tape.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// dx[i] += term(i) for each element of x.
template <class Term>
void accumulate(Var x, Term term) {
    const auto [array, beta] = x.grad_target();
    put(array.data(), array.size(), beta != 0, term);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
