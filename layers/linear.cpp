// Linear: its weights, their draw, and one call to an op.
#include <embergrad/layers/linear.hpp>

#include <cmath>
#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/layers/init.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

Linear::Linear(Extent in_features, Extent out_features, Rng& rng, const LinearOptions& options) {
    require(in_features.value() >= 0 && out_features.value() >= 0, "Linear: sizes must not be negative, but got ",
            in_features.value(), " and ", out_features.value());
    const auto in = static_cast<std::size_t>(in_features.value());
    const auto out = static_cast<std::size_t>(out_features.value());
    weight_ = Parameter(zeros(Shape{out, in}));
    if (options.bias) bias_ = Parameter(zeros(Shape{out}));
    if (in == 0) return;  // zeros
    init::fan_in_uniform(weight_, rng);
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    if (bias_.defined()) init::uniform(bias_, rng, -bound, bound);
}

Linear::Linear(Parameter weight, Parameter bias) : weight_(std::move(weight)), bias_(std::move(bias)) {
    require(weight_.defined(), "Linear: the weight is an empty handle; construct it from an array");
    require(weight_.shape().size() == 2, "Linear: the weight must be (out, in), not ", weight_.shape());
    require(!bias_.defined() || bias_.shape() == Shape{out_features()}, "Linear: the bias for a weight of shape ",
            weight_.shape(), " must be ", Shape{out_features()}, ", not ", bias_.defined() ? bias_.shape() : Shape{});
}

Linear Linear::from_weights(Array weight) { return Linear(Parameter(std::move(weight))); }

Linear Linear::from_weights(Array weight, Array bias) {
    return Linear(Parameter(std::move(weight)), Parameter(std::move(bias)));
}

Var Linear::operator()(Var x) const {
    Tape& tape = x.tape();
    return bias_.defined() ? linear(x, tape.leaf(weight_), tape.leaf(bias_)) : linear(x, tape.leaf(weight_));
}

void Linear::visit(const Visitor& visit) const {
    visit("weight", weight_, Role::parameter);
    if (bias_.defined()) visit("bias", bias_, Role::parameter);
}

std::string Linear::describe() const {
    return "Linear(" + std::to_string(in_features()) + ", " + std::to_string(out_features()) +
           (bias_.defined() ? ")" : ", bias=false)");
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
