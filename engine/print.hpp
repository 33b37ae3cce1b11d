// Printing values and parameters as PyTorch prints tensors; `out << array` is declared with arrays. For people:
// io/npy.hpp writes every digit.
#pragma once

#include <iosfwd>

#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/tape.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// "Var([[1.0000, 2.5000]], needs_grad)". Throws std::logic_error for one whose tape has ended.
std::ostream& operator<<(std::ostream& out, const Var& x);

/// "Parameter([[1.0000, 2.5000]])", the values. Throws std::logic_error for an empty handle.
std::ostream& operator<<(std::ostream& out, const Parameter& parameter);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
