#include <embergrad/engine/gradient/gradient_runs.hpp>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include <embergrad/engine/ops.hpp>
#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/adamw.hpp>
#include <embergrad/optim/clip.hpp>
#include <embergrad/optim/sgd.hpp>

#include "support.hpp"
#include "threads.hpp"

using namespace embergrad;
using detail::for_each_run;
using embergrad::testing::check_same;

namespace {

constexpr std::size_t kV = 40, kD = 3;

Array random_table(std::uint64_t seed) {
    Rng rng(seed);
    Array table(Shape{kV, kD});
    for (std::size_t i = 0; i < table.size(); ++i) table.data()[i] = static_cast<Real>(rng.normal());
    return table;
}

IdArray random_ids(Rng& rng, std::size_t n) {
    IdArray ids(Shape{n});
    for (std::size_t i = 0; i < n; ++i) ids.data()[i] = static_cast<std::int64_t>(rng.below(kV));
    return ids;
}

/// One backward pass of a lookup; the gradient is dense.
void look_up(const Parameter& table, const IdArray& ids) {
    Tape tape;
    const Var y = embedding(tape, table, ids, {.padding_idx = 5});
    tape.backward(sum(y * y));
}

/// The same numbers as an array, of which nobody knows where they are zero.
void forget_rows(const Parameter& table) {
    if (table.gradient_kind() == GradientKind::dense) table.mutable_grad();
}

using Ids = std::vector<std::int64_t>;

bool is_array(const Parameter& table) { return table.gradient().is_array(); }

/// The rows whose gradient is not known to be zero, ascending.
Ids rows_with_gradient(const Parameter& table) {
    Ids rows;
    for_each_run(table.gradient(), table.trainable_runs(), [&](std::size_t begin, std::size_t end, const Real* g) {
        for (std::size_t i = begin; g != nullptr && i < end; i += kD) rows.push_back(static_cast<std::int64_t>(i / kD));
    });
    return rows;
}

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(const Parameter&)>;

template <class Rule, class Options>
MakeOptimizer maker(const Options& options) {
    return [options](const Parameter& table) { return std::make_unique<Rule>(std::vector<Parameter>{table}, options); };
}

const std::vector<MakeOptimizer> kOptimizers{
    maker<SGD>(SGDOptions{.lr = 0.1}),
    maker<SGD>(SGDOptions{.lr = 0.1, .weight_decay = 0.1}),
    maker<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true}),
    maker<Adam>(AdamOptions{.lr = 0.1}),
    maker<Adam>(AdamOptions{.lr = 0.1, .weight_decay = 0.1, .maximize = true}),
    maker<Adam>(AdamOptions{.lr = 0.1, .amsgrad = true}),
    maker<AdamW>(AdamWOptions{.lr = 0.1}),
    maker<Adagrad>(AdagradOptions{.lr = 0.1}),
};

}  // namespace

TEST_CASE("gradient runs: a dense gradient of lookups is held by rows, whatever else is done with it") {
    const Parameter table(random_table(1));
    look_up(table, {7, 3, 7});
    CHECK(table.gradient_kind() == GradientKind::dense);
    CHECK(rows_with_gradient(table) == Ids{3, 7});
    look_up(table, {9});
    CHECK(rows_with_gradient(table) == Ids{3, 7, 9});
    table.add_grad(RowGradient({11}, ones({1, kD})));
    CHECK(table.gradient_kind() == GradientKind::dense);
    CHECK(rows_with_gradient(table) == Ids{3, 7, 9, 11});
    CHECK(table.grad()(11, 0) == 1);
    CHECK(rows_with_gradient(table) == Ids{3, 7, 9, 11});  // reading has changed nothing
    table.zero_grad(false);
    CHECK(table.gradient_kind() == GradientKind::dense);
    CHECK(rows_with_gradient(table).empty());
    check_same(table.grad(), zeros({kV, kD}));
    table.add_grad(ones({kV, kD}));
    CHECK(is_array(table));
    table.zero_grad();
    look_up(table, {1});
    CHECK_FALSE(is_array(table));
    table.mutable_grad();
    CHECK(is_array(table));
}

TEST_CASE("gradient runs: of a table that is used elsewhere too, or looked up nearly everywhere, it is an array") {
    const Parameter table(random_table(1));
    Tape tape;
    tape.backward(sum(embedding(tape, table, {1})) + sum(tape.leaf(table)));
    CHECK(is_array(table));
    CHECK(table.grad()(1, 0) == 2);
    CHECK(table.grad()(2, 0) == 1);
    table.zero_grad();
    Rng rng(3);
    look_up(table, random_ids(rng, kV));
    CHECK(is_array(table));
}

TEST_CASE("gradient runs: a tied table with frozen rows, looked up here and nearly everywhere, is as by one-hot rows") {
    Rng rng(5);
    const Array x = random_table(9);
    const auto one_hot = [](const IdArray& ids) {
        Array rows = zeros({ids.size(), kV});
        for (std::size_t i = 0; i < ids.size(); ++i) rows(i, static_cast<std::size_t>(ids.data()[i])) = 1;
        return rows;
    };
    for (const std::vector<std::size_t>& sizes : {std::vector<std::size_t>{3}, {kV, kV}, {3, kV, 5}, {kV, 3}}) {
        const Parameter table(random_table(2)), oracle(random_table(2));
        for (const Parameter& p : {table, oracle}) p.freeze_rows({0, 17});
        Tape tape, oracle_tape;
        Var loss = sum(linear(tape.constant(x), tape.leaf(table)) * Real{0.5});
        Var oracle_loss = sum(linear(oracle_tape.constant(x), oracle_tape.leaf(oracle)) * Real{0.5});
        for (std::size_t n : sizes) {
            const IdArray ids = random_ids(rng, n);
            const Var y = embedding(tape, table, ids);
            const Var z = matmul(oracle_tape.constant(one_hot(ids)), oracle_tape.leaf(oracle));
            loss = loss + sum(y * y), oracle_loss = oracle_loss + sum(z * z);
        }
        tape.backward(loss), oracle_tape.backward(oracle_loss);
        embergrad::testing::check_arrays_near(table.grad(), oracle.grad());
        CHECK(table.grad()(17, 0) == 0);
    }
}

TEST_CASE("gradient runs: gradients are the same as ever, step after step") {
    Rng rng(21);
    const Parameter table(random_table(2));
    for (int step = 0; step < 200; ++step) {
        CAPTURE(step);
        const bool to_none = rng.below(2) == 0;
        table.zero_grad(to_none);
        const Parameter fresh(table.value());
        for (std::uint64_t call = 0; call <= rng.below(3); ++call) {
            const IdArray ids = random_ids(rng, rng.below(12));
            look_up(table, ids);
            look_up(fresh, ids);
            if (step >= 150 && rng.below(4) == 0) forget_rows(table);
        }
        check_same(table.grad(), fresh.grad());
    }
}

TEST_CASE("gradient runs: every optimizer gives the same bits as with a gradient whose rows are not known") {
    for (std::size_t k = 0; k < kOptimizers.size(); ++k) {
        for (const bool freeze : {false, true}) {
            CAPTURE(k);
            CAPTURE(freeze);
            Rng rng(31);
            const Parameter known(random_table(4)), unknown(random_table(4));
            if (freeze) known.freeze_rows({1, 2, 30}), unknown.freeze_rows({1, 2, 30});
            const auto a = kOptimizers[k](known), b = kOptimizers[k](unknown);
            for (int step = 0; step < 30; ++step) {
                const IdArray ids = random_ids(rng, 6);
                for (const Parameter& table : {known, unknown}) table.zero_grad(step % 3 != 0), look_up(table, ids);
                if (step % 5 == 4) clip_grad_value({known}, 0.5), clip_grad_value({unknown}, 0.5);
                forget_rows(unknown);
                a->step(), b->step();
                check_same(known.value(), unknown.value());
            }
        }
    }
}

TEST_CASE("gradient runs: clipping by norm takes a gradient held by rows for the array that it is") {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    for (const double order : {2.0, 1.0, 3.0, 0.5, kInf, -kInf, -1.0, 0.0}) {
        CAPTURE(order);
        Rng rng(32);
        const Parameter known(random_table(4)), unknown(random_table(4));
        const IdArray ids = random_ids(rng, 6);
        for (const Parameter& table : {known, unknown}) look_up(table, ids);
        forget_rows(unknown);
        const double a = clip_grad_norm({known}, 0.25, order), b = clip_grad_norm({unknown}, 0.25, order);
        CHECK(a == doctest::Approx(b).epsilon(1e-14));
        for (std::size_t i = 0; i < known.size(); ++i) {
            const double x = static_cast<double>(known.grad().data()[i]);
            CHECK(x == doctest::Approx(static_cast<double>(unknown.grad().data()[i])).epsilon(1e-6));
        }
    }
    const Parameter table(random_table(5));
    look_up(table, {1, 2});
    table.gradient().mutable_rows().mutable_values().data()[0] = std::numeric_limits<Real>::quiet_NaN();
    CHECK(std::isnan(clip_grad_norm({table}, 1)));
    for (Real g : table.grad()) CHECK(std::isnan(g));  // zeros too, as PyTorch's
}

TEST_CASE("gradient runs: they cover the trainable values once, and say where the gradient is zero") {
    const Parameter table(random_table(1));
    for (const bool freeze : {false, true}) {
        CAPTURE(freeze);
        if (freeze) table.freeze_rows({1, 17});
        look_up(table, {0, 2, 3, 17, 39, 2});
        const Array expected = table.grad();
        table.zero_grad();
        look_up(table, {0, 2, 3, 17, 39, 2});
        std::vector<int> covered(table.size(), 0);
        for_each_run(table.gradient(), table.trainable_runs(), [&](std::size_t begin, std::size_t end, const Real* g) {
            REQUIRE(begin < end);
            for (std::size_t i = begin; i < end; ++i) {
                ++covered[i];
                CHECK((g == nullptr ? 0 : g[i - begin]) == expected.data()[i]);
            }
        });
        for (std::size_t i = 0; i < covered.size(); ++i) CHECK(covered[i] == (table.is_frozen(i / kD) ? 0 : 1));
        CHECK(rows_with_gradient(table) == (freeze ? Ids{0, 2, 3, 39} : Ids{0, 2, 3, 17, 39}));
        table.zero_grad();
    }
    const Parameter scalar(Array(2));
    scalar.add_grad(Array(1));
    std::size_t runs = 0;
    for_each_run(scalar.gradient(), scalar.trainable_runs(), [&](std::size_t, std::size_t, const Real*) { ++runs; });
    CHECK(runs == 1);
}

TEST_CASE("gradient runs: a step on a large table takes no memory of its size, neither in backward nor to be kept") {
    const std::size_t v = 100'000;
    const Parameter table(zeros({v, 8}));
    SGD sgd({table}, {.lr = 1});
    release_memory();
    const MemoryStats before = memory_stats();
    for (int step = 0; step < 3; ++step) {
        sgd.zero_grad();
        look_up(table, {1, 2, 99'999});
        sgd.step();
    }
    CHECK(memory_stats().system_bytes - before.system_bytes < v * 8 * sizeof(Real) / 4);
    CHECK(table.grad().shape() == Shape{v, 8});  // for whoever asks
    sgd.zero_grad();
    release_memory();
    CHECK(memory_stats().kept_bytes == 0);
}

TEST_CASE("gradient runs: a scalar and a table without rows are stepped like any other") {
    for (const MakeOptimizer& make : kOptimizers) {
        const Parameter kept(Array(2)), dropped(Array(2)), empty(zeros({0, kD}));
        const auto a = make(kept), b = make(dropped), c = make(empty);
        for (int step = 0; step < 4; ++step) {
            a->zero_grad(false), b->zero_grad(true), c->zero_grad(step % 2 == 0);
            for (const Parameter& p : {kept, dropped}) p.add_grad(Array(3));
            Tape tape;
            tape.backward(sum(embedding(tape, empty, IdArray())));
            a->step(), b->step(), c->step();
            CHECK(kept.value()() == dropped.value()());
            CHECK(kept.grad()() == 3);
        }
        CHECK(kept.value()() != 2);
    }
}

TEST_CASE("gradient runs: a reference to the gradient may be kept, and written to at any time") {
    const Parameter table(random_table(1));
    look_up(table, {1});
    Array& gradient = table.mutable_grad();
    table.zero_grad();
    look_up(table, {2});
    gradient(7, 0) = 5;
    const Real before = table.value()(7, 0);
    SGD sgd({table}, {.lr = 1});
    sgd.step();
    CHECK(table.value()(7, 0) == before - 5);
    table.zero_grad();
    look_up(table, {3});
    CHECK(table.grad()(7, 0) == 0);
}

TEST_CASE("gradient runs: pieces of a large gradient, with any number of threads") {
    const std::size_t v = 7000, d = 77;  // several tiles, which end within rows
    Rng rng(8);
    Array values(Shape{v, d});
    for (std::size_t i = 0; i < values.size(); ++i) values.data()[i] = static_cast<Real>(rng.normal());
    for (std::size_t k = 0; k < kOptimizers.size(); ++k) {
        CAPTURE(k);
        const Parameter one(values), three(values), unknown(values);
        const auto a = kOptimizers[k](one), b = kOptimizers[k](three), c = kOptimizers[k](unknown);
        for (int step = 0; step < 3; ++step) {
            IdArray ids(Shape{500});
            for (std::int64_t& id : ids) id = static_cast<std::int64_t>(rng.below(v));
            for (const Parameter& table : {one, three, unknown}) table.zero_grad(), look_up(table, ids);
            forget_rows(unknown);
            {
                const embergrad::testing::Threads threads(3);
                b->step();
                CHECK(threads.has_shared());
            }
            const embergrad::testing::Threads threads(1);
            a->step(), c->step();
            check_same(one.value(), unknown.value());
            check_same(three.value(), unknown.value());
        }
    }
}
