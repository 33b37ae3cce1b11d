#include <embergrad/engine/gradient/gradient.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <thread>
#include <type_traits>
#include <vector>

#include <embergrad/embergrad.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Values = std::vector<double>;

Values values(const Array& array) { return {array.begin(), array.end()}; }

constexpr const char* kHandedOn =
    "Var::grad: this gradient was handed on to a table on the way back; call retain_grad() before backward to read it "
    "afterwards";

/// A gradient of a parameter, apart from any.
struct TableGradient {
    explicit TableGradient(const Shape& of) : shape(of) { gradient.bind(shape, true); }

    Shape shape;
    Gradient gradient;
};

}  // namespace

TEST_CASE("gradient: one number is told until somebody asks for the array") {
    const Parameter p(array({2}, {1, 2}));
    Tape tape;
    const Var x = tape.leaf(p), y = x * 2;
    CHECK_FALSE(y.gradient().number());
    y.gradient().add(Real{3});
    CHECK(y.gradient().number() == Real{3});
    y.gradient().add(Real{1});
    CHECK(y.gradient().number() == Real{4});
    CHECK(values(y.grad()) == Values{4, 4});
    CHECK_FALSE(y.gradient().number());
    y.gradient().add(Real{1});
    CHECK(values(y.grad()) == Values{5, 5});
    x.gradient().add(Real{5});
    CHECK(values(x.grad()) == Values{5, 5});
    const Var constant = tape.constant(array({2}, {1, 2}));
    CHECK_THROWS_WITH_AS(constant.gradient(), "Var::grad: this value needs no gradient", std::logic_error);
}

TEST_CASE("gradient: a parameter gets one number as an array") {
    const Parameter p(array({2}, {1, 2}));
    for (int pass = 1; pass <= 2; ++pass) {
        Tape tape;
        tape.backward(sum(tape.leaf(p)) * 3);
        CHECK(values(p.grad()) == Values{3.0 * pass, 3.0 * pass});
        CHECK(p.gradient().is_array());
    }
}

TEST_CASE("gradient: a target is written whole the first time, and added to afterwards") {
    const Parameter p(ones({2, 3}));
    Tape tape;
    const Var y = tape.leaf(p) * 2;
    {
        const auto [first, add] = y.gradient().target();
        CHECK_FALSE(add);
        CHECK(first.shape() == Shape{2, 3});
        first.fill(7);
    }
    CHECK(y.gradient().target().add);
    CHECK(values(y.grad()) == Values(6, 7));
    const Var z = tape.leaf(p) * 3;
    z.gradient().add(Real{2});
    CHECK(z.gradient().target().add);
    CHECK(values(z.gradient().target().array) == Values(6, 2));
}

TEST_CASE("gradient: given away in another shape it cannot be read, unless it was retained") {
    const Parameter p(ones({2, 3}));
    Tape tape;
    const Var x = tape.leaf(p), y = x * 2, z = x * 3, kept = x * 4;
    y.gradient().array().data()[5] = 7;
    const Real* data = y.grad().data();
    CHECK_THROWS_WITH_AS(y.gradient().take({4, 2}),
                         "Gradient::take: a gradient of shape (2, 3) does not fit shape (4, 2)", std::invalid_argument);
    CHECK(y.grad().data()[5] == 7);  // nothing has changed
    const Array taken = y.gradient().take({3, 2});
    CHECK(taken.shape() == Shape{3, 2});
    CHECK(taken.data() == data);
    CHECK(taken.data()[5] == 7);
    CHECK_THROWS_WITH_AS(y.grad(), kHandedOn, std::logic_error);
    CHECK_THROWS_WITH_AS(y.gradient().target(), kHandedOn, std::logic_error);
    CHECK_THROWS_WITH_AS(y.gradient().add(Real{1}), kHandedOn, std::logic_error);
    CHECK_THROWS_WITH_AS(y.gradient().take({3, 2}), kHandedOn, std::logic_error);
    CHECK_FALSE(y.gradient().number());
    CHECK(values(z.gradient().take({1, 6})) == Values(6, 0));  // nothing had arrived
    kept.retain_grad();
    kept.gradient().array().data()[0] = 5;
    CHECK(kept.gradient().take({6, 1}).data()[0] == 5);
    CHECK(kept.grad().shape() == Shape{2, 3});
    CHECK(kept.grad().data()[0] == 5);
    CHECK_THROWS_WITH_AS(x.gradient().take({2, 3}), "Gradient::take: a parameter keeps its gradient", std::logic_error);
}

TEST_CASE("gradient: a lookup hands its own to the table; retained, it can be read after backward") {
    for (const bool sparse : {false, true}) {
        CAPTURE(sparse);
        const Parameter table(array({3, 2}, {1, 2, 3, 4, 5, 6}));
        for (const bool retain : {false, true}) {
            table.zero_grad();
            Tape tape;
            const Var rows = embedding(tape, table, {2, 0, 2}, {.sparse = sparse});
            if (retain) rows.retain_grad();
            tape.backward(sum(rows * rows));
            CHECK(values(dense_gradient(table)) == Values{2, 4, 0, 0, 20, 24});
            if (retain)
                CHECK(values(rows.grad()) == Values{10, 12, 2, 4, 10, 12});
            else
                CHECK_THROWS_WITH_AS(rows.grad(), kHandedOn, std::logic_error);
        }
        Tape tape;  // used nodes are neither handed on nor retained
        const Var rows = embedding(tape, table, {2, 0, 2}, {.sparse = sparse});
        CHECK(values(rows.grad()) == Values(6, 0));
    }
}

TEST_CASE("gradient: a workspace becomes one where nothing has arrived") {
    const Parameter p(ones({2, 3}));
    Tape tape;
    const Var x = tape.leaf(p), y = x * x, workspace = tape.workspace({6, 1});
    std::iota(workspace.mutable_value().begin(), workspace.mutable_value().end(), Real{0});
    const Real* data = workspace.value().data();
    CHECK_THROWS_WITH_AS(static_cast<void>(y.gradient().adopt(tape.workspace({5}).mutable_value())),
                         "Gradient::adopt: a workspace of shape (5,) does not hold a gradient of shape (2, 3)",
                         std::invalid_argument);
    CHECK(y.gradient().is_nothing());
    CHECK(y.gradient().adopt(workspace.mutable_value()));
    CHECK(y.grad().data() == data);
    CHECK(y.grad().shape() == Shape{2, 3});
    CHECK(values(y.grad()) == Values{0, 1, 2, 3, 4, 5});
    CHECK(y.gradient().target().add);
    const Var another = tape.workspace({2, 3});
    CHECK_FALSE(y.gradient().adopt(another.mutable_value()));
    const Var z = x * x;
    z.gradient().add(Real{1});
    CHECK_FALSE(z.gradient().adopt(another.mutable_value()));
    CHECK(z.gradient().number() == Real{1});
}

TEST_CASE("gradient: rows are of the kind that all of them are; an array makes it dense") {
    const auto row = [](std::int64_t id) { return RowGradient({id}, ones({1, 2})); };
    TableGradient sparse({8, 2}), dense({8, 2}), both({8, 2}), other({8, 2}), array({8, 2});
    CHECK(sparse.gradient.kind() == GradientKind::none);
    sparse.gradient.add(row(1));
    sparse.gradient.add(row(2), true);
    CHECK(sparse.gradient.kind() == GradientKind::rows);
    dense.gradient.add(row(1), false);
    CHECK(dense.gradient.kind() == GradientKind::dense);
    both.gradient.add(row(1), true);
    both.gradient.add(row(2), false);
    CHECK(both.gradient.kind() == GradientKind::dense);
    other.gradient.add(row(1), false);
    other.gradient.add(row(2), true);
    CHECK(other.gradient.kind() == GradientKind::dense);
    array.gradient.add(row(1), true);
    array.gradient.add(ones({8, 2}));
    CHECK(array.gradient.kind() == GradientKind::dense);
    CHECK(array.gradient.read()(1, 0) == 2);
    CHECK(array.gradient.read()(2, 0) == 1);
    CHECK_THROWS_AS(array.gradient.add(row(8)), std::out_of_range);
    TableGradient sum({8, 2});
    for (TableGradient* each : {&sparse, &dense, &both, &other}) sum.gradient.add(std::move(each->gradient));
    CHECK(sum.gradient.kind() == GradientKind::dense);
    CHECK(dense.gradient.is_nothing());
    CHECK(values(sum.gradient.read()) == Values{0, 0, 4, 4, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("gradient: one held by rows is written out once, by whichever thread asks first, and stays by rows") {
    for (int round = 0; round < 20; ++round) {
        const Parameter table(zeros({50, 3}));
        {
            Tape tape;
            tape.backward(sum(embedding(tape, table, {4, 9, 4})));
        }
        std::vector<const Real*> seen(4);
        std::vector<double> read(4);
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < seen.size(); ++i) {
            threads.emplace_back([&, i] {
                const Array& gradient = table.grad();
                seen[i] = gradient.data();
                read[i] = static_cast<double>(gradient(4, 1) + gradient(9, 2) + gradient(0, 0));
            });
        }
        for (std::thread& thread : threads) thread.join();
        CHECK(std::count(seen.begin(), seen.end(), seen[0]) == 4);
        CHECK(std::count(read.begin(), read.end(), 3.0) == 4);
        CHECK(table.gradient().has_rows());
    }
}

TEST_CASE("gradient: who has read it sees it clipped and zeroed") {
    const Parameter table(zeros({5000, 3}));
    Tape tape;
    tape.backward(sum(embedding(tape, table, {4, 4})));
    const Array& read = table.grad();
    CHECK(read(4, 0) == 2);
    clip_grad_value({table}, 0.5);
    CHECK(read(4, 0) == 0.5);
    table.zero_grad(false);
    CHECK(read(4, 0) == 0);
    CHECK(read.shape() == Shape{5000, 3});
}

TEST_CASE("gradient: an op that asks for the array of a leaf finds the first lookup's rows first") {
    const Parameter table(zeros({9, 1}));
    Tape tape;
    const Var leaf = tape.leaf(table);
    constexpr Real kBig = 2 / std::numeric_limits<Real>::epsilon();  // kBig + 1 == kBig
    for (const Real value : {-kBig, Real{1}, kBig})                  // backward meets the last lookup first
        leaf.gradient().add(RowGradient({1}, full({1, 1}, value)), false);
    CHECK(leaf.grad()(1, 0) == 0);  // (kBig + 1) - kBig
    CHECK_FALSE(std::is_copy_constructible_v<Gradient>);
}

TEST_CASE("gradient: what was read before is right again when it is read after a change") {
    const Parameter table(zeros({50, 3}));
    const auto look_up = [&](const IdArray& ids) {
        Tape tape;
        tape.backward(sum(embedding(tape, table, ids)));
    };
    look_up({4});
    CHECK(table.grad()(4, 0) == 1);
    look_up({4, 7});
    CHECK(table.grad()(4, 0) == 2);
    CHECK(table.grad()(7, 0) == 1);
    CHECK(table.grad()(5, 0) == 0);
    clip_grad_value({table}, 0.5);
    CHECK(table.grad()(4, 0) == 0.5);
    table.freeze_rows({4});
    CHECK(table.grad()(4, 0) == 0);
    CHECK(table.grad()(7, 0) == 0.5);
    table.zero_grad();
    look_up({7, 8});
    CHECK(table.grad()(7, 0) == 1);
    clip_grad_norm({table}, std::sqrt(6.0) / 2);
    CHECK(table.grad()(8, 2) == doctest::Approx(0.5));
}

TEST_CASE("gradient: rows that are added again and again are summed up now and then") {
    const Parameter table(zeros({10, 2}));
    for (int pass = 0; pass < 300; ++pass) {
        IdArray ids(Shape{100});
        for (std::size_t i = 0; i < ids.size(); ++i) ids.data()[i] = static_cast<std::int64_t>(i % 10);
        Tape tape;
        tape.backward(sum(embedding(tape, table, ids, {.sparse = true})));
        CHECK(table.row_grad().size() <= 100);  // or of one pass
    }
    RowGradient rows = table.row_grad();
    rows.coalesce();
    CHECK(rows.size() == 10);
    for (Real value : rows.values()) CHECK(value == 3000);
}

TEST_CASE("gradient: one by rows that is moved to itself stays, and one that was moved away is empty") {
    RowGradient rows({3, 1}, ones({2, 4}));
    RowGradient& same = rows;
    rows = std::move(same);
    CHECK(rows.rows() == std::vector<std::int64_t>{3, 1});
    CHECK(rows.values().shape() == Shape{2, 4});
    const RowGradient taken = std::move(rows);
    CHECK(taken.size() == 2);
    CHECK(rows.size() == 0);
    CHECK(rows.values().size() == 0);
}

TEST_CASE("gradient: zeroed, a gradient held by rows keeps no array, and a dropped one gives its memory back") {
    constexpr std::size_t kV = 200000;
    const Parameter table(zeros({kV, 4}));
    for (const bool to_none : {false, true}) {
        Tape tape;
        tape.backward(sum(embedding(tape, table, {7})));
        CHECK(table.grad()(7, 0) == 1);
        table.zero_grad(to_none);
        CHECK(table.has_gradient() == !to_none);
        release_memory();
        CHECK(memory_stats().kept_bytes == 0);
        if (!to_none) CHECK_FALSE(table.gradient().is_copied());
    }
}
