// Linear: y = x W^T + b.
#pragma once

#include <cstdint>
#include <string>

#include <embergrad/engine/rng.hpp>
#include <embergrad/layers/extent.hpp>
#include <embergrad/layers/module.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct LinearOptions {
    bool bias = true;
};

/// x: (..., in) -> (..., out). Parameters: "weight" (out, in) and "bias" (out), both drawn uniformly within
/// 1 / sqrt(in), as PyTorch does.
class Linear : public Layer {
public:
    /// Throws std::invalid_argument for negative sizes.
    Linear(Extent in_features, Extent out_features, Rng& rng, const LinearOptions& options = {});

    Var operator()(Var x) const override;

    const Parameter& weight() const { return weight_; }
    /// Not defined() if the layer has none.
    const Parameter& bias() const { return bias_; }
    std::size_t in_features() const { return weight_.shape()[1]; }
    std::size_t out_features() const { return weight_.shape()[0]; }

    void visit(const Visitor& visit) const override;
    /// "Linear(128, 64)": in and out.
    std::string describe() const override;

private:
    Parameter weight_;  // (out, in)
    Parameter bias_;    // (out)
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
