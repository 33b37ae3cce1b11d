// The Linear layer: its draw, its names, its shapes. What it computes is tested with the op.
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/linear.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

TEST_CASE("linear layer: weight and bias are drawn within 1 / sqrt(in) [3.4]") {
    Rng rng(1);
    const Linear layer(16, 3000, rng);
    CHECK(layer.in_features() == 16);
    CHECK(layer.out_features() == 3000);
    CHECK(layer.weight().shape() == Shape{3000, 16});
    CHECK(layer.bias().shape() == Shape{3000});
    for (const Parameter& p : layer.parameters()) {
        double squares = 0, largest = 0;
        for (Real x : p.value()) {
            squares += static_cast<double>(x * x);
            largest = std::max(largest, std::abs(static_cast<double>(x)));
        }
        CHECK(largest <= 0.25);
        CHECK(largest > 0.249);
        CHECK(std::abs(squares / static_cast<double>(p.size()) - 0.25 * 0.25 / 3) < 0.002);
    }
}

TEST_CASE("linear layer: names") {
    Rng rng(2);
    const Linear with(3, 2, rng), without(3, 2, rng, {.bias = false});
    REQUIRE(with.named_parameters().size() == 2);
    CHECK(with.named_parameters()[0].first == "weight");
    CHECK(with.named_parameters()[1].first == "bias");
    REQUIRE(without.named_parameters().size() == 1);
    CHECK_FALSE(without.bias().defined());
    CHECK(with.parameter_count() == 8);
    CHECK(without.parameter_count() == 6);
}

TEST_CASE("linear layer: any leading shape, none and 0 included [3.1]") {
    Rng rng(3);
    const Linear layer(4, 2, rng);
    Tape tape;
    CHECK(layer(tape.constant(ones({4}))).shape() == Shape{2});
    CHECK(layer(tape.constant(ones({3, 4}))).shape() == Shape{3, 2});
    CHECK(layer(tape.constant(ones({0, 4}))).shape() == Shape{0, 2});
    const Array x = wave({2, 3, 4});
    const Var cube = layer(tape.constant(x));
    CHECK(cube.shape() == Shape{2, 3, 2});
    const Var flat = layer(reshape(tape.constant(x), {6, 4}));
    check_same(reshape(cube, {6, 2}).value(), flat.value());
}

TEST_CASE("linear layer: y = x W^T + b [3.1]") {
    Rng rng(4);
    const Linear layer(3, 2, rng);
    layer.weight().assign(array({2, 3}, {1, 2, 3, 4, 5, 6}));
    layer.bias().assign(array({2}, {10, 20}));
    Tape tape;
    check_near(layer(tape.constant(array({2, 3}, {1, 0, -1, 2, 1, 0}))).value(), {8, 18, 14, 33}, 0);
}

TEST_CASE("linear layer: gradient of input, weight and bias, used twice [3.2]") {
    Rng rng(5);
    const Linear layer(3, 3, rng), no_bias(3, 2, rng, {.bias = false});
    const Parameter x = random_parameter({4, 3}, rng);
    std::vector<Parameter> inputs = layer.parameters();
    inputs.push_back(x);
    check_gradient(inputs, [&](Tape& tape) { return layer(layer(tape.leaf(x))); });
    check_gradient({no_bias.weight(), x}, [&](Tape& tape) { return no_bias(tape.leaf(x)); });
}

TEST_CASE("linear layer: no inputs are legal: zeros, and no draw [3.1] [3.4]") {
    Rng rng(6);
    const Linear layer(0, 3, rng);
    CHECK(rng() == Rng(6)());
    check_same(layer.bias().value(), zeros({3}));
    Tape tape;
    const Var y = layer(tape.constant(ones({2, 0})));
    check_same(y.value(), zeros({2, 3}));
    tape.backward(sum(y));
    check_same(layer.bias().grad(), full({3}, 2));
    const Linear no_outputs(3, 0, rng);
    CHECK(no_outputs(tape.constant(ones({2, 3}))).shape() == Shape{2, 0});
}

TEST_CASE("linear layer: what it refuses [3.3]") {
    Rng rng(7);
    check_refused<std::invalid_argument>([&] { Linear(-1, 2, rng); },
                                         "Linear: sizes must not be negative, but got -1 and 2");
    check_refused<std::invalid_argument>([&] { Linear(2, -1, rng); },
                                         "Linear: sizes must not be negative, but got 2 and -1");
    CHECK_THROWS_AS(Linear(std::int64_t{1} << 40, std::int64_t{1} << 40, rng), std::invalid_argument);
    const Linear layer(3, 2, rng);
    Tape tape;
    check_refused<std::invalid_argument>(
        [&] {
            layer(tape.constant(ones({4, 5})));
        },
        "linear: cannot apply a weight of shape (2, 3) to an input of shape (4, 5)");
    check_refused<std::invalid_argument>([&] { layer(tape.constant(ones({}))); },
                                         "linear: cannot apply a weight of shape (2, 3) to an input of shape ()");
}

TEST_CASE("linear layer: around parameters that are there already, which it shares") {
    Rng rng(8);
    const Embedding embedding(5, 3, rng);
    const Parameter bias(ones({5}), false);
    const Linear head(embedding.weight()), with_bias(embedding.weight(), bias);
    CHECK(head.weight() == embedding.weight());
    CHECK(head.in_features() == 3);
    CHECK(head.out_features() == 5);
    CHECK_FALSE(head.bias().defined());
    CHECK(head.describe() == "Linear(3, 5, bias=false)");
    CHECK(with_bias.bias() == bias);
    CHECK_FALSE(with_bias.bias().requires_grad());
    embedding.weight().assign(array({5, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}));
    Tape tape;
    const Var x = tape.constant(array({3}, {1, 0, -1}));
    check_near(head(x).value(), {-2, -2, -2, -2, -2}, 0);
    check_near(with_bias(x).value(), {-1, -1, -1, -1, -1}, 0);
}

TEST_CASE("linear layer: from given values, which are trained") {
    const Array weight = array({2, 3}, {1, 2, 3, 4, 5, 6}), bias = array({2}, {10, 20});
    const Linear layer = Linear::from_weights(weight, bias), without = Linear::from_weights(weight);
    Tape tape;
    const Var x = tape.constant(array({1, 3}, {1, 0, -1}));
    check_near(layer(x).value(), {8, 18}, 0);
    check_near(without(x).value(), {-2, -2}, 0);
    CHECK(layer.weight().value().data() != weight.data());
    CHECK(layer.parameters().size() == 2);
    CHECK(without.parameters().size() == 1);
    for (const Parameter& p : layer.parameters()) CHECK(p.requires_grad());
    CHECK(Linear::from_weights(zeros({0, 3}), zeros({0})).out_features() == 0);
}

TEST_CASE("linear layer: weights that do not fit are refused with their shapes") {
    const Parameter weight(ones({2, 3}));
    check_refused<std::invalid_argument>([&] { Linear{Parameter()}; },
                                         "Linear: the weight is an empty handle; construct it from an array");
    check_refused<std::invalid_argument>([&] { Linear(Parameter(ones({3}))); },
                                         "Linear: the weight must be (out, in), not (3,)");
    check_refused<std::invalid_argument>([&] { Linear(weight, Parameter(ones({3}))); },
                                         "Linear: the bias for a weight of shape (2, 3) must be (2,), not (3,)");
    check_refused<std::invalid_argument>(
        [&] {
            Linear(weight, Parameter(ones({1, 2})));
        },
        "Linear: the bias for a weight of shape (2, 3) must be (2,), not (1, 2)");
    check_refused<std::invalid_argument>(
        [&] {
            Linear::from_weights(ones({2, 3, 1}));
        },
        "Linear: the weight must be (out, in), not (2, 3, 1)");
    check_refused<std::invalid_argument>(
        [&] {
            Linear::from_weights(ones({2, 3}), ones({}));
        },
        "Linear: the bias for a weight of shape (2, 3) must be (2,), not ()");
}
