// What all optimizers share: groups, their checks, steps that change nothing.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/tape.hpp>
#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/adamw.hpp>
#include <embergrad/optim/schedulers.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>

using namespace embergrad;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Parameter parameter(const Shape& shape = {3, 2}, Real value = 1) { return Parameter(full(shape, value)); }

RowGradient rows(std::vector<std::int64_t> rows, Real value = 1, std::size_t width = 2) {
    const std::size_t n = rows.size();
    return RowGradient(std::move(rows), full(Shape{n, width}, value));
}

/// Whether one of the ways to put other parameters into a group compiles.
template <class Group>
concept ParamsMayChange = requires(Group& group, Parameter p) {
    group.params[0] = p;
}
|| requires(Group& group, Parameter p) { group.params.push_back(p); }
|| requires(Group& group) { group.params.clear(); }
|| requires(Group& group) {
    group.params = {};
}
|| requires(Group& group, Parameter p) { group.params()[0] = p; }
|| requires(Group& group) { group.params().clear(); };

void check_invalid(const auto& call, const std::string& message) {
    CHECK_THROWS_WITH_AS(call(), message.c_str(), std::invalid_argument);
}

void check_misuse(const auto& call, const std::string& message) {
    CHECK_THROWS_WITH_AS(call(), message.c_str(), std::logic_error);
}

/// Every optimizer of dense gradients, some with options.
std::vector<std::unique_ptr<Optimizer>> dense_optimizers(const std::vector<Parameter>& p, bool maximize) {
    std::vector<std::unique_ptr<Optimizer>> all;
    all.push_back(std::make_unique<SGD>(p, SGDOptions{.lr = 1e-3, .maximize = maximize}));
    all.push_back(std::make_unique<SGD>(
        p, SGDOptions{.lr = 1e-3, .momentum = 0.5, .weight_decay = 1e-3, .nesterov = true, .maximize = maximize}));
    all.push_back(std::make_unique<Adam>(p, AdamOptions{.amsgrad = true, .maximize = maximize}));
    all.push_back(std::make_unique<AdamW>(p, AdamWOptions{.weight_decay = 0.1, .maximize = maximize}));
    all.push_back(std::make_unique<Adagrad>(p, AdagradOptions{.lr = 0.1, .lr_decay = 1e-3, .maximize = maximize}));
    return all;
}

/// The parameters of a 2-8-1 net.
struct Net {
    Rng rng{7};
    std::vector<Parameter> parameters{drawn({8, 2}), drawn({8}), drawn({1, 8}), drawn({1})};

    Parameter drawn(const Shape& shape) {
        Array values(shape);
        for (Real& x : values.storage()) x = static_cast<Real>(rng.uniform(-0.7, 0.7));
        return Parameter(std::move(values));
    }

    /// The binary cross entropy of exclusive or, its gradients left at the parameters.
    double backward() const {
        Tape tape;
        const Var x = tape.constant(Array{{0, 0}, {0, 1}, {1, 0}, {1, 1}}), y = tape.constant(Array{0, 1, 1, 0});
        const Var hidden = sigmoid(linear(x, tape.leaf(parameters[0]), tape.leaf(parameters[1])));
        const Var logit = linear(hidden, tape.leaf(parameters[2]), tape.leaf(parameters[3]));
        const Var p = sigmoid(reshape(logit, {4})), rest = tape.constant(ones({4})) - y;
        const Var loss = neg(mean(y * log(p) + rest * log(tape.constant(ones({4})) - p)));
        tape.backward(loss);
        return static_cast<double>(loss.item());
    }
};

}  // namespace

TEST_CASE("optimizer: the spellings of the README") {
    const std::vector<Parameter> a{parameter()}, b{parameter()};
    Adam grouped({ParamGroup{.params = a, .lr = 1e-4}, ParamGroup{.params = b}}, {.lr = 1e-3});
    Adam one_group({ParamGroup{.params = a}});
    Adam plain(a, {.lr = 1e-3});
    Adam with_defaults(a);
    Adam listed({a[0], b[0]}, {.betas = {0.8, 0.9}});
    SGD sgd(a, {.lr = 0.1, .momentum = 0.9});
    SGD in_group({ParamGroup{.params = a, .lr = 0.1, .nesterov = true}}, {.momentum = 0.9});
    SparseAdam sparse(a, {.lr = 1e-3});
    const ParamGroup group{.params = a};
    Adagrad in_braces{{group, {.params = b, .lr = 0.1}}}, of_one{{group}}, of_parameters{{a[0], b[0]}};
    CHECK(in_braces.param_groups().size() == 2);
    CHECK(of_parameters.param_groups().size() == 1);
    CHECK(grouped.param_groups().size() == 2);
    CHECK(listed.param_groups()[0].params().size() == 2);
}

TEST_CASE("optimizer: a group takes the optimizer's defaults where it says nothing [9.6]") {
    Adam adam({ParamGroup{.params = {parameter()}, .lr = 1e-4, .betas = {{0.5, 0.6}}}, {.params = {parameter()}}},
              {.lr = 1e-3, .weight_decay = 0.1, .amsgrad = true});
    adam.add_param_group({.params = {parameter()}, .eps = 1e-5, .maximize = true});
    const Adam& held = adam;
    const auto groups = held.param_groups();
    REQUIRE(groups.size() == 3);
    CHECK(groups[0].lr == 1e-4);
    CHECK(groups[0].betas == std::array<double, 2>{0.5, 0.6});
    CHECK(groups[1].lr == 1e-3);
    CHECK(groups[1].betas == std::array<double, 2>{0.9, 0.999});
    CHECK(groups[2].eps == 1e-5);
    CHECK(groups[2].maximize == true);
    for (const HeldGroup& group : groups) {
        CHECK(group.weight_decay == 0.1);
        CHECK(group.amsgrad == true);
        CHECK_FALSE(group.momentum.has_value());
    }
}

TEST_CASE("optimizer: a group holds its parameters, which no generator is [9.6] [13.13]") {
    static_assert(std::is_same_v<decltype(ParamGroup::params), std::vector<Parameter>>);
    static_assert(!std::is_constructible_v<SparseAdam, Parameter>);  // a single one only with options
    static_assert(!std::is_constructible_v<SparseAdam, Array> && !std::is_constructible_v<SGD, Array, SGDOptions>);
    const Parameter table = parameter();
    std::vector<ParamGroup> groups{ParamGroup{.params = {table}}};
    SparseAdam adam(groups, {.lr = 0.5});
    groups.clear();
    table.add_grad(rows({1}));
    adam.step();
    CHECK(adam.param_groups()[0].params() == std::vector<Parameter>{table});
    CHECK(table.value()(1, 0) == doctest::Approx(0.5));
    CHECK(table.value()(0, 0) == 1);
}

TEST_CASE("optimizer: each group steps with its own options, also when they change [9.6]") {
    const Parameter a = parameter({1}, 0), b = parameter({1}, 0), late = parameter({1}, 0);
    SGD sgd({ParamGroup{.params = {a}, .lr = 0.5}, ParamGroup{.params = {b}}}, {.lr = 2});
    const auto step = [&] {
        sgd.zero_grad();
        for (const Parameter& p : {a, b, late}) p.add_grad(ones({1}));
        sgd.step();
    };
    step();
    CHECK(a.value()(0) == Real(-0.5));
    CHECK(b.value()(0) == Real(-2));
    CHECK(late.value()(0) == 0);

    sgd.add_param_group({.params = {late}, .maximize = true});
    sgd.param_groups()[0].lr = 1;
    step();
    CHECK(a.value()(0) == Real(-1.5));
    CHECK(b.value()(0) == Real(-4));
    CHECK(late.value()(0) == Real(2));
}

TEST_CASE("optimizer: options out of range are refused in PyTorch's words [9.6]") {
    const std::vector<Parameter> p{parameter()};
    const auto sgd = [&](SGDOptions o) { return [=] { SGD(p, o); }; };
    check_invalid(sgd({.lr = 0.1, .momentum = -0.5}), "SGD: Invalid momentum value: -0.5");
    check_invalid(sgd({.lr = -0.1}), "SGD: Invalid learning rate: -0.1");
    check_invalid(sgd({.lr = kNaN}), "SGD: Invalid learning rate: nan");
    check_invalid(sgd({.lr = kInfinity}), "SGD: Invalid learning rate: inf");
    check_invalid(sgd({.lr = 0.1, .dampening = kNaN}), "SGD: Invalid dampening value: nan");
    check_invalid(sgd({.lr = 0.1, .weight_decay = -1}), "SGD: Invalid weight_decay value: -1");
    const std::string nesterov = "SGD: Nesterov momentum requires a momentum and zero dampening";
    check_invalid(sgd({.lr = 0.1, .nesterov = true}), nesterov);
    check_invalid(sgd({.lr = 0.1, .momentum = 0.9, .dampening = 0.1, .nesterov = true}), nesterov);
    check_invalid(sgd({}), "SGD, group 0: no value for the required option lr");

    const auto adam = [&](AdamOptions o) { return [=] { Adam(p, o); }; };
    check_invalid(adam({.lr = -1}), "Adam: Invalid learning rate: -1");
    check_invalid(adam({.betas = {1.0, 0.999}}), "Adam: Invalid beta parameter at index 0: 1");
    check_invalid(adam({.betas = {0.9, -0.1}}), "Adam: Invalid beta parameter at index 1: -0.1");
    check_invalid(adam({.betas = {0.9, kNaN}}), "Adam: Invalid beta parameter at index 1: nan");
    check_invalid(adam({.eps = -1e-8}), "Adam: Invalid epsilon value: -1e-08");
    check_invalid(adam({.weight_decay = -1}), "Adam: Invalid weight_decay value: -1");
    CHECK_NOTHROW(Adam(p, {.lr = 0, .betas = {0, 0}, .eps = 0}));

    const auto sparse = [&](SparseAdamOptions o) { return [=] { SparseAdam(p, o); }; };
    check_invalid(sparse({.lr = 0}), "SparseAdam: Invalid learning rate: 0");
    check_invalid(sparse({.eps = 0}), "SparseAdam: Invalid epsilon value: 0");
    check_invalid(sparse({.betas = {1.0, 0.999}}), "SparseAdam: Invalid beta parameter at index 0: 1");
}

TEST_CASE("optimizer: a group's options are checked as the defaults are, and must be the optimizer's [9.6] [13.16]") {
    const Parameter p = parameter(), q = parameter();
    SGD sgd({p}, {.lr = 0.1, .momentum = 0.9, .nesterov = true});
    const auto add = [&](ParamGroup group) {
        group.params = {q};
        return [&sgd, group] { sgd.add_param_group(group); };
    };
    check_invalid(add({.lr = -1}), "SGD, group 1: Invalid learning rate: -1");
    check_invalid(add({.momentum = kNaN}), "SGD, group 1: Invalid momentum value: nan");
    check_invalid(add({.momentum = 0}), "SGD, group 1: Nesterov momentum requires a momentum and zero dampening");
    check_invalid(add({.betas = {{0.9, 0.9}}}), "SGD, group 1: SGD has no option betas");
    check_invalid(add({.amsgrad = false}), "SGD, group 1: SGD has no option amsgrad");
    CHECK(sgd.param_groups().size() == 1);
    CHECK_NOTHROW(sgd.add_param_group({.params = {q}}));  // q was not taken by the failures

    Adam adam({p});
    check_invalid([&] { adam.add_param_group({.params = {q}, .momentum = 0.5}); },
                  "Adam, group 1: Adam has no option momentum");
    check_invalid([&] { SparseAdam({ParamGroup{.params = {p}, .weight_decay = 0.0}}); },
                  "SparseAdam, group 0: SparseAdam has no option weight_decay");
    check_invalid(
        [&] {
            SparseAdam({ParamGroup{.params = {p}}, ParamGroup{.params = {q}, .eps = 0}});
        },
        "SparseAdam, group 1: Invalid epsilon value: 0");
    check_invalid(
        [&] {
            SGD({ParamGroup{.params = {p}, .lr = 1}, ParamGroup{.params = {q}}});
        },
        "SGD, group 1: no value for the required option lr");
}

TEST_CASE("optimizer: a parameter belongs to one place in one group [9.6] [13.15]") {
    const Parameter a = parameter({3, 4}), b = parameter({5});
    const Parameter tied = a;
    check_invalid([&] { Adam(std::vector<Parameter>{}); }, "Adam: optimizer got an empty parameter list");
    check_invalid([&] { Adam(std::vector<ParamGroup>{}); }, "Adam: optimizer got an empty parameter list");
    check_invalid([&] { Adam({ParamGroup{}, ParamGroup{}}); }, "Adam: optimizer got an empty parameter list");
    check_invalid(
        [&] {
            Adam({b, a, tied});
        },
        "Adam, group 0: parameter 2 of shape (3, 4) is also parameter 1 of group 0");
    check_invalid(
        [&] {
            Adam({ParamGroup{.params = {b, a}}, ParamGroup{.params = {tied}}});
        },
        "Adam, group 1: parameter 0 of shape (3, 4) is also parameter 1 of group 0");
    check_invalid([&] { Adam({b, Parameter()}); }, "Adam, group 0: parameter 1 is an empty handle");

    Adam adam({ParamGroup{.params = {a}}, ParamGroup{}});  // one empty group beside others is nobody's mistake
    check_invalid(
        [&] {
            adam.add_param_group({.params = {b, a}});
        },
        "Adam, group 2: parameter 1 of shape (3, 4) is also parameter 0 of group 0");
    CHECK(adam.param_groups().size() == 2);
    b.add_grad(ones({5}));
    adam.step();
    CHECK(b.value() == ones({5}));  // the refused group left nothing behind
    adam.add_param_group({.params = {b}});
    adam.step();
    CHECK(b.value()(0) < 1);
}

TEST_CASE("optimizer: a step checks everything before it moves anything [9.6]") {
    const Parameter a = parameter(), b = parameter(), c = parameter();
    SGD sgd({ParamGroup{.params = {a}}, ParamGroup{.params = {b, c}}}, {.lr = 0.1});
    for (const Parameter& p : {a, b}) p.add_grad(ones({3, 2}));
    c.add_grad(rows({0, 2, 0}));

    sgd.param_groups()[1].lr = kNaN;
    check_invalid([&] { sgd.step(); }, "SGD, group 1: Invalid learning rate: nan");
    sgd.param_groups()[1].lr.reset();
    check_invalid([&] { sgd.step(); }, "SGD, group 1: no value for the required option lr");
    sgd.param_groups()[1].lr = 0.1;
    sgd.param_groups()[1].eps = 0.1;
    check_invalid([&] { sgd.step(); }, "SGD, group 1: SGD has no option eps");
    sgd.param_groups()[1].eps.reset();
    sgd.param_groups()[1].weight_decay = 0.25;
    check_misuse([&] { sgd.step(); },
                 "SGD, group 1: parameter 1 of shape (3, 2) has a gradient by rows, for which weight_decay must be 0, "
                 "not 0.25");
    sgd.param_groups()[1].weight_decay = 0;
    for (const Parameter& p : {a, b, c}) CHECK(p.value() == ones({3, 2}));
    CHECK(a.version() == 0);
    CHECK_FALSE(c.row_grad().coalesced());
    sgd.step();
    CHECK(c.value() == Array{{Real(0.8), Real(0.8)}, {1, 1}, {Real(0.9), Real(0.9)}});
}

TEST_CASE("optimizer: params of a group may be read, not changed") {
    static_assert(ParamsMayChange<ParamGroup> && !ParamsMayChange<HeldGroup>);
    static_assert(!std::is_assignable_v<HeldGroup&, HeldGroup> && !std::is_assignable_v<HeldGroup&, ParamGroup>);
    static_assert(!std::is_swappable_v<HeldGroup> && !std::is_convertible_v<HeldGroup&, ParamGroup&>);
    static_assert(!std::is_constructible_v<HeldGroup, ParamGroup>);
    const Parameter a = parameter(), b = parameter();
    Adam adam({ParamGroup{.params = {a}}, ParamGroup{.params = {b}}});
    CHECK(adam.param_groups()[1].params() == std::vector<Parameter>{b});
    const HeldGroup taken = std::move(adam.param_groups()[1]);  // is a copy
    b.add_grad(ones({3, 2}));
    adam.step();
    CHECK(b.value()(0, 0) < 1);
    CHECK(taken.params() == std::vector<Parameter>{b});
}

TEST_CASE("optimizer: a gradient that was replaced by one that does not fit is refused") {
    const Parameter dense = parameter(), table = parameter();
    SGD sgd({dense, table}, {.lr = 0.1});
    dense.add_grad(ones({3, 2}));
    dense.mutable_grad() = ones({2, 2});
    check_misuse([&] { sgd.step(); }, "SGD, group 0: parameter 0 of shape (3, 2) has a gradient of shape (2, 2)");
    dense.zero_grad();
    table.add_grad(rows({1}));
    table.mutable_row_grad() = rows({1, 3});
    CHECK_THROWS_WITH_AS(sgd.step(), "Parameter: a gradient for row 3 does not fit a parameter of shape (3, 2)",
                         std::out_of_range);
    table.mutable_row_grad() = rows({1}, 1, 5);
    check_invalid([&] { sgd.step(); },
                  "Parameter: a gradient by rows of 5 values does not fit a parameter of shape (3, 2)");
    CHECK(table.value() == ones({3, 2}));
}

TEST_CASE("optimizer: a step without gradients is no step, and frozen parameters are left out [9.6]") {
    const Parameter a = parameter(), frozen = parameter();
    frozen.set_requires_grad(false);
    std::vector<std::unique_ptr<Optimizer>> all;
    all.push_back(std::make_unique<SGD>(std::vector{a, frozen}, SGDOptions{.lr = 0.1, .momentum = 0.9}));
    all.push_back(std::make_unique<Adam>(std::vector{a, frozen}));
    all.push_back(std::make_unique<SparseAdam>(std::vector{a, frozen}));
    all.push_back(std::make_unique<AdamW>(std::vector{a, frozen}));
    all.push_back(std::make_unique<Adagrad>(std::vector{a, frozen}));
    const std::uint64_t before = memory_stats().system_allocations;
    for (const auto& optimizer : all) optimizer->step();
    frozen.add_grad(zeros({3, 2}));
    for (const auto& optimizer : all) CHECK_NOTHROW(optimizer->step());  // whatever the kind of the gradient
    CHECK(a.value() == ones({3, 2}));
    CHECK(a.version() == 0);
    CHECK(frozen.version() == 0);
    CHECK(memory_stats().system_allocations <= before + 1);  // the zeros above at most
}

TEST_CASE("optimizer: zero_grad drops the gradient; zeros that are kept still move [8.7]") {
    const Parameter a = parameter({1}, 0);
    Adam adam({a}, {.lr = 0.1});
    a.add_grad(ones({1}));
    adam.step();
    CHECK(a.value()(0) == doctest::Approx(-0.1));
    adam.zero_grad(false);
    REQUIRE(a.has_gradient());
    adam.step();
    CHECK(a.value()(0) == doctest::Approx(-0.1 - 0.0670).epsilon(1e-3));
    adam.zero_grad();
    CHECK_FALSE(a.has_gradient());
    const Real there = a.value()(0);
    adam.step();
    CHECK(a.value()(0) == there);
}

TEST_CASE("optimizer: a moved optimizer keeps its state") {
    const Parameter a = parameter({1}, 0), b = parameter({1}, 0);
    SGD first({a}, {.lr = 1, .momentum = 0.5});
    SGD twin({b}, {.lr = 1, .momentum = 0.5});
    for (const Parameter& p : {a, b}) p.add_grad(ones({1}));
    first.step();
    SGD moved = std::move(first);
    moved.step();
    twin.step();
    twin.step();
    CHECK(a.value()(0) == b.value()(0));
    CHECK(a.value()(0) == Real(-2.5));
}

// PyTorch's _test_basic_cases.
TEST_CASE("optimizer: each lowers (W x + b)^2 in 200 steps, and raises it with maximize [9.0]") {
    for (const bool maximize : {false, true}) {
        for (std::size_t k = 0; k < 5; ++k) {
            CAPTURE(k);
            Rng rng(1);
            const auto drawn = [&](const Shape& shape) {
                Array values(shape);
                for (Real& x : values.storage()) x = static_cast<Real>(rng.normal());
                return Parameter(std::move(values));
            };
            const std::vector<Parameter> p{drawn({10, 5}), drawn({10})};
            const Array x = drawn({5}).value();
            const auto optimizer = std::move(dense_optimizers(p, maximize)[k]);
            const auto backward = [&] {
                optimizer->zero_grad();
                Tape tape;
                const Var y = linear(tape.constant(x), tape.leaf(p[0]), tape.leaf(p[1]));
                const Var loss = sum(y * y);
                tape.backward(loss);
                return static_cast<double>(loss.item());
            };
            const double first = backward();
            for (int step = 0; step < 200; ++step) {
                backward();
                optimizer->step();
            }
            CHECK((backward() > first) == maximize);
        }
    }
}

// PyTorch's XORConvergence.
TEST_CASE("optimizer: each teaches a small net exclusive or within 3000 steps [9.1] [9.2] [9.3] [9.5]") {
    for (int k = 0; k < 6; ++k) {
        CAPTURE(k);
        const Net net;
        const std::vector<Parameter>& p = net.parameters;
        std::vector<std::unique_ptr<Optimizer>> all;
        all.push_back(
            std::make_unique<SGD>(p, SGDOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-6, .nesterov = true}));
        all.push_back(std::make_unique<Adagrad>(p, AdagradOptions{.lr = 1, .lr_decay = 1e-3, .weight_decay = 1e-6}));
        all.push_back(std::make_unique<Adam>(p, AdamOptions{.lr = 0.1, .weight_decay = 1e-6}));
        all.push_back(std::make_unique<Adam>(p, AdamOptions{.lr = 0.1, .weight_decay = 1e-6, .amsgrad = true}));
        all.push_back(std::make_unique<AdamW>(p, AdamWOptions{.lr = 0.1, .weight_decay = 1e-3}));
        all.push_back(std::make_unique<AdamW>(p, AdamWOptions{.lr = 0.1, .weight_decay = 1e-3, .amsgrad = true}));
        Optimizer& optimizer = *all[static_cast<std::size_t>(k)];
        double loss = 1;
        for (int step = 0; step < 3000 && loss > 0.1; ++step) {
            optimizer.zero_grad();
            loss = net.backward();
            optimizer.step();
        }
        CHECK(loss <= 0.1);
    }
}

TEST_CASE("optimizer: a list of them may grow; schedulers go on with those that were moved") {
    std::vector<Adam> optimizers;
    std::vector<LRScheduler> schedulers;
    std::vector<Parameter> parameters;
    for (int i = 0; i < 9; ++i) {
        parameters.push_back(Parameter(ones({2})));
        optimizers.push_back(Adam(parameters.back(), {.lr = 0.1}));
        schedulers.emplace_back(optimizers.back(), StepLR{.step_size = 1, .gamma = 0.5});
    }
    for (LRScheduler& scheduler : schedulers) scheduler.step();
    for (std::size_t i = 0; i < optimizers.size(); ++i) {
        CHECK(optimizers[i].param_groups()[0].lr == 0.05);
        parameters[i].add_grad(ones({2}));
        optimizers[i].step();
        CHECK(parameters[i].value()(0) == doctest::Approx(0.95));
    }
    constexpr const char* kGone = "LRScheduler: its optimizer has ended, or another one was assigned to it";
    optimizers[1] = std::move(optimizers[2]);
    CHECK_THROWS_WITH_AS(schedulers[1].step(), kGone, std::logic_error);
    CHECK_NOTHROW(schedulers[2].step());
    optimizers.clear();
    CHECK_THROWS_WITH_AS(schedulers[0].step(), kGone, std::logic_error);
}

namespace {

template <class Opt, class Options>
void check_moves(const Options& options) {
    const Parameter p(ones({3})), twin(ones({3}));
    Opt optimizer(p, options), plain(twin, options);
    const auto step = [](const Parameter& parameter, Optimizer& one) {
        parameter.zero_grad();
        parameter.add_grad(full({3}, 2));
        one.step();
    };
    step(p, optimizer), step(twin, plain);
    Opt& same = optimizer;
    optimizer = std::move(same);
    step(p, optimizer), step(twin, plain);
    Opt other = std::move(optimizer);
    step(p, other), step(twin, plain);
    CHECK(p.value() == twin.value());
    constexpr const char* kMoved = "Optimizer: this one was moved from; use the one it was moved to";
    CHECK_THROWS_WITH_AS(optimizer.step(), kMoved, std::logic_error);
    CHECK_THROWS_WITH_AS(optimizer.zero_grad(), kMoved, std::logic_error);
    CHECK_THROWS_WITH_AS(optimizer.state_dict(), kMoved, std::logic_error);
    CHECK_THROWS_WITH_AS(optimizer.load_state_dict({}), kMoved, std::logic_error);
    CHECK_THROWS_WITH_AS(optimizer.param_groups(), kMoved, std::logic_error);
    CHECK_THROWS_WITH_AS(optimizer.check_holds({p}), kMoved, std::logic_error);
    CHECK_THROWS_WITH_AS(optimizer.add_param_group({.params = {twin}}), kMoved, std::logic_error);
    CHECK_THROWS_WITH_AS(LRScheduler(optimizer, StepLR{.step_size = 1}), kMoved, std::logic_error);
    optimizer = std::move(other);
    CHECK_NOTHROW(optimizer.step());
}

}  // namespace

TEST_CASE("optimizer: moved to itself it stays whole, and one that was moved from says so") {
    check_moves<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9});
    check_moves<Adam>(AdamOptions{.lr = 0.1, .amsgrad = true});
    check_moves<AdamW>(AdamWOptions{.lr = 0.1});
    check_moves<Adagrad>(AdagradOptions{.lr = 0.1});
}
