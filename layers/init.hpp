// Initial values: free functions on a parameter, in place, as torch.nn.init has them. They overwrite every row; it is
// the Embedding layer that keeps its padding row zero.
#pragma once

#include <string_view>

#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/rng.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::init {

/// Uniform in [low, high). Throws std::invalid_argument if low > high.
void uniform(const Parameter& parameter, Rng& rng, double low = 0, double high = 1);
/// Normal. Throws std::invalid_argument if std is negative.
void normal(const Parameter& parameter, Rng& rng, double mean = 0, double std = 1);
void zeros(const Parameter& parameter);
void ones(const Parameter& parameter);
void constant(const Parameter& parameter, double value);

// Below: fan_in is the second extent, fan_out the first, each times the extents behind the second: for a Linear weight
// (out, in) that is what their names say; for an Embedding table (V, D) fan_in = D and fan_out = V. Fewer than two axes
// throw std::invalid_argument.

enum class Fan { in, out };

/// The factor recommended for a nonlinearity: 1 for "linear", "sigmoid" and "conv" (also "conv1d" to
/// "conv_transpose3d"), 5/3 for "tanh", sqrt(2) for "relu", sqrt(2 / (1 + slope^2)) for "leaky_relu", 3/4 for "selu".
/// Throws std::invalid_argument for others.
double gain(std::string_view nonlinearity, double slope = 0.01);

/// Uniform within 1 / sqrt(fan_in), the scale of PyTorch's Linear: for a table, 1 / sqrt(D).
void fan_in_uniform(const Parameter& parameter, Rng& rng);
/// Uniform within gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010).
void xavier_uniform(const Parameter& parameter, Rng& rng, double gain = 1);
/// Normal with std gain * sqrt(2 / (fan_in + fan_out)).
void xavier_normal(const Parameter& parameter, Rng& rng, double gain = 1);

struct KaimingOptions {
    double slope = 0;  ///< of leaky_relu
    Fan mode = Fan::in;
    std::string_view nonlinearity = "leaky_relu";
};
/// Uniform within gain * sqrt(3 / fan) (He et al., 2015).
void kaiming_uniform(const Parameter& parameter, Rng& rng, const KaimingOptions& options = {});
/// Normal with std gain / sqrt(fan).
void kaiming_normal(const Parameter& parameter, Rng& rng, const KaimingOptions& options = {});

}  // namespace embergrad::inline EMBERGRAD_PRECISION::init
