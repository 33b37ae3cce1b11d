// gradcheck: compares the gradients of an op, a layer or a model with central differences.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/tape.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct GradcheckOptions {
    /// Half the distance of the two evaluations, times max(1, |x|). 0: what suits the precision.
    double step = 0;
    /// The largest relative error that passes: |analytical - numerical| / |numerical|, where a gradient smaller than
    /// the input's largest (or than 1, if that is smaller) counts as that. 0: 1e-6 in double, 2e-2 in float, and a
    /// difference that may be rounding of f's result passes.
    double tolerance = 0;
    /// Of the tape's Rng, the same for each evaluation: dropout is checked too.
    std::uint64_t seed = 0;
};

struct GradcheckResult {
    bool ok = true;
    double worst = 0;     ///< the largest relative error
    std::string message;  ///< where it is, and the two numbers: "input 1 at (3, 0): analytical 0.5, numerical 0.25"
    explicit operator bool() const { return ok; }
};

/// Compares the gradients of f's result with central differences, for every element of every input: every row of a
/// table, not only those looked up. A result with several elements is made a scalar with weights that all differ, since
/// equal ones hide transposed and exchanged gradients. Gradients by rows are compared as dense ones.
/// Inputs that f does not use, and frozen rows, must get no gradient. Their values are as before when it returns; their
/// gradients are dropped. Meant for the library built in double. Throws std::invalid_argument for an input that has
/// requires_grad off.
GradcheckResult gradcheck(const std::function<Var(Tape&)>& f, const std::vector<Parameter>& inputs,
                          const GradcheckOptions& options = {});

}  // namespace embergrad::inline EMBERGRAD_PRECISION
