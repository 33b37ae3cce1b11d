// SGD: PyTorch's numbers, a naive twin, and gradients by rows against dense ones.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/rng.hpp>
#include <embergrad/engine/tape.hpp>
#include <embergrad/optim/sgd.hpp>

using namespace embergrad;

namespace {

constexpr double kTolerance = sizeof(Real) == 8 ? 1e-12 : 1e-5;

Array array(const Shape& shape, const std::vector<double>& values) {
    Array result(shape);
    for (std::size_t i = 0; i < values.size(); ++i) result.data()[i] = static_cast<Real>(values[i]);
    return result;
}

void check_near(const Array& values, const std::vector<double>& expected, double tolerance = kTolerance) {
    REQUIRE(values.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(static_cast<double>(values.data()[i]) == doctest::Approx(expected[i]).epsilon(tolerance));
    }
}

// The problem of tests/reference/optim.py.
Parameter start() { return Parameter(array({3, 2}, {0.5, -1.25, 2, 0.75, -0.125, 3})); }

Array gradient(int step) {
    Array g(Shape{3, 2});
    for (int i = 0; i < 6; ++i) g.data()[i] = static_cast<Real>((7 * step + 5 * (i / 2) + 3 * (i % 2)) % 11 - 5) / 4;
    return g;
}

void check_dense(const SGDOptions& options, const std::vector<double>& expected) {
    const Parameter p = start();
    SGD sgd({p}, options);
    for (int step = 1; step <= 5; ++step) {
        sgd.zero_grad();
        if (step != 3) p.add_grad(gradient(step));
        sgd.step();
    }
    check_near(p.value(), expected);
}

void check_by_rows(const SGDOptions& options, const std::vector<double>& expected) {
    const Parameter p = start();
    SGD sgd({p}, options);
    for (int step = 1; step <= 5; ++step) {
        sgd.zero_grad();
        p.add_grad(RowGradient({step % 3, (step + 1) % 3, step % 3}, gradient(step)));
        sgd.step();
    }
    check_near(p.value(), expected);
}

Array random_array(const Shape& shape, Rng& rng) {
    Array result(shape);
    for (Real& x : result.storage()) x = static_cast<Real>(rng.normal());
    return result;
}

/// Four rows of seven, with repetitions, never the last row.
RowGradient random_rows(std::size_t width, Rng& rng) {
    std::vector<std::int64_t> rows(rng.below(5));
    for (std::int64_t& row : rows) row = static_cast<std::int64_t>(rng.below(6));
    return RowGradient(rows, random_array({rows.size(), width}, rng));
}

/// 50 steps by rows and 50 dense ones; every fifth brings nothing, and once the gradient by rows is dense too.
void check_rows_equal_dense(const SGDOptions& options, bool one_dense) {
    Rng rng(7);
    const Parameter by_rows(random_array({7, 3}, rng));
    const Parameter dense = by_rows.clone();
    SGD sgd_rows({by_rows}, options), sgd_dense({dense}, options);
    for (int step = 0; step < 50; ++step) {
        sgd_rows.zero_grad();
        sgd_dense.zero_grad();
        if (step % 5 != 4) {
            const RowGradient g = random_rows(3, rng);
            Array sum = zeros({7, 3});
            g.add_to(sum);
            if (one_dense && step == 20) sum(6, 0) = 1;  // the row that no gradient by rows has
            dense.add_grad(sum);
            if (one_dense && step == 20) {
                by_rows.add_grad(sum);
            } else {
                by_rows.add_grad(g);
            }
        }
        sgd_rows.step();
        sgd_dense.step();
        REQUIRE(by_rows.value() == dense.value());
    }
}

}  // namespace

TEST_CASE("sgd: PyTorch's numbers, dense [9.1]") {
    check_dense({.lr = 0.1},
                {0.5499999999999999, -1.5, 2.1, 0.8250000000000001, 0.025000000000000022, 2.8499999999999996});
    check_dense({.lr = 0.1, .momentum = 0.9},
                {0.49105, -1.937625, 2.3281500000000004, 1.144725, 0.09227500000000004, 2.5385999999999997});
    check_dense({.lr = 0.1, .momentum = 0.9, .dampening = 0.5},
                {0.40954999999999997, -1.80875, 2.3360250000000002, 0.9903500000000001, -0.05934999999999997, 2.59735});
    check_dense({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.02, .nesterov = true},
                {0.5310568330238968, -2.082348862195542, 2.343601995078547, 1.158189340630165, 0.2230414414086558,
                 2.366898605932021});
    check_dense({.lr = 0.1, .weight_decay = 0.02, .maximize = true},
                {0.4458623836080001, -0.9910783610200001, 1.8845970368319998, 0.6697671762120001, -0.273852996202,
                 3.125323103248});
}

TEST_CASE("sgd: PyTorch's numbers, by rows [9.1]") {
    check_by_rows({.lr = 0.1}, {0.14999999999999997, -1.0750000000000002, 1.925, 0.3, 0.4, 3.0749999999999997});
    check_by_rows({.lr = 0.1, .momentum = 0.9, .dampening = 0.25},
                  {-0.18825625000000007, -0.6656562500000002, 1.708055, -0.5223975000000001, 0.91629125, 3.12789625});
    check_by_rows({.lr = 0.1, .momentum = 0.9, .nesterov = true, .maximize = true},
                  {1.6759075, -2.1262125000000003, 2.3331942500000005, 2.4504577500000004, -1.7766965000000001,
                   2.8022377500000006});
}

TEST_CASE("sgd: momentum starts from the whole gradient, dampening comes after [9.1]") {
    const Parameter p(zeros({1}));
    SGD sgd({p}, {.lr = 1, .momentum = 0.5, .dampening = 0.75});
    p.add_grad(ones({1}));
    sgd.step();
    CHECK(p.value()(0) == Real(-1));  // b = 1
    sgd.step();
    CHECK(p.value()(0) == Real(-1.75));  // b = 0.5 + 0.25
}

TEST_CASE("sgd: a naive twin in double [9.1]") {
    const double lr = 0.05, mu = 0.9, tau = 0.3, lambda = 0.01;
    Rng rng(3);
    const Parameter p(random_array({17}, rng));
    std::vector<double> twin(p.value().begin(), p.value().end()), b(17);
    SGD sgd({p}, {.lr = lr, .momentum = mu, .dampening = tau, .weight_decay = lambda});
    for (int step = 0; step < 50; ++step) {
        const Array g = random_array({17}, rng);
        sgd.zero_grad();
        p.add_grad(g);
        sgd.step();
        for (std::size_t i = 0; i < 17; ++i) {
            const double slope = static_cast<double>(g(i)) + lambda * twin[i];
            b[i] = step == 0 ? slope : mu * b[i] + (1 - tau) * slope;
            twin[i] -= lr * b[i];
        }
    }
    for (std::size_t i = 0; i < 17; ++i) {
        CHECK(static_cast<double>(p.value()(i)) == doctest::Approx(twin[i]).scale(1).epsilon(kTolerance));
    }
}

TEST_CASE("sgd: gradients by rows give the dense numbers, bit for bit [9.1]") {
    for (bool one_dense : {false, true}) {
        check_rows_equal_dense({.lr = 0.1}, one_dense);
        check_rows_equal_dense({.lr = 0.1, .maximize = true}, one_dense);
        check_rows_equal_dense({.lr = 0.1, .momentum = 0.9}, one_dense);
        check_rows_equal_dense({.lr = 0.1, .momentum = 0.9, .dampening = 0.4, .maximize = true}, one_dense);
        check_rows_equal_dense({.lr = 0.1, .momentum = 0.9, .nesterov = true}, one_dense);
    }
}

TEST_CASE("sgd: without momentum only the gradient's rows move; with it every row ever touched [9.1]") {
    const Parameter plain(ones({4, 2})), heavy(ones({4, 2}));
    SGD sgd({ParamGroup{.params = {plain}}, ParamGroup{.params = {heavy}, .momentum = 0.5}}, {.lr = 0.5});
    const auto step = [&](std::int64_t row) {
        sgd.zero_grad();
        for (const Parameter& p : {plain, heavy}) p.add_grad(RowGradient({row}, ones({1, 2})));
        sgd.step();
    };
    step(3);
    step(1);
    CHECK(plain.value() == Array{{1, 1}, {0.5, 0.5}, {1, 1}, {0.5, 0.5}});
    CHECK(heavy.value() == Array{{1, 1}, {0.5, 0.5}, {1, 1}, {0.25, 0.25}});

    const Real infinity = std::numeric_limits<Real>::infinity();
    heavy.mutable_value()(0, 0) = infinity;  // an untouched row takes no part, not even as 0 times infinity
    step(1);
    CHECK(heavy.value()(0, 0) == infinity);
}

TEST_CASE("sgd: a gradient of no rows starts the momentum, so that the next is dampened [9.1]") {
    const Parameter p(zeros({2, 1}));
    SGD sgd({p}, {.lr = 1, .momentum = 0.5, .dampening = 0.75});
    p.add_grad(RowGradient());
    sgd.step();
    p.add_grad(RowGradient({1}, ones({1, 1})));
    sgd.step();
    CHECK(p.value() == array({2, 1}, {0, -0.25}));
}

TEST_CASE("sgd: weight decay needs a dense gradient [9.1]") {
    const Parameter p(ones({3, 2}));
    SGD sgd({p}, {.lr = 0.1, .weight_decay = 0.5});
    p.add_grad(RowGradient({1}, ones({1, 2})));
    CHECK_THROWS_WITH_AS(sgd.step(),
                         "SGD, group 0: parameter 0 of shape (3, 2) has a gradient by rows, for which weight_decay "
                         "must be 0, not 0.5",
                         std::logic_error);
    CHECK(p.value() == ones({3, 2}));
}

TEST_CASE("sgd: maximize is the negated gradient [9.0]") {
    for (const bool nesterov : {false, true}) {
        Rng rng(5);
        const Parameter up(random_array({4, 3}, rng)), down = up.clone();
        const SGDOptions options{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1, .nesterov = nesterov};
        SGDOptions climb = options;
        climb.maximize = true;
        SGD sgd_up({up}, climb), sgd_down({down}, options);
        for (int step = 0; step < 10; ++step) {
            const Array g = random_array({4, 3}, rng);
            Array negated = g;
            for (Real& x : negated.storage()) x = -x;
            sgd_up.zero_grad();
            sgd_down.zero_grad();
            up.add_grad(g);
            down.add_grad(negated);
            sgd_up.step();
            sgd_down.step();
        }
        CHECK(up.value() == down.value());
    }
}

// PyTorch's test_sgd_sparse: 2000 steps that alternate between the coordinates, the gradient in two pieces.
TEST_CASE("sgd: Rosenbrock's valley, by rows and dense [9.1]") {
    for (const double decay : {1.0, 0.99999}) {
        const Parameter by_rows(full({2, 1}, Real(1.5))), dense = by_rows.clone();
        SGD sgd_rows({by_rows}, {.lr = 4.8e-3}), sgd_dense({dense}, {.lr = 4.8e-3});
        for (int step = 0; step < 2000; ++step) {
            const Real x = by_rows.value()(0, 0), y = by_rows.value()(1, 0);
            const std::int64_t row = step % 2;
            const Real slope = row == 0 ? -400 * x * (y - x * x) - 2 * (1 - x) : 200 * (y - x * x);
            const RowGradient g({row, row}, array({2, 1}, {slope / 4, slope - slope / 4}));
            Array sum = zeros({2, 1});
            g.add_to(sum);
            sgd_rows.zero_grad();
            sgd_dense.zero_grad();
            by_rows.add_grad(g);
            dense.add_grad(sum);
            sgd_rows.step();
            sgd_dense.step();
            REQUIRE(by_rows.value() == dense.value());
            if (step % 300 == 299) *sgd_rows.param_groups()[0].lr *= decay, *sgd_dense.param_groups()[0].lr *= decay;
        }
        CHECK(std::hypot(by_rows.value()(0, 0) - 1, by_rows.value()(1, 0) - 1) < std::hypot(0.5, 0.5));
    }
}

TEST_CASE("sgd: one row of one value moves, also where its gradient came from a sum [9.1] [13.14]") {
    const Parameter table(zeros({1, 1}));
    SGD sgd({table}, {.lr = 0.5});
    Tape tape;
    tape.backward(sum(embedding(tape, table, {0}, {.sparse = true})));
    sgd.step();
    CHECK(table.value()(0, 0) == Real(-0.5));
}

TEST_CASE("sgd: a warm step allocates nothing, and counts as one change of the values") {
    const Parameter dense(ones({50, 8})), table(ones({50, 8}));
    SGD sgd({dense, table}, {.lr = 0.1, .momentum = 0.9});
    dense.add_grad(ones({50, 8}));
    table.add_grad(RowGradient({3, 1, 40}, ones({3, 8})));
    sgd.step();
    const std::uint64_t before = memory_stats().system_allocations;
    for (int step = 0; step < 10; ++step) sgd.step();
    CHECK(memory_stats().system_allocations == before);
    CHECK(dense.version() == 11);
    CHECK(table.version() == 11);
}
