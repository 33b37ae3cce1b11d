// Rows added to a table: what its handles, tapes, frozen rows and optimizers make of them.
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/embedding_bag.hpp>
#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/adamw.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

constexpr std::size_t kOld = 4, kAll = 6, kWidth = 3;

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(const Parameter&)>;

template <class Opt>
MakeOptimizer make(const auto& options) {
    return [=](const Parameter& table) { return std::make_unique<Opt>(table, options); };
}

/// Every rule that keeps something, with options that let it show.
std::vector<MakeOptimizer> optimizers_of_dense() {
    return {make<SGD>(SGDOptions{.lr = 0.1}),
            make<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.5}),
            make<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true}),
            make<Adam>(AdamOptions{.lr = 0.1}),
            make<Adam>(AdamOptions{.lr = 0.1, .amsgrad = true}),
            make<AdamW>(AdamWOptions{.lr = 0.1, .amsgrad = true}),
            make<Adagrad>(AdagradOptions{.lr = 0.1}),
            make<Adagrad>(AdagradOptions{.lr = 0.1, .lr_decay = 0.5, .initial_accumulator_value = 0.25})};
}
std::vector<MakeOptimizer> optimizers_of_rows() {
    return {make<SGD>(SGDOptions{.lr = 0.1}), make<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.5}),
            make<Adam>(AdamOptions{.lr = 0.1, .lazy_rows = true}), make<SparseAdam>(SparseAdamOptions{.lr = 0.1}),
            make<Adagrad>(AdagradOptions{.lr = 0.1, .initial_accumulator_value = 0.25})};
}

/// The gradient of a step for the first n rows; those behind have none.
Array dense_gradient(std::size_t n, std::size_t used, int step) {
    Array gradient = wave({n, kWidth}, step);
    std::fill(gradient.data() + used * kWidth, gradient.data() + gradient.size(), Real{0});
    return gradient;
}

RowGradient row_gradient(std::size_t used, int step) {
    const std::int64_t last = static_cast<std::int64_t>(used) - 1;
    return RowGradient({step % (last + 1), last, step % (last + 1)}, wave({3, kWidth}, step));
}

void add_gradient(const Parameter& table, std::size_t used, int step, bool by_rows) {
    table.zero_grad();
    if (by_rows)
        table.add_grad(row_gradient(used, step));
    else
        table.add_grad(dense_gradient(table.shape()[0], used, step));
}

/// A table that grows between steps, and one that has had all its rows from the start: the same bits.
void check_grows(const MakeOptimizer& make_optimizer, bool by_rows, bool reload) {
    const Array values = wave({kAll, kWidth}, 40);
    const Parameter table(slice_rows(values, 0, kOld)), twin(values);
    auto optimizer = make_optimizer(table);
    const auto twins = make_optimizer(twin);
    const auto step = [&](int number, std::size_t used) {
        add_gradient(table, used, number, by_rows);
        add_gradient(twin, used, number, by_rows);
        optimizer->step();
        twins->step();
    };
    for (int number = 1; number <= 3; ++number) step(number, kOld);
    table.zero_grad();
    table.add_rows(slice_rows(values, kOld, kAll));
    twin.assign(table.value());  // weight decay has moved its new rows already
    if (reload) {
        const OptimizerState state = optimizer->state_dict();
        for (const auto& [name, array] : state.tensors) CHECK(to_string(array.shape()) == "(6, 3)");
        optimizer = make_optimizer(table);
        optimizer->load_state_dict(state);
    }
    for (int number = 4; number <= 8; ++number) {
        step(number, kAll);
        check_same(table.value(), twin.value());
    }
    const OptimizerState state = optimizer->state_dict(), expected = twins->state_dict();
    CHECK(state.metadata == expected.metadata);
    REQUIRE(state.tensors.size() == expected.tensors.size());
    for (std::size_t i = 0; i < state.tensors.size(); ++i)
        check_same(state.tensors[i].second, expected.tensors[i].second);
}

}  // namespace

TEST_CASE("added rows: every optimizer keeps its moments, and starts those of new rows") {
    for (const bool by_rows : {false, true}) {
        const auto all = by_rows ? optimizers_of_rows() : optimizers_of_dense();
        for (std::size_t i = 0; i < all.size(); ++i) {
            INFO("optimizer ", i, by_rows ? ", by rows" : ", dense");
            check_grows(all[i], by_rows, false);
            check_grows(all[i], by_rows, true);
        }
    }
}

TEST_CASE("added rows: a state from before they were added is refused, as one of another shape") {
    const Parameter table(wave({kOld, kWidth}));
    Adam adam(table, {.lr = 0.1});
    add_gradient(table, kOld, 1, false);
    adam.step();
    const OptimizerState before = adam.state_dict();
    table.zero_grad();
    table.add_rows(ones({2, kWidth}));
    CHECK_THROWS_AS(adam.load_state_dict(before), std::invalid_argument);
    CHECK(to_string(adam.state_dict().tensors[0].second.shape()) == "(6, 3)");
}

TEST_CASE("added rows: all handles see them, also of layers that share the table") {
    Rng rng(1);
    const Embedding embedding(4, 3, rng, {.padding_idx = -1});
    const Parameter tied = embedding.weight();
    const Array before = tied.value();
    embedding.add_rows(array({2, 3}, {1, 2, 3, 4, 5, 6}));
    CHECK(embedding.num_embeddings() == 6);
    CHECK(embedding.describe() == "Embedding(6, 3, padding_idx=3)");
    CHECK(tied.shape() == Shape{6, 3});
    check_same(slice_rows(tied.value(), 0, 4), before);

    Tape tape;
    const Var out = embedding(tape, {3, 5, 0});
    check_near(slice_rows(out.value(), 1, 2), {4, 5, 6});
    tape.backward(sum(linear(out, tape.leaf(tied))));
    CHECK(tied.grad().shape() == Shape{6, 3});
    Tape alone;
    tied.zero_grad();
    alone.backward(sum(embedding(alone, {3, 5})));
    check_near(tied.grad(), {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1});  // row 3 is padding as before
}

TEST_CASE("added rows: so many are drawn from a normal distribution") {
    Rng rng(7), same(7);
    const EmbeddingBag bag = EmbeddingBag::from_pretrained(zeros({1, 2}), false);
    bag.add_rows(20'000, rng, 3, 0.5);
    CHECK(bag.weight().shape() == Shape{20'001, 2});
    CHECK(bag.weight().value()(1, 0) == static_cast<Real>(3 + 0.5 * same.normal()));
    double total = 0, squares = 0;
    for (std::size_t i = 2; i < bag.weight().size(); ++i) {
        const double x = element(bag.weight().value(), i) - 3;
        total += x;
        squares += x * x;
    }
    CHECK(std::abs(total / 40'000) < 0.02);
    CHECK(std::abs(squares / 40'000 - 0.25) < 0.01);
    CHECK(element(bag.weight().value(), 0) == 0);
}

TEST_CASE("added rows: frozen rows stay frozen, and new ones are trained") {
    for (const IdArray& frozen : {IdArray{1}, IdArray{0, 3}, IdArray{0, 1, 2, 3}}) {
        const Parameter table(wave({kOld, kWidth}));
        table.freeze_rows(frozen);
        AdamW adam(table, {.lr = 0.1});
        add_gradient(table, kOld, 1, false);
        adam.step();
        table.zero_grad();
        const Array before = table.value();
        table.add_rows(ones({2, kWidth}));
        CHECK(table.frozen_rows() == std::vector<std::int64_t>(frozen.begin(), frozen.end()));
        CHECK_FALSE(table.is_frozen(4));
        CHECK(table.trainable_size() == (kAll - frozen.size()) * kWidth);
        CHECK(table.trainable_runs().back().end == kAll * kWidth);
        add_gradient(table, kAll, 2, false);
        adam.step();
        for (const std::int64_t row : frozen)
            for (std::size_t j = 0; j < kWidth; ++j) CHECK(table.value()(row, j) == before(row, j));
        CHECK(table.value()(4, 0) != 1);
        table.unfreeze_rows();
        CHECK(table.trainable_size() == kAll * kWidth);
    }
}

TEST_CASE("added rows: a gradient that is pending is refused, and nothing changes") {
    const auto refused = [](const std::function<void(const Parameter&)>& leave_gradient) {
        Rng rng(3), same(3);
        const Embedding embedding(4, 3, rng);
        rng = same;
        const Parameter& table = embedding.weight();
        leave_gradient(table);
        const Array before = table.value();
        const std::uint64_t version = table.version();
        const std::string message =
            "Parameter: a parameter of shape (4, 3) has a gradient; call zero_grad() before rows are added";
        check_refused<std::logic_error>([&] { table.add_rows(ones({2, 3})); }, message);
        check_refused<std::logic_error>([&] { embedding.add_rows(2, rng); }, message);
        check_same(table.value(), before);
        CHECK(table.version() == version);
        CHECK(table.has_gradient());
        CHECK(rng.normal() == same.normal());
        table.zero_grad();
        CHECK_NOTHROW(table.add_rows(ones({2, 3})));
        CHECK(dense_gradient(6, 6, 1).shape() == table.dense_grad().shape());
    };
    refused([](const Parameter& table) { table.add_grad(ones({4, 3})); });
    refused([](const Parameter& table) { table.add_grad(RowGradient({1}, ones({1, 3}))); });
    refused([](const Parameter& table) {
        table.add_grad(ones({4, 3}));
        table.mutable_grad();
        table.zero_grad(false);
    });
    refused([](const Parameter& table) {
        Tape tape;
        tape.backward(sum(tape.leaf(table)));  // one number for all elements
    });
}

TEST_CASE("added rows: rows of another shape are refused, and nothing changes") {
    const Parameter table(wave({4, 3})), scalar(Array(Shape{})), none(zeros({0, 2}));
    const auto refused = [&](const Array& rows, const std::string& shape) {
        check_refused<std::invalid_argument>(
            [&] { table.add_rows(rows); },
            "Parameter: rows of shape " + shape + " cannot be added to a parameter of shape (4, 3)");
    };
    refused(ones({2, 4}), "(2, 4)");
    refused(ones({3}), "(3,)");
    refused(ones({1, 3, 1}), "(1, 3, 1)");
    refused(ones({}), "()");
    check_refused<std::invalid_argument>([&] { scalar.add_rows(ones({})); },
                                         "Parameter: a scalar has no rows to add to");
    check_refused<std::logic_error>([] { Parameter().add_rows(ones({1})); },
                                    "Parameter: this handle is empty; construct it from an array");
    CHECK(table.version() == 0);
    table.add_rows(zeros({0, 3}));
    CHECK(table.version() == 0);
    CHECK(table.shape() == Shape{4, 3});
    none.add_rows(ones({2, 2}));
    check_near(none.value(), {1, 1, 1, 1});
    CHECK(none.trainable_size() == 4);

    Rng rng(1);
    const Embedding embedding(4, 3, rng);
    check_refused<std::invalid_argument>([&] { embedding.add_rows(-1, rng); },
                                         "add_rows: the number of rows must not be negative, but got -1");
    check_refused<std::invalid_argument>([&] { embedding.add_rows(1, rng, 0, kNaN); },
                                         "add_rows: std must not be negative, but got nan");
    CHECK(embedding.num_embeddings() == 4);
}

TEST_CASE("added rows: a vector grows by elements, and a table by its own rows") {
    const Parameter bias(array({2}, {1, 2})), table(array({1, 2}, {3, 4}));
    bias.add_rows(array({1}, {5}));
    check_near(bias.value(), {1, 2, 5});
    table.add_rows(table.value());
    table.add_rows(table.value());
    check_near(table.value(), {3, 4, 3, 4, 3, 4, 3, 4});
    CHECK(table.version() == 2);
    CHECK(table.clone().shape() == Shape{4, 2});
}

TEST_CASE("added rows: a tape that was open does not go back any more, whatever it used the table for") {
    const std::vector<std::function<Var(Tape&, const Parameter&)>> uses = {
        [](Tape& tape, const Parameter& table) {
            return embedding(tape, table, {0, 1});
        },
        [](Tape& tape, const Parameter& table) {
            return linear(tape.constant(ones({2, 3})), tape.leaf(table));
        },
        [](Tape& tape, const Parameter& table) { return tape.leaf(table) * tape.leaf(table); },
        [](Tape& tape, const Parameter& table) {
            return embedding_bag(tape, table, IdArray{{1, 2}});
        }};
    for (std::size_t i = 0; i < uses.size(); ++i) {
        INFO("use ", i);
        const Parameter table(wave({4, 3})), other(ones({1}));
        Tape tape;
        const Var loss = sum(uses[i](tape, table)) + sum(tape.leaf(other));
        table.add_rows(ones({2, 3}));
        const std::string message =
            "backward: rows were added to a parameter since forward, its shape is (6, 3) now; add them after backward, "
            "or run forward again";
        check_refused<std::logic_error>([&] { tape.backward(loss); }, message);
        check_refused<std::logic_error>([&] { backward({loss}); }, message);
        CHECK_FALSE(table.has_gradient());
        CHECK_FALSE(other.has_gradient());
        tape.clear();
        tape.backward(sum(uses[i](tape, table)));
        CHECK(table.dense_grad().shape() == Shape{6, 3});
    }
}

TEST_CASE("added rows: an open evaluation goes on with them") {
    const Parameter table(wave({4, 3}));
    Tape eval(Mode::eval);
    const Var before = embedding(eval, table, {1});
    table.add_rows(full({1, 3}, 9));
    check_near(embedding(eval, table, {4}).value(), {9, 9, 9});
    check_near(before.value(), {std::sin(4), std::sin(5), std::sin(6)});
    CHECK(eval.leaf(table).shape() == Shape{5, 3});
}

TEST_CASE("added rows: values of another shape are no added rows, and a state of theirs is refused") {
    const Parameter p(ones({4, 3})), other(ones({2}));
    Adam adam({p, other});
    p.add_grad(ones({4, 3}));
    adam.step();
    p.zero_grad();
    p.mutable_value() = zeros({2, 3});
    CHECK_THROWS_AS(adam.state_dict(), std::logic_error);
    other.add_grad(ones({2}));
    CHECK_THROWS_AS(adam.step(), std::logic_error);
    CHECK(other.value()(0) == 1);
    CHECK_THROWS_AS(p.clone(), std::logic_error);
}

TEST_CASE("added rows: none drawn, none changed") {
    Rng rng(1);
    const Embedding table(3, 2, rng);
    const std::uint64_t version = table.weight().version();
    table.add_rows(0, rng);
    CHECK(table.weight().version() == version);
}
