// Modules: everything about names and weights that derives from visit.
#include <algorithm>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/layers/dropout.hpp>
#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/init.hpp>
#include <embergrad/layers/linear.hpp>
#include <embergrad/layers/relu.hpp>
#include <embergrad/layers/sequential.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Names = std::vector<std::string>;

/// A user's own: two parameters, a buffer that is saved, a temporary that is not, and a child.
class Scaler : public Module {
public:
    explicit Scaler(Rng& rng) : child_(2, 1, rng) {}

    Var operator()(Var x) const { return child_(x * x.tape().leaf(scale_) + x.tape().leaf(offset_)); }
    void visit(const Visitor& visit) const override {
        visit("scale", scale_, Role::parameter);
        visit("offset", offset_, Role::parameter);
        visit("running_mean", running_mean_, Role::buffer);
        visit("scratch", scratch_, Role::temporary);
        visit.child("child", child_);
    }

    Parameter scale_{ones({2})}, offset_{zeros({2})};
    Parameter running_mean_{full({2}, 5), false}, scratch_{full({3}, 6), false};
    Linear child_;
};

/// Two names for one table, as tied weights have.
class Tied : public Module {
public:
    Tied() = default;
    void visit(const Visitor& visit) const override {
        visit("encoder.weight", table_, Role::parameter);
        visit("bias", bias_, Role::parameter);
        visit("decoder.weight", table_, Role::parameter);
    }

    Parameter table_{ones({3, 2})}, bias_{zeros({3})};
};

/// A table that is looked up, and scores the words at the end.
class TiedModel : public Module {
public:
    explicit TiedModel(Rng& rng) : embedding_(4, 3, rng), head_(embedding_.weight(), Parameter(zeros({4}))) {}

    Var operator()(Tape& tape, const IdArray& ids) const { return head_(embedding_(tape, ids)); }
    void visit(const Visitor& visit) const override {
        visit.child("embedding", embedding_);
        visit.child("head", head_);
    }

    Embedding embedding_;
    Linear head_;
};

Names names(const NamedParameters& named) {
    Names result;
    for (const auto& [name, parameter] : named) result.push_back(name);
    return result;
}

Names names(const StateDict& state) {
    Names result;
    for (const auto& [name, array] : state) result.push_back(name);
    return result;
}

}  // namespace

TEST_CASE("module: names come dotted, own before children, in the order of visit [11.1] [11.2]") {
    Rng rng(1);
    const Scaler scaler(rng);
    CHECK(names(scaler.named_parameters()) == Names{"scale", "offset", "child.weight", "child.bias"});
    CHECK(scaler.parameters().size() == 4);
    CHECK(scaler.parameters()[2] == scaler.child_.weight());
    CHECK(scaler.parameter_count() == 2 + 2 + 2 + 1);  // neither buffer nor temporary
    CHECK(names(scaler.state_dict()) == Names{"scale", "offset", "running_mean", "child.weight", "child.bias"});

    const Sequential nested(Linear(2, 2, rng), Sequential(Dropout(), Linear(2, 1, rng, {.bias = false})));
    CHECK(names(nested.named_parameters()) == Names{"0.weight", "0.bias", "1.1.weight"});
}

TEST_CASE("module: a shared parameter counts once and is saved under every name [11.3]") {
    const Tied tied;
    CHECK(names(tied.named_parameters()) == Names{"encoder.weight", "bias"});
    CHECK(tied.parameter_count() == 9);
    CHECK(names(tied.state_dict()) == Names{"encoder.weight", "bias", "decoder.weight"});
    const Tied other;
    init::constant(other.table_, 4);
    tied.load_state_dict(other.state_dict());
    CHECK(tied.table_.value()(2, 1) == 4);
}

TEST_CASE("module: tied weights that differ in a state are refused") {
    const Tied tied;
    StateDict state = tied.state_dict();
    state[2].second = full(state[0].second.shape(), 3);
    check_refused<std::invalid_argument>([&] { tied.load_state_dict(state); },
                                         "load_state_dict: the state does not fit; nothing was loaded:\n"
                                         "  differing: encoder.weight and decoder.weight are one array here, and not "
                                         "alike in the state");
    state[0].second = state[2].second;
    CHECK_NOTHROW(tied.load_state_dict(state));
}

TEST_CASE("module: an output layer may be tied to the embedding, and both train the one table [11.3]") {
    Rng rng(9);
    const TiedModel model(rng), other(rng);
    const Parameter table = model.embedding_.weight();
    CHECK(names(model.named_parameters()) == Names{"embedding.weight", "head.bias"});
    CHECK(model.parameter_count() == 4 * 3 + 4);
    CHECK(names(model.state_dict()) == Names{"embedding.weight", "head.weight", "head.bias"});
    const IdArray ids = {2, 0, 2};
    check_gradient(model.parameters(), [&](Tape& tape) { return model(tape, ids); });

    other.load_state_dict(model.state_dict());
    check_same(other.head_.weight().value(), table.value());
    StateDict state = model.state_dict();
    state[1].second = zeros({4, 3});
    check_refused<std::invalid_argument>([&] { other.load_state_dict(state); },
                                         "load_state_dict: the state does not fit; nothing was loaded:\n"
                                         "  differing: embedding.weight and head.weight are one array here, and not "
                                         "alike in the state");
    check_same(other.head_.weight().value(), table.value());
}

TEST_CASE("module: one file may hold the model and its optimizer") {
    const Tied tied;
    StateDict state = tied.state_dict();
    state.emplace_back("optim.0.exp_avg", ones({3}));
    const LoadedKeys keys = tied.load_state_dict(state);
    CHECK(keys.missing_keys.empty());
    CHECK(keys.unexpected_keys.empty());
}

TEST_CASE("module: copies share their weights") {
    Rng rng(2);
    const Scaler scaler(rng);
    const Scaler copy = scaler;
    init::constant(copy.scale_, 9);
    CHECK(scaler.scale_.value()(0) == 9);
    CHECK(copy.parameters() == scaler.parameters());
}

TEST_CASE("module: a state is a copy, and goes back in by name whatever its order [11.2]") {
    Rng rng(3);
    const Scaler source(rng), target(rng);
    init::constant(source.running_mean_, 8);
    init::constant(source.scratch_, 1);
    StateDict state = source.state_dict();
    init::zeros(source.child_.weight());
    CHECK(state[3].second.data()[0] != 0);

    std::reverse(state.begin(), state.end());
    const Real* storage = target.child_.weight().value().data();
    target.load_state_dict(state);
    for (auto& [name, array] : target.state_dict()) {
        const auto same_name = [&, wanted = name](const auto& entry) { return entry.first == wanted; };
        check_same(array, std::find_if(state.begin(), state.end(), same_name)->second);
    }
    CHECK(target.running_mean_.value()(0) == 8);
    CHECK(target.scratch_.value()(0) == 6);  // no part of the state
    CHECK(target.child_.weight().value().data() == storage);
    CHECK(target.child_.weight().version() == 2);  // drawn, loaded
}

TEST_CASE("module: load_state_dict tells every problem at once and loads nothing [11.6] [11.7] [13.18]") {
    Rng rng(4);
    const Scaler scaler(rng);
    const StateDict before = scaler.state_dict();
    StateDict state = {{"offset", full({3}, 1)},       {"scale", full({2}, 7)},     {"running_mean", full({2}, 7)},
                       {"child.weight", ones({2, 1})}, {"running_mean", ones({2})}, {"child.wight", ones({1, 2})},
                       {"scratch", full({3}, 1)}};
    check_refused<std::invalid_argument>([&] { scaler.load_state_dict(state); },
                                         "load_state_dict: the state does not fit; nothing was loaded:\n"
                                         "  duplicate: running_mean\n"
                                         "  size mismatch: offset is (2,) here and (3,) in the state\n"
                                         "  size mismatch: child.weight is (1, 2) here and (2, 1) in the state\n"
                                         "  missing: child.bias\n"
                                         "  unexpected: child.wight\n"
                                         "  unexpected: scratch");
    // Misshapen and duplicate entries are refused without strict, too.
    check_refused<std::invalid_argument>([&] { scaler.load_state_dict(state, false); },
                                         "load_state_dict: the state does not fit; nothing was loaded:\n"
                                         "  duplicate: running_mean\n"
                                         "  size mismatch: offset is (2,) here and (3,) in the state\n"
                                         "  size mismatch: child.weight is (1, 2) here and (2, 1) in the state");
    const StateDict after = scaler.state_dict();
    for (std::size_t i = 0; i < before.size(); ++i) check_same(after[i].second, before[i].second);
    CHECK(scaler.scale_.version() == 0);
}

TEST_CASE("module: without strict, missing and unexpected names are passed over [11.6]") {
    Rng rng(5);
    const Scaler scaler(rng);
    const LoadedKeys keys = scaler.load_state_dict({{"scale", full({2}, 7)}, {"other.weight", ones({9})}}, false);
    CHECK(scaler.scale_.value()(1) == 7);
    CHECK(scaler.offset_.value()(1) == 0);
    CHECK(keys.missing_keys == Names{"offset", "running_mean", "child.weight", "child.bias"});
    CHECK(keys.unexpected_keys == Names{"other.weight"});
    CHECK(scaler.load_state_dict({}, false).missing_keys.size() == 5);
    check_refused<std::invalid_argument>(
        [&] {
            Dropout().load_state_dict({{"p", ones({})}});
        },
        "load_state_dict: the state does not fit; nothing was loaded:\n"
        "  unexpected: p");
    Dropout().load_state_dict({});
}

TEST_CASE("module: freezing and zero_grad reach every parameter, and no buffer [8.7] [11.5]") {
    Rng rng(6);
    const Scaler scaler(rng);
    const auto train = [&] {
        Tape tape;
        tape.backward(sum(scaler(tape.constant(ones({4, 2})))));
    };
    train();
    for (const Parameter& p : scaler.parameters()) CHECK(p.has_gradient());
    scaler.zero_grad(false);
    for (const Parameter& p : scaler.parameters()) {
        CHECK(p.has_gradient());
        check_same(p.grad(), zeros(p.shape()));
    }
    scaler.zero_grad();
    for (const Parameter& p : scaler.parameters()) CHECK_FALSE(p.has_gradient());

    train();
    scaler.set_requires_grad(false);
    for (const Parameter& p : scaler.parameters()) {
        CHECK_FALSE(p.requires_grad());
        CHECK_FALSE(p.has_gradient());
    }
    scaler.set_requires_grad(true);
    CHECK_FALSE(scaler.running_mean_.requires_grad());
    CHECK_FALSE(scaler.scratch_.requires_grad());
}

TEST_CASE("module: a user's own passes the gradient check") {
    Rng rng(7);
    const Scaler scaler(rng);
    const Array x = wave({3, 2});
    check_gradient(scaler.parameters(), [&](Tape& tape) { return scaler(tape.constant(x)); });
}

TEST_CASE("module: a name given twice, or none, is refused before anything is saved under it [11.2]") {
    struct Twice : Module {
        Parameter a{zeros({1})}, b{zeros({2})};
        std::string name = "w";
        void visit(const Visitor& visit) const override {
            visit("w", a, Role::parameter);
            visit(name, b, Role::parameter);
        }
    };
    Twice module;
    CHECK_THROWS_WITH_AS(module.state_dict(), "Module: the name w is given twice", std::logic_error);
    CHECK_THROWS_WITH_AS(module.parameters(), "Module: the name w is given twice", std::logic_error);
    module.name = "";
    CHECK_THROWS_WITH_AS(module.parameters(), "Module: an array of shape (2,) has no name", std::logic_error);
    module.name = "v";
    CHECK(module.parameters().size() == 2);
}

TEST_CASE("module: a child's name has letters and no points [11.2]") {
    struct Parent : Module {
        Dropout child;
        std::string name;
        void visit(const Visitor& visit) const override { visit.child(name, child); }
    };
    Parent parent;
    for (const std::string name : {"", "a.b", "."}) {
        parent.name = name;
        check_refused<std::logic_error>([&] { parent.parameters(); },
                                        "Module: a child's name must have letters and no points, not '" + name + "'");
    }
    parent.name = "a";
    CHECK(parent.parameters().empty());
}

TEST_CASE("module: a tape's mode reaches every layer, however deep [11.4]") {
    const Sequential model(Sequential(Sequential(Dropout(0.5)), ReLU()));
    Rng rng(8);
    Tape train(Mode::train, rng), eval(Mode::eval), recording({.training = false});
    const Array x = ones({100});
    const auto zeros_in = [](const Var& y) { return std::count(y.value().begin(), y.value().end(), Real{0}); };
    CHECK(zeros_in(model(train.constant(x))) > 20);
    check_same(model(eval.constant(x)).value(), x);
    check_same(model(recording.constant(x)).value(), x);
    CHECK(zeros_in(model(train.constant(x))) > 20);  // evaluating has left nothing behind
}

TEST_CASE("module: printed, it is a line a layer with its parameters") {
    Rng rng(1);
    const Sequential model{Linear(3, 1000, rng), ReLU(),
                           Sequential{Dropout(0.25), Linear(1000, 2, rng, {.bias = false})}};
    const std::string expected =
        "Sequential                               6,000\n"
        "  0         Linear(3, 1000)              4,000\n"
        "  1         ReLU()                           0\n"
        "  2         Sequential                   2,000\n"
        "    0       Dropout(p=0.25)                  0\n"
        "    1       Linear(1000, 2, bias=false)  2,000\n";
    CHECK(to_string(model) == expected);
    std::ostringstream out;
    out << model;
    CHECK(out.str() == expected);

    dynamic_cast<const Linear&>(model[0]).weight().set_requires_grad(false);
    model.parameters()[2].freeze_rows({0});
    CHECK(to_string(model) ==
          "Sequential                               6,000 (4,000 frozen)\n"
          "  0         Linear(3, 1000)              4,000 (3,000 frozen)\n"
          "  1         ReLU()                           0\n"
          "  2         Sequential                   2,000 (1,000 frozen)\n"
          "    0       Dropout(p=0.25)                  0\n"
          "    1       Linear(1000, 2, bias=false)  2,000 (1,000 frozen)\n");
    CHECK(model.trainable_parameter_count() == 2000);
}

TEST_CASE("module: layers describe themselves by what is not the default") {
    Rng rng(1);
    CHECK(Embedding(10, 3, rng).describe() == "Embedding(10, 3)");
    CHECK(Embedding(10, 3, rng, {.padding_idx = -1, .max_norm = 1.5, .norm_type = 1, .sparse = true}).describe() ==
          "Embedding(10, 3, padding_idx=9, max_norm=1.5, norm_type=1, sparse=true)");
    CHECK(Embedding(10, 3, rng, {.scale_grad_by_freq = true}).describe() ==
          "Embedding(10, 3, scale_grad_by_freq=true)");
    CHECK(Linear(3, 4, rng).describe() == "Linear(3, 4)");
    CHECK(Dropout().describe() == "Dropout(p=0.5)");
    CHECK(ReLU().describe() == "ReLU()");
    CHECK(Scaler(rng).describe() == "Module");
}

TEST_CASE("module: a visitor that asks for children meets each before its arrays") {
    Rng rng(1);
    const Scaler scaler(rng);
    Names met;
    scaler.visit(Visitor([&](const std::string& name, const Parameter&, Role) { met.push_back(name); },
                         [&](const std::string& name, const Module& child) {
                             CHECK(&child == &scaler.child_);
                             met.push_back("[" + name + "]");
                         }));
    CHECK(met == Names{"scale", "offset", "running_mean", "scratch", "[child]", "child.weight", "child.bias"});
}
