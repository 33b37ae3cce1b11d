// SparseAdam: PyTorch's numbers, what it does to rows that come late, and what it does not touch.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/sparse_adam.hpp>

using namespace embergrad;

namespace {

constexpr double kTolerance = sizeof(Real) == 8 ? 1e-12 : 1e-5;

Array array(const Shape& shape, const std::vector<double>& values) {
    Array result(shape);
    for (std::size_t i = 0; i < values.size(); ++i) result.data()[i] = static_cast<Real>(values[i]);
    return result;
}

Array random_array(const Shape& shape, Rng& rng) {
    Array result(shape);
    for (Real& x : result.storage()) x = static_cast<Real>(rng.normal());
    return result;
}

// The problem of tests/reference/optim.py.
Array gradient(int step) {
    Array g(Shape{3, 2});
    for (int i = 0; i < 6; ++i) g.data()[i] = static_cast<Real>((7 * step + 5 * (i / 2) + 3 * (i % 2)) % 11 - 5) / 4;
    return g;
}

void check_by_rows(const SparseAdamOptions& options, const std::vector<double>& expected) {
    const Parameter p(array({3, 2}, {0.5, -1.25, 2, 0.75, -0.125, 3}));
    SparseAdam adam({p}, options);
    for (int step = 1; step <= 5; ++step) {
        adam.zero_grad();
        p.add_grad(RowGradient({step % 3, (step + 1) % 3, step % 3}, gradient(step)));
        adam.step();
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(static_cast<double>(p.value().data()[i]) == doctest::Approx(expected[i]).epsilon(kTolerance));
    }
}

/// One step of `row` alone.
void step_row(SparseAdam& adam, const Parameter& p, std::int64_t row, Real value) {
    adam.zero_grad();
    p.add_grad(RowGradient({row}, full({1, p.shape()[1]}, value)));
    adam.step();
}

}  // namespace

TEST_CASE("sparse_adam: PyTorch's numbers [9.4]") {
    check_by_rows({.lr = 0.1}, {0.27626370759381114, -1.0608268955982816, 1.8212746418332564, 0.49915988865265254,
                                0.2601166008357589, 3.196156919795857});
    check_by_rows({.lr = 0.1, .betas = {0.8, 0.95}, .eps = 1e-2},
                  {0.2717807430930135, -1.063329134888837, 1.8347262887885523, 0.5003576679407393, 0.2578977648691356,
                   3.178269663753485});
    check_by_rows({.lr = 0.1, .maximize = true}, {0.7237362924061889, -1.4391731044017184, 2.1787253581667434,
                                                  1.0008401113473475, -0.5101166008357589, 2.803843080204143});
}

TEST_CASE("sparse_adam: how far a row moves depends on the step that first touches it [9.4]") {
    const std::map<int, double> moves{{1, 0.9999993675448678},   {2, 0.7441363529338291},   {3, 0.6388131953775761},
                                      {5, 0.5454889049735188},   {10, 0.48442607995975145}, {20, 0.5066995710376755},
                                      {100, 0.9757704154132427}, {1000, 2.5145651222840524}};
    for (const auto& entry : moves) {  // as PyTorch printed them
        const int at = entry.first;
        CAPTURE(at);
        const Parameter p(zeros({2, 1}));
        SparseAdam adam({p}, {.lr = 1});
        for (int step = 1; step < at; ++step) step_row(adam, p, 0, Real(0.5));
        step_row(adam, p, 1, Real(0.5));
        CHECK(-static_cast<double>(p.value()(1, 0)) == doctest::Approx(entry.second).epsilon(kTolerance));
    }
}

TEST_CASE("sparse_adam: a naive twin in double, with rows that come twice [9.4]") {
    const double lr = 0.02, beta1 = 0.9, beta2 = 0.99, eps = 1e-4;
    Rng rng(13);
    const Parameter p(random_array({6, 5}, rng));
    std::vector<double> twin(p.value().begin(), p.value().end()), m(30), v(30);
    SparseAdam adam({p}, {.lr = lr, .betas = {beta1, beta2}, .eps = eps});
    for (int t = 1; t <= 50; ++t) {
        std::vector<std::int64_t> rows(rng.below(6));
        for (std::int64_t& row : rows) row = static_cast<std::int64_t>(rng.below(5));  // the last row never
        const Array values = random_array({rows.size(), 5}, rng);
        adam.zero_grad();
        p.add_grad(RowGradient(rows, values));
        adam.step();

        std::map<std::int64_t, std::vector<double>> sums;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            auto& sum = sums.try_emplace(rows[i], 5).first->second;
            for (std::size_t j = 0; j < 5; ++j) sum[j] += static_cast<double>(values(i, j));
        }
        const double step_size = lr * std::sqrt(1 - std::pow(beta2, t)) / (1 - std::pow(beta1, t));
        for (const auto& [row, g] : sums) {
            for (std::size_t j = 0; j < 5; ++j) {
                const std::size_t i = static_cast<std::size_t>(row) * 5 + j;
                m[i] = beta1 * m[i] + (1 - beta1) * g[j];
                v[i] = beta2 * v[i] + (1 - beta2) * g[j] * g[j];
                twin[i] -= step_size * m[i] / (std::sqrt(v[i]) + eps);
            }
        }
    }
    for (std::size_t i = 0; i < twin.size(); ++i) {
        CHECK(static_cast<double>(p.value().data()[i]) == doctest::Approx(twin[i]).scale(1).epsilon(kTolerance));
    }
}

TEST_CASE("sparse_adam: over all rows it is Adam, but for eps [9.4]") {
    Rng rng(17);
    const Parameter sparse(random_array({3, 4}, rng)), dense = sparse.clone();
    SparseAdam sparse_adam({sparse}, {.lr = 0.01, .eps = 1e-30});
    Adam adam({dense}, {.lr = 0.01, .eps = 1e-30});
    for (int step = 0; step < 20; ++step) {
        const Array g = random_array({3, 4}, rng);
        sparse_adam.zero_grad();
        adam.zero_grad();
        sparse.add_grad(RowGradient({0, 1, 2}, g));
        dense.add_grad(g);
        sparse_adam.step();
        adam.step();
    }
    for (std::size_t i = 0; i < 12; ++i) {
        CHECK(sparse.value().data()[i] == doctest::Approx(dense.value().data()[i]).scale(1).epsilon(kTolerance));
    }

    const Parameter one(zeros({1, 1}));  // at t = 1 the corrected denominator holds eps / sqrt(1 - 0.999)
    SparseAdam large_eps({one}, {.lr = 1, .eps = 0.1});
    step_row(large_eps, one, 0, 1);
    CHECK(static_cast<double>(one.value()(0, 0)) == doctest::Approx(-1 / (1 + 0.1 / std::sqrt(0.001))));
}

TEST_CASE("sparse_adam: untouched rows keep values and moments [9.4]") {
    const Parameter p(ones({3, 2})), twin(ones({3, 2}));
    SparseAdam adam({p}, {.lr = 0.1}), adam_twin({twin}, {.lr = 0.1});
    step_row(adam, p, 0, 1);
    step_row(adam_twin, twin, 0, 1);
    for (int step = 0; step < 5; ++step) {
        step_row(adam, p, 2, 1);
        step_row(adam_twin, twin, 1, 1);  // other rows, as many steps
    }
    step_row(adam, p, 0, -1);
    step_row(adam_twin, twin, 0, -1);
    CHECK(p.value()(0, 0) == twin.value()(0, 0));
    CHECK(p.value()(1, 1) == 1);
}

TEST_CASE("sparse_adam: a gradient of no rows counts as a step and moves nothing [9.4] [13.12]") {
    const Parameter p(zeros({2, 1}));
    SparseAdam adam({p}, {.lr = 1});
    p.add_grad(RowGradient());
    adam.step();
    CHECK(p.value() == zeros({2, 1}));
    CHECK(p.version() == 0);
    step_row(adam, p, 1, Real(0.5));
    CHECK(static_cast<double>(p.value()(1, 0)) == doctest::Approx(-0.7441363529338291).epsilon(kTolerance));

    adam.zero_grad(false);  // leaves a gradient of no rows behind
    adam.step();
    CHECK(p.version() == 1);
    adam.zero_grad();
    adam.step();  // no gradient: not a step
    step_row(adam, p, 0, Real(0.5));
    const double first_at_4 = std::sqrt(1 - std::pow(0.999, 4)) / (1 - std::pow(0.9, 4)) * 0.1 / std::sqrt(0.001);
    CHECK(static_cast<double>(p.value()(0, 0)) == doctest::Approx(-first_at_4).epsilon(2e-5));
}

TEST_CASE("sparse_adam: maximize is the negated gradient [9.0]") {
    Rng rng(5);
    const Parameter up(random_array({4, 3}, rng)), down = up.clone();
    SparseAdam adam_up({up}, {.lr = 0.1, .maximize = true}), adam_down({down}, {.lr = 0.1});
    for (int step = 0; step < 10; ++step) {
        const Array g = random_array({2, 3}, rng);
        Array negated = g;
        for (Real& x : negated.storage()) x = -x;
        adam_up.zero_grad();
        adam_down.zero_grad();
        up.add_grad(RowGradient({3, 1}, g));
        down.add_grad(RowGradient({3, 1}, negated));
        adam_up.step();
        adam_down.step();
    }
    CHECK(up.value() == down.value());
}

TEST_CASE("sparse_adam: a dense gradient is refused before anything moves [9.4]") {
    const Parameter table(ones({3, 2})), dense(ones({5, 2}));
    SparseAdam adam({table, dense});
    table.add_grad(RowGradient({1}, ones({1, 2})));
    dense.add_grad(ones({5, 2}));
    CHECK_THROWS_WITH_AS(adam.step(),
                         "SparseAdam, group 0: parameter 1 of shape (5, 2) has a dense gradient, which SparseAdam does "
                         "not support; make its embedding with sparse = true, or consider Adam instead",
                         std::logic_error);
    CHECK(table.value() == ones({3, 2}));
    dense.zero_grad();
    adam.step();
    CHECK(table.value()(1, 0) == doctest::Approx(1 - 1e-3).epsilon(1e-6));
}

// PyTorch's test_sparse_adam: 2000 steps that alternate between the coordinates, the gradient in two pieces.
TEST_CASE("sparse_adam: Rosenbrock's valley, in pieces and whole [9.4]") {
    const Parameter pieces(full({2, 1}, Real(1.5))), whole = pieces.clone();
    SparseAdam adam_pieces({pieces}, {.lr = 4e-2}), adam_whole({whole}, {.lr = 4e-2});
    for (int step = 0; step < 2000; ++step) {
        const Real x = pieces.value()(0, 0), y = pieces.value()(1, 0);
        const std::int64_t row = step % 2;
        const Real slope = row == 0 ? -400 * x * (y - x * x) - 2 * (1 - x) : 200 * (y - x * x);
        adam_pieces.zero_grad();
        adam_whole.zero_grad();
        pieces.add_grad(RowGradient({row, row}, array({2, 1}, {slope / 4, slope - slope / 4})));
        whole.add_grad(RowGradient({row}, array({1, 1}, {slope / 4 + (slope - slope / 4)})));
        adam_pieces.step();
        adam_whole.step();
        REQUIRE(pieces.value() == whole.value());
    }
    CHECK(std::hypot(pieces.value()(0, 0) - 1, pieces.value()(1, 0) - 1) < std::hypot(0.5, 0.5));
}

TEST_CASE("sparse_adam: a warm step allocates nothing, and counts as one change of the values") {
    const Parameter p(ones({1000, 8}));
    SparseAdam adam({p});
    const auto step = [&](std::int64_t row) {
        adam.zero_grad();
        p.add_grad(RowGradient({row, row + 7, row}, ones({3, 8})));
        adam.step();
    };
    step(0);
    step(1);
    const std::uint64_t before = memory_stats().system_allocations;
    for (std::int64_t row = 2; row < 50; ++row) step(row);
    CHECK(memory_stats().system_allocations == before);
    CHECK(p.version() == 50);
}
