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
    /// Around weights that are there already, which it shares: `Linear head(embedding.weight())` ties the two. weight:
    /// (out, in), bias: (out), or not defined() for a layer without one. Throws std::invalid_argument for other shapes.
    explicit Linear(Parameter weight, Parameter bias = {});

    /// Takes given values, (out, in) and (out), to be trained; without a bias, the layer has none. Errors as above.
    static Linear from_weights(Array weight);
    static Linear from_weights(Array weight, Array bias);

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
