// Gradient clipping between backward and step: clip_grad_norm and clip_grad_value.
#pragma once

#include <vector>

#include <embergrad/engine/parameter.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

// For both: a row that comes several times in a gradient counts with its sum (the gradient is coalesced). Parameters
// that are frozen or have no gradient are left out, and so are frozen rows.

/// Scales all gradients together by min(1, max_norm / (N + 1e-6)), where N is the norm of all of them as one vector
/// (Pascanu et al. 2013), and returns N as it was before. `norm_type` q gives N = (sum |g|^q)^(1/q); infinity the
/// largest |g|, minus infinity the smallest; 0 the number of parameters whose gradient is not all 0, as PyTorch's
/// norm of norms. Of a gradient by rows only its rows count, which matters where q < 0. No gradients at all: 0. When
/// nothing is to be scaled, no value of a gradient changes.
/// Throws std::invalid_argument if max_norm is negative or NaN, norm_type is NaN, or a parameter comes twice; with
/// `error_if_nonfinite`, std::runtime_error if N is infinite or NaN. No value of a gradient is changed then.
double clip_grad_norm(const std::vector<Parameter>& parameters, double max_norm, double norm_type = 2,
                      bool error_if_nonfinite = false);

/// Puts every value of the gradients between -clip_value and clip_value; NaN stays.
/// Throws std::invalid_argument if clip_value is negative or NaN, or a parameter comes twice; nothing is changed then.
void clip_grad_value(const std::vector<Parameter>& parameters, double clip_value);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
