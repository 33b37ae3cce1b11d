// Initial values: the draws, and the bounds they are drawn within.
#include <embergrad/layers/init.hpp>

#include <algorithm>
#include <array>
#include <cmath>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::init {
namespace {

template <class Draw>
void fill(const Parameter& parameter, Draw draw) {
    Array& values = parameter.mutable_value();
    std::generate_n(values.data(), values.size(), [&] { return static_cast<Real>(draw()); });
}

double fan(const Parameter& parameter, Fan mode) {
    const Shape& shape = parameter.shape();
    require(shape.size() >= 2, "init: fan in and fan out need two axes at least, but the shape is ", shape);
    double fan = static_cast<double>(mode == Fan::in ? shape[1] : shape[0]);
    for (std::size_t axis = 2; axis < shape.size(); ++axis) fan *= static_cast<double>(shape[axis]);
    return fan;
}

double mean_fan(const Parameter& parameter) { return (fan(parameter, Fan::in) + fan(parameter, Fan::out)) / 2; }

double kaiming_std(const Parameter& parameter, const KaimingOptions& options) {
    return gain(options.nonlinearity, options.slope) / std::sqrt(fan(parameter, options.mode));
}

/// A uniform draw within sqrt(3) std has that standard deviation.
void uniform_with_std(const Parameter& parameter, Rng& rng, double std) {
    if (parameter.size() > 0) uniform(parameter, rng, -std::sqrt(3.0) * std, std::sqrt(3.0) * std);
}

void normal_with_std(const Parameter& parameter, Rng& rng, double std) {
    if (parameter.size() > 0) normal(parameter, rng, 0, std);
}

}  // namespace

void uniform(const Parameter& parameter, Rng& rng, double low, double high) {
    require(low <= high, "init::uniform: low ", low, " must not be above high ", high);
    const auto below_high = std::nextafter(static_cast<Real>(high), static_cast<Real>(low));
    fill(parameter, [&] {
        const auto draw = static_cast<Real>(rng.uniform(low, high));
        return draw < static_cast<Real>(high) ? draw : below_high;  // rounding to float may reach high
    });
}

void normal(const Parameter& parameter, Rng& rng, double mean, double std) {
    require(std >= 0, "init::normal: std must not be negative, but got ", std);
    fill(parameter, [&] { return mean + std * rng.normal(); });
}

void zeros(const Parameter& parameter) { constant(parameter, 0); }
void ones(const Parameter& parameter) { constant(parameter, 1); }

void constant(const Parameter& parameter, double value) {
    fill(parameter, [=] { return value; });
}

double gain(std::string_view nonlinearity, double slope) {
    constexpr std::array kOfGainOne{
        "linear", "sigmoid", "conv",  // and PyTorch's names for kinds of conv
        "conv1d", "conv2d",  "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"};
    if (std::find(kOfGainOne.begin(), kOfGainOne.end(), nonlinearity) != kOfGainOne.end()) return 1;
    if (nonlinearity == "tanh") return 5.0 / 3;
    if (nonlinearity == "relu") return std::sqrt(2.0);
    if (nonlinearity == "leaky_relu") return std::sqrt(2 / (1 + slope * slope));
    if (nonlinearity == "selu") return 0.75;
    fail<std::invalid_argument>("init::gain: unknown nonlinearity '", nonlinearity, "'");
}

void fan_in_uniform(const Parameter& parameter, Rng& rng) {
    const double bound = 1 / std::sqrt(fan(parameter, Fan::in));
    if (parameter.size() > 0) uniform(parameter, rng, -bound, bound);
}

void xavier_uniform(const Parameter& parameter, Rng& rng, double gain) {
    uniform_with_std(parameter, rng, gain / std::sqrt(mean_fan(parameter)));
}

void xavier_normal(const Parameter& parameter, Rng& rng, double gain) {
    normal_with_std(parameter, rng, gain / std::sqrt(mean_fan(parameter)));
}

void kaiming_uniform(const Parameter& parameter, Rng& rng, const KaimingOptions& options) {
    if (parameter.size() > 0) uniform_with_std(parameter, rng, kaiming_std(parameter, options));
}

void kaiming_normal(const Parameter& parameter, Rng& rng, const KaimingOptions& options) {
    if (parameter.size() > 0) normal_with_std(parameter, rng, kaiming_std(parameter, options));
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::init
