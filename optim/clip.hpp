// Gradient clipping, between backward and step.
#pragma once

#include <vector>

#include <embergrad/engine/parameter.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Scales all gradients together by min(1, max_norm / (N + 1e-6)), where N is the norm of all of them as one vector
/// (Pascanu et al. 2013), and returns N as it was before. `norm_type` q > 0 gives N = (sum |g|^q)^(1/q), infinity the
/// largest |g|. A row that comes several times in a gradient counts with its sum. Parameters that are frozen or have
/// no gradient are left out, and so are frozen rows; none at all: 0. When nothing is to be scaled, no value of a
/// gradient changes. Throws std::invalid_argument if max_norm is negative or NaN, norm_type is not positive, or a
/// parameter comes twice; with `error_if_nonfinite`, std::runtime_error if N is infinite or NaN. The gradients are
/// unchanged then.
double clip_grad_norm(const std::vector<Parameter>& parameters, double max_norm, double norm_type = 2,
                      bool error_if_nonfinite = false);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
