// gradcheck: central differences of an asymmetric scalar.
#include <embergrad/engine/gradcheck.hpp>

#include <algorithm>
#include <cmath>

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

double evaluate(const Function& f, std::uint64_t seed) {
    Rng rng(seed);
    Tape tape({.record = false, .training = true, .rng = &rng});
    const Var out = f(tape);
    const Array weights = asymmetric_weights(out.shape());
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        sum += static_cast<double>(weights.data()[i]) * static_cast<double>(out.value().data()[i]);
    }
    return sum;
}

/// The gradient of an input as a dense array; zeros if it got none.
Array dense_gradient(const Parameter& input) {
    Array gradient = zeros(input.shape());
    if (input.gradient_kind() == GradientKind::dense) gradient = input.grad();
    if (input.gradient_kind() == GradientKind::rows) input.row_grad().add_to(gradient);
    return gradient;
}

std::vector<Array> analytical_gradients(const Function& f, const std::vector<Parameter>& inputs, std::uint64_t seed) {
    for (const Parameter& input : inputs) input.zero_grad();
    Rng rng(seed);
    Tape tape(Mode::train, rng);
    const Var out = f(tape);
    if (out.needs_grad()) tape.backward(out, asymmetric_weights(out.shape()));
    std::vector<Array> gradients;
    for (const Parameter& input : inputs) {
        gradients.push_back(dense_gradient(input));
        input.zero_grad();
    }
    return gradients;
}

double numerical_derivative(const Function& f, const Parameter& input, std::size_t i, double step, std::uint64_t seed) {
    const Real x = input.value().data()[i];
    const Real high = x + static_cast<Real>(step), low = x - static_cast<Real>(step);
    input.mutable_value().data()[i] = high;
    const double above = evaluate(f, seed);
    input.mutable_value().data()[i] = low;
    const double below = evaluate(f, seed);
    input.mutable_value().data()[i] = x;
    return (above - below) / static_cast<double>(high - low);  // the step that was really made
}

/// What a difference is divided by is at least this: differences of smaller gradients are mostly rounding.
constexpr double kSmallGradient = sizeof(Real) == 8 ? 1e-3 : 1;

/// Looks for an error larger than the worst so far. Relative to the gradient itself or, where that is small, to the
/// largest of the input (but no more than 1).
void compare(std::size_t k, const Shape& shape, const Array& analytical, const std::vector<double>& numerical,
             GradcheckResult& result) {
    double largest = 0;
    for (double gradient : numerical) largest = std::max(largest, std::abs(gradient));
    const double scale = std::max(std::min(largest, 1.0), kSmallGradient);
    for (std::size_t i = 0; i < numerical.size(); ++i) {
        const auto gradient = static_cast<double>(analytical.data()[i]);
        const double error = std::abs(gradient - numerical[i]) / std::max(scale, std::abs(numerical[i]));
        if (error <= result.worst || std::isnan(result.worst)) continue;  // a NaN is reported, and stays
        result.worst = error;
        result.message = "input " + std::to_string(k) + " at " + position_text(i, shape) + ": analytical " +
                         number_text(gradient) + ", numerical " + number_text(numerical[i]);
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
    const double tolerance = options.tolerance > 0 ? options.tolerance : (is_double ? 1e-6 : 2e-2);

    const ValuesGuard guard(inputs);
    GradcheckResult result;
    const std::vector<Array> gradients = analytical_gradients(f, inputs, options.seed);
    for (std::size_t k = 0; k < inputs.size(); ++k) {
        std::vector<double> numerical(inputs[k].size());
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
