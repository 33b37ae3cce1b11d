// Adam: PyTorch's numbers, closed forms and a naive twin.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/optim/adam.hpp>

using namespace embergrad;

namespace {

constexpr double kTolerance = sizeof(Real) == 8 ? 1e-12 : 1e-5;

Array array(const Shape& shape, const std::vector<double>& values) {
    Array result(shape);
    for (std::size_t i = 0; i < values.size(); ++i) result.data()[i] = static_cast<Real>(values[i]);
    return result;
}

// The problem of tests/reference/optim.py.
Array gradient(int step) {
    Array g(Shape{3, 2});
    for (int i = 0; i < 6; ++i) g.data()[i] = static_cast<Real>((7 * step + 5 * (i / 2) + 3 * (i % 2)) % 11 - 5) / 4;
    return g;
}

void check_dense(const AdamOptions& options, const std::vector<double>& expected) {
    const Parameter p(array({3, 2}, {0.5, -1.25, 2, 0.75, -0.125, 3}));
    Adam adam({p}, options);
    for (int step = 1; step <= 5; ++step) {
        adam.zero_grad();
        if (step != 3) p.add_grad(gradient(step));
        adam.step();
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(static_cast<double>(p.value().data()[i]) == doctest::Approx(expected[i]).epsilon(kTolerance));
    }
}

Array random_array(const Shape& shape, Rng& rng) {
    Array result(shape);
    for (Real& x : result.storage()) x = static_cast<Real>(rng.normal());
    return result;
}

/// One value of Adam, straight from the formulas.
struct Twin {
    double p, m = 0, v = 0, largest = 0;

    void step(const AdamOptions& o, int t, double g) {
        const auto [beta1, beta2] = o.betas;
        g = (o.maximize ? -g : g) + o.weight_decay * p;
        m = beta1 * m + (1 - beta1) * g;
        v = beta2 * v + (1 - beta2) * g * g;
        largest = std::max(largest, v);
        const double spread = std::sqrt(o.amsgrad ? largest : v) / std::sqrt(1 - std::pow(beta2, t));
        p -= o.lr / (1 - std::pow(beta1, t)) * m / (spread + o.eps);
    }
};

void check_twin(const AdamOptions& options) {
    Rng rng(11);
    const Parameter p(random_array({19}, rng));
    std::vector<Twin> twins;
    for (Real x : p.value().storage()) twins.push_back({.p = static_cast<double>(x)});
    Adam adam({p}, options);
    for (int t = 1; t <= 50; ++t) {
        const Array g = random_array({19}, rng);
        adam.zero_grad();
        p.add_grad(g);
        adam.step();
        for (std::size_t i = 0; i < twins.size(); ++i) twins[i].step(options, t, static_cast<double>(g(i)));
    }
    for (std::size_t i = 0; i < twins.size(); ++i) {
        CHECK(static_cast<double>(p.value()(i)) == doctest::Approx(twins[i].p).scale(1).epsilon(kTolerance));
    }
}

}  // namespace

TEST_CASE("adam: PyTorch's numbers [9.2]") {
    check_dense({.lr = 0.1}, {0.41879203519664043, -1.5908880581226585, 2.1826360897160018, 1.0337795301298622,
                              -0.07238023140164312, 2.700553553692334});
    check_dense({.lr = 0.05, .betas = {0.8, 0.95}, .eps = 1e-3, .weight_decay = 0.1},
                {0.45322423140248025, -1.4069896805797801, 2.0559214340905947, 0.88089349691246, -0.08999546630167965,
                 2.8307152383675316});
    check_dense({.lr = 0.1, .betas = {0.9, 0.5}, .amsgrad = true},
                {0.4160777409668012, -1.5724295885441704, 2.1766457044979086, 1.006860276303293, -0.09819346823344811,
                 2.719886186781374});
    check_dense({.lr = 0.1, .weight_decay = 0.1, .maximize = true},
                {0.5480972105559514, -0.8986604660159448, 1.7674741146718538, 0.4558564228941896, -0.17362393042793603,
                 3.1883476296324336});
}

TEST_CASE("adam: a naive twin in double [9.2]") {
    check_twin({.lr = 0.01});
    check_twin({.lr = 0.01, .betas = {0.5, 0.7}, .eps = 0.1, .weight_decay = 0.2});
    check_twin({.lr = 0.01, .betas = {0.9, 0.6}, .amsgrad = true});
    check_twin({.lr = 0.01, .weight_decay = 0.2, .amsgrad = true, .maximize = true});
    check_twin({.lr = 0.01, .betas = {0, 0}});
}

TEST_CASE("adam: under a constant gradient every step is lr, whatever the gradient [9.2]") {
    const Parameter p(array({3}, {0, 0, 0}));
    Adam adam({p}, {.lr = 0.125});
    p.add_grad(array({3}, {1e-3, -2, 5e4}));
    for (int t = 1; t <= 20; ++t) adam.step();
    CHECK(p.value()(0) == doctest::Approx(-2.5).epsilon(2e-5));  // eps weighs 1e-5 here
    CHECK(p.value()(1) == doctest::Approx(2.5).epsilon(2e-6));
    CHECK(p.value()(2) == doctest::Approx(-2.5).epsilon(2e-6));
}

TEST_CASE("adam: steps are counted for each parameter, only when it has a gradient [9.0]") {
    const Parameter often(zeros({1})), late(zeros({1}));
    Adam adam({often, late}, {.lr = 0.1});
    for (int step = 0; step < 5; ++step) {
        adam.zero_grad();
        often.add_grad(ones({1}));
        if (step == 4) late.add_grad(full({1}, 3));
        adam.step();
    }
    CHECK(late.value()(0) == doctest::Approx(-0.1));  // its first step: lr
}

TEST_CASE("adam: amsgrad compares v before the correction [9.2]") {
    const Parameter p(zeros({1}));
    Adam adam({p}, {.lr = 1, .betas = {0, 0.5}, .eps = 0, .amsgrad = true});
    p.add_grad(full({1}, 2));
    adam.step();
    CHECK(p.value()(0) == doctest::Approx(-1));  // v = 2, corrected 4
    p.mutable_grad()(0) = 1;
    adam.step();
    // v = 1.5, the largest stays 2, corrected by 1 - 0.25; comparing corrected ones would give 1 / sqrt(4)
    CHECK(static_cast<double>(p.value()(0)) == doctest::Approx(-1 - 1 / std::sqrt(2 / 0.75)));
}

TEST_CASE("adam: amsgrad may be switched on between steps [9.2]") {
    const Parameter p(zeros({2, 2}));
    Adam adam({p}, {.lr = 1, .betas = {0, 0.5}});
    p.add_grad(ones({2, 2}));
    adam.step();
    adam.param_groups()[0].amsgrad = true;
    adam.step();
    CHECK(p.value()(1, 1) == doctest::Approx(-2));
}

TEST_CASE("adam: maximize is the negated gradient [9.0]") {
    Rng rng(5);
    const Parameter up(random_array({4, 3}, rng)), down = up.clone();
    Adam adam_up({up}, {.lr = 0.1, .weight_decay = 0.1, .maximize = true});
    Adam adam_down({down}, {.lr = 0.1, .weight_decay = 0.1});
    for (int step = 0; step < 10; ++step) {
        const Array g = random_array({4, 3}, rng);
        Array negated = g;
        for (Real& x : negated.storage()) x = -x;
        adam_up.zero_grad();
        adam_down.zero_grad();
        up.add_grad(g);
        down.add_grad(negated);
        adam_up.step();
        adam_down.step();
    }
    CHECK(up.value() == down.value());
}

TEST_CASE("adam: without weight decay an infinite value stays what it is") {
    const Parameter p(full({1}, std::numeric_limits<Real>::infinity()));
    Adam adam({p});
    p.add_grad(ones({1}));
    adam.step();
    CHECK(std::isinf(p.value()(0)));
}

TEST_CASE("adam: a gradient by rows is refused before anything moves [9.2]") {
    const Parameter dense(ones({2})), table(ones({3, 2}));
    Adam adam({ParamGroup{.params = {dense}}, ParamGroup{.params = {table}}});
    dense.add_grad(ones({2}));
    table.add_grad(RowGradient({1}, ones({1, 2})));
    CHECK_THROWS_WITH_AS(adam.step(),
                         "Adam, group 1: parameter 0 of shape (3, 2) has a gradient by rows, which Adam does not "
                         "support; set lazy_rows = true in its group, or consider SparseAdam instead",
                         std::logic_error);
    CHECK(dense.value() == ones({2}));
    CHECK(dense.version() == 0);
    table.zero_grad();
    adam.step();
    CHECK(dense.value()(0) == doctest::Approx(1 - 1e-3).epsilon(1e-6));  // t was not counted either
}

TEST_CASE("adam: lowers (W x + b)^2 in 200 steps, as PyTorch's test has it, and raises it with maximize [9.2]") {
    for (const bool maximize : {false, true}) {
        Rng rng(1);
        const Parameter w(random_array({10, 5}, rng)), b(random_array({10}, rng));
        const Array x = random_array({5}, rng);
        Adam adam({ParamGroup{.params = {w}, .lr = 1e-3}, ParamGroup{.params = {b}}},
                  {.lr = 1e-2, .maximize = maximize});
        const auto loss_and_gradients = [&] {
            double loss = 0;
            Array dw = zeros({10, 5}), db = zeros({10});
            for (std::size_t i = 0; i < 10; ++i) {
                Real y = b.value()(i);
                for (std::size_t j = 0; j < 5; ++j) y += w.value()(i, j) * x(j);
                loss += static_cast<double>(y * y);
                db(i) = 2 * y;
                for (std::size_t j = 0; j < 5; ++j) dw(i, j) = 2 * y * x(j);
            }
            w.add_grad(dw);
            b.add_grad(db);
            return loss;
        };
        const double first = loss_and_gradients();
        for (int step = 0; step < 200; ++step) {
            adam.zero_grad();
            loss_and_gradients();
            adam.step();
        }
        CHECK((loss_and_gradients() > first) == maximize);
    }
}

TEST_CASE("adam: a warm step allocates nothing, and counts as one change of the values") {
    for (const bool amsgrad : {false, true}) {
        const Parameter p(ones({50, 8})), scalar(ones({})), nothing(ones({0, 3}));
        Adam adam({p, scalar, nothing}, {.amsgrad = amsgrad});
        for (const Parameter& each : {p, scalar, nothing}) each.add_grad(full(each.shape(), 1));
        adam.step();
        const std::uint64_t before = memory_stats().system_allocations;
        for (int step = 0; step < 10; ++step) adam.step();
        CHECK(memory_stats().system_allocations == before);
        CHECK(p.version() == 11);
        CHECK(scalar.value()() == doctest::Approx(1 - 11e-3).epsilon(1e-5));
    }
}
