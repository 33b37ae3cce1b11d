// gradcheck: central differences of an asymmetric scalar.
#include <embergrad/engine/gradcheck.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Function = std::function<Var(Tape&)>;

/// Puts the values back, however gradcheck ends: f may throw, or write to a table (max_norm).
class ValuesGuard {
public:
    explicit ValuesGuard(const std::vector<Parameter>& inputs) : inputs_(inputs) {
        for (const Parameter& input : inputs) values_.push_back(input.value());
    }
    ValuesGuard(const ValuesGuard&) = delete;
    ValuesGuard& operator=(const ValuesGuard&) = delete;
    ~ValuesGuard() {
        for (std::size_t k = 0; k < inputs_.size(); ++k) inputs_[k].assign(values_[k]);
    }

private:
    const std::vector<Parameter>& inputs_;
    std::vector<Array> values_;
};

/// Weights between 0.5 and 1.5, no two alike.
Array asymmetric_weights(const Shape& shape) {
    Array weights(shape);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        weights.data()[i] = static_cast<Real>(0.5 + std::fmod(static_cast<double>(i + 1) * 0.6180339887498949, 1.0));
    }
    return weights;
}

/// The elements of f's result, each times its weight.
std::vector<double> evaluate(const Function& f, std::uint64_t seed) {
    Rng rng(seed);
    Tape tape({.record = false, .training = true, .rng = &rng});
    const Var out = f(tape);
    const Array weights = asymmetric_weights(out.shape());
    std::vector<double> weighted(out.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
        weighted[i] = static_cast<double>(weights.data()[i]) * static_cast<double>(out.value().data()[i]);
    }
    return weighted;
}

std::vector<Array> analytical_gradients(const Function& f, const std::vector<Parameter>& inputs, std::uint64_t seed) {
    for (const Parameter& input : inputs) input.zero_grad();
    Rng rng(seed);
    Tape tape(Mode::train, rng);
    const Var out = f(tape);
    if (out.needs_grad()) tape.backward(out, asymmetric_weights(out.shape()));
    std::vector<Array> gradients;
    for (const Parameter& input : inputs) {
        gradients.push_back(input.dense_grad());
        input.zero_grad();
    }
    return gradients;
}

/// A central difference, and how much of it may be rounding.
struct Derivative {
    double value = 0, noise = 0;
};

Derivative central_difference(const std::vector<double>& above, const std::vector<double>& below, double distance) {
    constexpr double kRoundings = 16;  // of a result, one after the other
    double difference = 0, moved = 0;  // what stands still adds no rounding
    for (std::size_t i = 0; i < above.size(); ++i) {
        difference += above[i] - below[i];
        if (above[i] != below[i]) moved += std::abs(above[i]) + std::abs(below[i]);
    }
    const double rounding = kRoundings * static_cast<double>(std::numeric_limits<Real>::epsilon()) / 2;
    return {difference / distance, rounding * moved / distance};
}

Derivative numerical_derivative(const Function& f, const Parameter& input, std::size_t i, double step,
                                std::uint64_t seed) {
    const Real x = input.value().data()[i];
    const Real high = x + static_cast<Real>(step), low = x - static_cast<Real>(step);
    input.mutable_value().data()[i] = high;
    const std::vector<double> above = evaluate(f, seed);
    input.mutable_value().data()[i] = low;
    const std::vector<double> below = evaluate(f, seed);
    input.mutable_value().data()[i] = x;
    return central_difference(above, below, static_cast<double>(high - low));  // the step that was really made
}

constexpr double kTolerance = sizeof(Real) == 8 ? 1e-6 : 2e-2;

/// The error of one element. Relative to the gradient itself or, where that is small, to the largest of the input (but
/// no more than 1); what may be rounding is within the tolerance.
double relative_error(double analytical, const Derivative& numerical, double largest) {
    const double error = std::abs(analytical - numerical.value);
    if (error == 0) return 0;
    return error / std::max({std::abs(numerical.value), std::min(largest, 1.0), numerical.noise / kTolerance});
}

/// Looks for an error larger than the worst so far.
void compare(std::size_t k, const Shape& shape, const Array& analytical, const std::vector<Derivative>& numerical,
             GradcheckResult& result) {
    double largest = 0;
    for (const Derivative& derivative : numerical) largest = std::max(largest, std::abs(derivative.value));
    for (std::size_t i = 0; i < numerical.size(); ++i) {
        const auto gradient = static_cast<double>(analytical.data()[i]);
        const double error = relative_error(gradient, numerical[i], largest);
        if (error <= result.worst || std::isnan(result.worst)) continue;  // a NaN is reported, and stays
        result.worst = error;
        result.message = "input " + std::to_string(k) + " at " + position_text(i, shape) + ": analytical " +
                         number_text(gradient) + ", numerical " + number_text(numerical[i].value);
    }
}

}  // namespace

GradcheckResult gradcheck(const Function& f, const std::vector<Parameter>& inputs, const GradcheckOptions& options) {
    require(!inputs.empty(), "gradcheck: there are no inputs to check");
    for (const Parameter& input : inputs) {
        require(input.requires_grad(), "gradcheck: an input of shape ", input.shape(), " has requires_grad off");
    }
    const bool is_double = sizeof(Real) == 8;
    const double step = options.step > 0 ? options.step : (is_double ? 1e-5 : 1e-2);
    const double tolerance = options.tolerance > 0 ? options.tolerance : kTolerance;

    const ValuesGuard guard(inputs);
    GradcheckResult result;
    const std::vector<Array> gradients = analytical_gradients(f, inputs, options.seed);
    for (std::size_t k = 0; k < inputs.size(); ++k) {
        std::vector<Derivative> numerical(inputs[k].size());
        for (const FlatRange& run : inputs[k].trainable_runs()) {  // frozen rows are constants: 0 elsewhere
            for (std::size_t i = run.begin; i < run.end; ++i) {
                const double x = std::abs(static_cast<double>(inputs[k].value().data()[i]));
                numerical[i] = numerical_derivative(f, inputs[k], i, step * std::max(1.0, x), options.seed);
            }
        }
        compare(k, inputs[k].shape(), gradients[k], numerical, result);
    }
    result.ok = result.worst <= tolerance;
    return result;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
