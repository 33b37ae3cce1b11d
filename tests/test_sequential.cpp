// Sequential, and the layers without parameters that it is mostly made of.
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/layers/dropout.hpp>
#include <embergrad/layers/linear.hpp>
#include <embergrad/layers/relu.hpp>
#include <embergrad/layers/sequential.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

/// A layer of the user's own: x + its number.
class Plus : public Layer {
public:
    explicit Plus(Real number) : number_(number) {}
    Var operator()(Var x) const override { return x + number_; }
    void visit(const Visitor&) const override {}

private:
    Real number_;
};

class Times : public Layer {
public:
    explicit Times(Real factor) : factor_(factor) {}
    Var operator()(Var x) const override { return x * factor_; }
    void visit(const Visitor&) const override {}

private:
    Real factor_;
};

Real applied(const Layer& layer, Real x) {
    Tape tape(Mode::eval);
    return layer(tape.constant(full({}, x))).item();
}

}  // namespace

TEST_CASE("sequential: layers apply in their order") {
    const Sequential layers(Plus(1), Times(10), Plus(2));
    CHECK(applied(layers, 3) == 42);
    CHECK(layers.size() == 3);
    CHECK(applied(layers[1], 3) == 30);
    check_refused<std::out_of_range>([&] { layers[3]; }, "Sequential: layer 3 does not exist among 3");
}

TEST_CASE("sequential: empty, it is the identity") {
    const Sequential nothing;
    CHECK(nothing.size() == 0);
    Tape tape;
    const Var x = tape.constant(ones({2}));
    CHECK(nothing(x).value().data() == x.value().data());
    CHECK(nothing.parameters().empty());
    check_refused<std::out_of_range>([&] { nothing[0]; }, "Sequential: layer 0 does not exist among 0");
}

TEST_CASE("sequential: grows by append, nests, and is copied as a whole") {
    Sequential layers;
    layers.append(Plus(1));
    const Times lvalue(3);
    layers.append(lvalue);
    CHECK(applied(layers, 1) == 6);
    Sequential nested(layers, Plus(1));
    CHECK(nested.size() == 2);
    CHECK(applied(nested, 1) == 7);
    const Sequential copy(nested);  // a copy, not a Sequential of one Sequential
    CHECK(copy.size() == 2);
    Sequential inside;
    inside.append(copy);
    CHECK(inside.size() == 1);
    CHECK(applied(inside, 1) == 7);
}

TEST_CASE("sequential: parameters are named after their place; layers without any count [11.1]") {
    Rng rng(1);
    const Sequential mlp(Dropout(0.5), Linear(4, 3, rng), ReLU(), Linear(3, 2, rng, {.bias = false}));
    std::vector<std::string> names;
    for (const auto& [name, parameter] : mlp.named_parameters()) names.push_back(name);
    CHECK(names == std::vector<std::string>{"1.weight", "1.bias", "3.weight"});
    CHECK(mlp.parameter_count() == 12 + 3 + 6);
}

TEST_CASE("sequential: a layer given by name shares its weights with the one inside [11.3]") {
    Rng rng(2);
    const Linear layer(2, 2, rng);
    const Sequential twice(layer, layer);
    CHECK(twice.parameters() == layer.parameters());
    CHECK(twice.state_dict().size() == 4);
    const Parameter x = random_parameter({3, 2}, rng);
    check_gradient({layer.weight(), layer.bias(), x}, [&](Tape& tape) { return twice(tape.leaf(x)); });
}

TEST_CASE("relu layer: max(0, x), and NaN stays NaN [4.1]") {
    Tape tape;
    check_near(ReLU()(tape.constant(array({4}, {-1, 0, 2, kNaN}))).value(), {0, 0, 2, kNaN}, 0);
    CHECK(ReLU().parameters().empty());
}

TEST_CASE("dropout layer: p is checked when it is made [5.1] [13.17]") {
    CHECK(Dropout().p() == 0.5);
    CHECK(Dropout(0).p() == 0);
    CHECK(Dropout(1).p() == 1);
    for (const auto& [p, text] : {std::pair(-0.1, "-0.1"), std::pair(1.1, "1.1"), std::pair(kNaN, "nan")}) {
        check_refused<std::invalid_argument>(
            [given = p] { Dropout{given}; },
            std::string("Dropout: probability has to be between 0 and 1, but got ") + text);
    }
}

TEST_CASE("dropout layer: draws on a training tape, is the identity on an eval tape [5.2] [5.4]") {
    Rng rng(3);
    Tape train(Mode::train, rng), eval(Mode::eval);
    const Array x = ones({1000});
    double sum = 0;
    for (Real y : Dropout(0.2)(train.constant(x)).value()) {
        const bool kept_or_zero = y == 0 || y == static_cast<Real>(1 / 0.8);
        CHECK(kept_or_zero);
        sum += static_cast<double>(y);
    }
    CHECK(std::abs(sum / 1000 - 1) < 0.08);
    check_same(Dropout(0.2)(eval.constant(x)).value(), x);
    check_same(Dropout(0)(train.constant(x)).value(), x);
}

TEST_CASE("sequential: a copy has layers of its own, which share their weights") {
    Rng rng(5);
    Sequential original{Linear(2, 2, rng), Sequential{Linear(2, 1, rng)}, Plus(1)};
    Sequential copy = original;
    CHECK(copy.parameters() == original.parameters());
    for (std::size_t i = 0; i < copy.size(); ++i) CHECK(&copy[i] != &original[i]);
    CHECK(&dynamic_cast<const Sequential&>(copy[1])[0] != &dynamic_cast<const Sequential&>(original[1])[0]);
    copy.append(Plus(5));
    CHECK(copy.size() == 4);
    CHECK(original.size() == 3);
    original = copy;
    CHECK(original.size() == 4);
    CHECK(&original[3] != &copy[3]);
    const Sequential& itself = original;
    original = itself;
    CHECK(original.size() == 4);
    const Sequential moved = std::move(original);
    CHECK(moved.size() == 4);
    CHECK(moved.parameters() == copy.parameters());
}

TEST_CASE("sequential: a layer that cannot be copied is shared by copies") {
    struct Unique : Plus {
        explicit Unique(Real number) : Plus(number), own(std::make_unique<int>(1)) {}
        std::unique_ptr<int> own;
    };
    const Sequential original{Unique(4)}, copy = original;
    CHECK(applied(copy, 3) == 7);
    CHECK(&copy[0] == &original[0]);
}

TEST_CASE("sequential: one that is moved to itself keeps its layers") {
    Rng rng(1);
    Sequential layers{Linear(2, 3, rng), ReLU()};
    Sequential& same = layers;
    layers = std::move(same);
    CHECK(layers.size() == 2);
    CHECK(layers.parameters().size() == 2);
}
