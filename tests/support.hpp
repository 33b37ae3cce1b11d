// What the tests of ops share: arrays and gradient checks in a line, PyTorch's numbers, naive twins, exact refusals.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <string>
#include <typeinfo>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/gradcheck.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/rng.hpp>
#include <embergrad/engine/tape.hpp>

namespace embergrad::testing {

using Vars = std::vector<Var>;
using Function = std::function<Var(const Vars&)>;

inline constexpr bool kDouble = sizeof(Real) == 8;
/// How near a number computed in double (by PyTorch, or by a naive twin) must be, relative to max(1, |it|).
inline constexpr double kNear = kDouble ? 1e-12 : 1e-5;
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInf = std::numeric_limits<double>::infinity();

// ---- arrays in a line ----------------------------------------------------------------------------------------------

inline Array array(const Shape& shape, const std::vector<double>& values) {
    REQUIRE(element_count(shape) == values.size());
    Array result(shape);
    for (std::size_t i = 0; i < values.size(); ++i) result.data()[i] = static_cast<Real>(values[i]);
    return result;
}

/// Element i is sin(i + 1 + phase): the inputs of tests/reference/ops.py.
inline Array wave(const Shape& shape, double phase = 0) {
    Array result(shape);
    for (std::size_t i = 0; i < result.size(); ++i)
        result.data()[i] = static_cast<Real>(std::sin(static_cast<double>(i + 1) + phase));
    return result;
}

inline Array random_array(const Shape& shape, Rng& rng, double low = -1, double high = 1) {
    Array result(shape);
    for (std::size_t i = 0; i < result.size(); ++i) result.data()[i] = static_cast<Real>(rng.uniform(low, high));
    return result;
}

inline Parameter random_parameter(const Shape& shape, Rng& rng, double low = -1, double high = 1) {
    return Parameter(random_array(shape, rng, low, high));
}

inline double element(const Array& values, std::size_t i) { return static_cast<double>(values.data()[i]); }

/// Every element with a weight of its own, as one number (`digest` of ops.py).
inline double digest(const Array& values) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
        sum += element(values, i) * std::sin(static_cast<double>(i + 1) + 20);
    return sum;
}

/// The weights of the reference scripts' models: wave(shape, 0), wave(shape, 1) and so on.
inline void assign_waves(const std::vector<Parameter>& parameters) {
    for (std::size_t i = 0; i < parameters.size(); ++i)
        parameters[i].assign(wave(parameters[i].shape(), static_cast<double>(i)));
}

/// The gradient as a dense array; zeros if there is none.
inline Array dense_gradient(const Parameter& parameter) {
    Array gradient = zeros(parameter.shape());
    if (parameter.gradient_kind() == GradientKind::dense) gradient = parameter.grad();
    if (parameter.gradient_kind() == GradientKind::rows) parameter.row_grad().add_to(gradient);
    return gradient;
}

// ---- comparisons; `line` is the caller's ---------------------------------------------------------------------------

/// NaN is near NaN, and an infinity near itself.
inline bool is_near(double actual, double expected, double tolerance = kNear) {
    if (std::isnan(expected)) return std::isnan(actual);
    if (std::isinf(expected)) return actual == expected;
    return std::abs(actual - expected) <= tolerance * std::max(1.0, std::abs(expected));
}

inline void check_near(const Array& actual, const std::vector<double>& expected, double tolerance = kNear,
                       int line = __builtin_LINE()) {
    INFO("called from line ", line);
    REQUIRE(actual.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK_MESSAGE(is_near(element(actual, i), expected[i], tolerance), "element ", i, ": ", element(actual, i),
                      " should be ", expected[i]);
    }
}

inline void check_arrays_near(const Array& actual, const Array& expected, double tolerance = kNear,
                              int line = __builtin_LINE()) {
    INFO("called from line ", line);
    CHECK(to_string(actual.shape()) == to_string(expected.shape()));
    check_near(actual, std::vector<double>(expected.begin(), expected.end()), tolerance, line);
}

/// The gradient of each parameter, whichever kind it is.
inline void check_gradients_near(const std::vector<Parameter>& parameters,
                                 const std::vector<std::vector<double>>& expected, int line = __builtin_LINE()) {
    REQUIRE(parameters.size() == expected.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        INFO("parameter ", i);
        check_near(dense_gradient(parameters[i]), expected[i], kNear, line);
    }
}

/// The same shape and the same bits.
inline void check_same(const Array& actual, const Array& expected, int line = __builtin_LINE()) {
    INFO("called from line ", line);
    CHECK(to_string(actual.shape()) == to_string(expected.shape()));
    REQUIRE(actual.size() == expected.size());
    const std::size_t bytes = actual.size() * sizeof(Real);
    CHECK((bytes == 0 || std::memcmp(actual.data(), expected.data(), bytes) == 0));
}

inline void check_ids(const IdArray& actual, const Shape& shape, const std::vector<std::int64_t>& expected,
                      int line = __builtin_LINE()) {
    INFO("called from line ", line);
    CHECK(to_string(actual.shape()) == to_string(shape));
    CHECK(std::vector<std::int64_t>(actual.begin(), actual.end()) == expected);
}

// ---- refusals ------------------------------------------------------------------------------------------------------

/// f() must throw exactly `Error` (not a class derived from it) with this text.
template <class Error, class F>
void check_refused(F f, const std::string& message, int line = __builtin_LINE()) {
    INFO("called from line ", line);
    try {
        f();
        FAIL_CHECK("nothing was thrown, not even: ", message);
    } catch (const std::exception& error) {
        CHECK(std::string(error.what()) == message);
        const bool right_type = typeid(error) == typeid(Error);
        CHECK_MESSAGE(right_type, "thrown was ", typeid(error).name());
    }
}

// ---- an op's test in three lines -----------------------------------------------------------------------------------

inline void check_gradient(const std::vector<Parameter>& inputs, const std::function<Var(Tape&)>& f,
                           const GradcheckOptions& options = {}, int line = __builtin_LINE()) {
    const GradcheckResult result = gradcheck(f, inputs, options);
    CHECK_MESSAGE(result.ok, "called from line ", line, ": ", result.message);
}

struct Range {
    double low = -1, high = 1;
    std::uint64_t seed = 1;
};

/// Gradcheck of f at random inputs of these shapes. In float gradcheck's own tolerance is 2e-2: it finds what is
/// wrong, not what is imprecise.
inline void check_op(const std::vector<Shape>& shapes, const Function& f, Range range = {},
                     int line = __builtin_LINE()) {
    std::string text = "seed " + std::to_string(range.seed) + ", inputs";
    Rng rng(range.seed);
    std::vector<Parameter> inputs;
    for (const Shape& shape : shapes) {
        inputs.push_back(random_parameter(shape, rng, range.low, range.high));
        text += " " + to_string(shape);
    }
    INFO(text);
    const auto on_tape = [&](Tape& tape) {
        Vars leaves;
        for (const Parameter& input : inputs) leaves.push_back(tape.leaf(input));
        return f(leaves);
    };
    check_gradient(inputs, on_tape, {}, line);
}

/// The value of f, then the gradient of each input.
inline std::vector<Array> run(const std::vector<Array>& inputs, const Function& f, const Array* upstream = nullptr) {
    std::vector<Parameter> parameters(inputs.begin(), inputs.end());
    Tape tape;
    Vars leaves;
    for (const Parameter& parameter : parameters) leaves.push_back(tape.leaf(parameter));
    const Var y = f(leaves);
    std::vector<Array> results{y.value()};
    tape.backward(y, upstream != nullptr ? *upstream : wave(y.shape(), 10));
    for (const Parameter& parameter : parameters) results.push_back(dense_gradient(parameter));
    return results;
}

/// What `show_op` of ops.py prints: the value, then the gradient of each input from the upstream gradient
/// wave(shape, 10).
inline void check_numbers(const std::vector<Array>& inputs, const Function& f,
                          const std::vector<std::vector<double>>& expected, int line = __builtin_LINE()) {
    const std::vector<Array> results = run(inputs, f);
    REQUIRE(results.size() == expected.size());
    for (std::size_t k = 0; k < expected.size(); ++k) {
        INFO((k == 0 ? "the value" : "the gradient of an input"), " ", k);
        check_near(results[k], expected[k], kNear, line);
    }
}

/// The values of a leaf change between forward and backward: backward refuses, and no input has a gradient.
inline void check_refuses_changed(const std::vector<Array>& inputs, std::size_t changed, const Function& f,
                                  int line = __builtin_LINE()) {
    std::vector<Parameter> parameters(inputs.begin(), inputs.end());
    Tape tape;
    Vars leaves;
    for (const Parameter& parameter : parameters) leaves.push_back(tape.leaf(parameter));
    const Var y = f(leaves);
    parameters[changed].mutable_value();
    check_refused<std::logic_error>(
        [&] { tape.backward(y, ones(y.shape())); },
        "backward: the values of a parameter of shape " + to_string(inputs[changed].shape()) +
            " are needed but have changed since forward (version 0, now 1); step the optimizer after backward",
        line);
    for (const Parameter& parameter : parameters) CHECK(!parameter.has_gradient());
}

/// The same, where the gradient does not need those values.
inline void check_allows_changed(const std::vector<Array>& inputs, std::size_t changed, const Function& f,
                                 int line = __builtin_LINE()) {
    INFO("called from line ", line);
    const std::vector<Array> expected = run(inputs, f);
    std::vector<Parameter> parameters(inputs.begin(), inputs.end());
    Tape tape;
    Vars leaves;
    for (const Parameter& parameter : parameters) leaves.push_back(tape.leaf(parameter));
    const Var y = f(leaves);
    Array& values = parameters[changed].mutable_value();
    std::fill(values.begin(), values.end(), Real{9});
    tape.backward(y, wave(y.shape(), 10));
    for (std::size_t k = 0; k < parameters.size(); ++k) check_same(dense_gradient(parameters[k]), expected[k + 1]);
}

}  // namespace embergrad::testing
