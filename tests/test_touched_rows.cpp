#include <embergrad/engine/gradient/touched_rows.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <embergrad/engine/gradient/gradient_runs.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/adamw.hpp>
#include <embergrad/optim/clip.hpp>
#include <embergrad/optim/sgd.hpp>

#include "support.hpp"
#include "threads.hpp"

using namespace embergrad;
using detail::gradient_runs, detail::TouchedRows;
using embergrad::testing::check_refused, embergrad::testing::check_same;

namespace {

using Rows = std::vector<std::size_t, Allocator<std::size_t>>;

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

/// The same numbers, of which nobody knows where they are zero.
void forget_rows(const Parameter& table) {
    if (table.gradient_kind() == GradientKind::dense) table.mutable_grad();
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

TEST_CASE("touched rows: the gradient of a lookup knows its rows, whatever else is done with it") {
    const Parameter table(random_table(1));
    look_up(table, {7, 3, 7});
    CHECK_FALSE(table.touched_rows().all());
    CHECK(table.touched_rows().ascending() == Rows{3, 7});
    look_up(table, {9});
    CHECK(table.touched_rows().ascending() == Rows{3, 7, 9});
    table.add_grad(RowGradient({11}, ones({1, kD})));
    CHECK(table.touched_rows().ascending() == Rows{3, 7, 9, 11});
    table.zero_grad(false);
    CHECK(table.touched_rows().ascending().empty());
    check_same(table.grad(), zeros({kV, kD}));
    table.add_grad(ones({kV, kD}));
    CHECK(table.touched_rows().all());
    table.zero_grad();
    look_up(table, {1});
    CHECK_FALSE(table.touched_rows().all());
    table.mutable_grad();
    CHECK(table.touched_rows().all());
}

TEST_CASE("touched rows: a table that is used elsewhere too, or looked up nearly everywhere, is touched everywhere") {
    const Parameter table(random_table(1));
    Tape tape;
    tape.backward(sum(embedding(tape, table, {1})) + sum(tape.leaf(table)));
    CHECK(table.touched_rows().all());
    CHECK(table.grad()(1, 0) == 2);
    CHECK(table.grad()(2, 0) == 1);
    table.zero_grad();
    Rng rng(3);
    look_up(table, random_ids(rng, kV));
    CHECK(table.touched_rows().all());
}

TEST_CASE("touched rows: gradients are the same as ever, step after step") {
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

TEST_CASE("touched rows: every optimizer gives the same bits as with a gradient whose rows are not known") {
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
                if (step % 5 == 4) clip_grad_norm({known}, 0.5), clip_grad_norm({unknown}, 0.5);
                forget_rows(unknown);
                a->step(), b->step();
                check_same(known.value(), unknown.value());
            }
        }
    }
}

TEST_CASE("touched rows: runs cover the trainable values once, and say where the gradient is zero") {
    const Parameter table(random_table(1));
    look_up(table, {0, 2, 3, 39});
    const auto runs = gradient_runs(table);
    std::size_t end = 0;
    for (const auto& run : runs) {
        CHECK(run.begin == end);
        end = run.end;
    }
    CHECK(end == table.size());
    REQUIRE(runs.size() == 5);
    CHECK((!runs[0].zero && runs[1].zero && !runs[2].zero && runs[3].zero && !runs[4].zero));
    CHECK((runs[2].begin == 2 * kD && runs[2].end == 4 * kD));
    const Parameter scalar(Array(2));
    scalar.add_grad(Array(1));
    CHECK(gradient_runs(scalar).size() == 1);
}

TEST_CASE("touched rows: zeros stay with the table only as far as memory may be kept") {
    const std::size_t cap = memory_cap();
    const Parameter table(random_table(1));
    const auto clears_in_place = [&] {
        look_up(table, {1});
        const Real* before = table.grad().data();
        table.zero_grad();
        release_memory();
        look_up(table, {2});
        return table.grad().data() == before;
    };
    CHECK(clears_in_place());
    table.zero_grad();
    set_memory_cap(0);
    look_up(table, {1});
    table.zero_grad();
    CHECK(table.take_zeros().size() == table.size());
    set_memory_cap(cap);
}

TEST_CASE("touched rows: a scalar and a table without rows are stepped like any other") {
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

TEST_CASE("touched rows: a reference to the gradient may be kept, and written to at any time") {
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

TEST_CASE("touched rows: pieces of a large gradient, with any number of threads") {
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

TEST_CASE("touched rows: only a leaf has them, and only the rows there are") {
    const Parameter table(random_table(1));
    Tape tape;
    const Var y = embedding(tape, table, {1});
    const std::vector<std::int64_t> rows{0};
    check_refused<std::logic_error>([&] { y.grad_rows(rows); },
                                    "Var::grad_rows: only a leaf that needs a gradient has rows of one");
    const std::vector<std::int64_t> beyond{0, kV};
    check_refused<std::out_of_range>([&] { tape.leaf(table).grad_rows(beyond); },
                                     "Var::grad_rows: row 40 is outside a gradient of 40 rows");
}
