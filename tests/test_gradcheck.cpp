// Gradcheck must find what is wrong: each case is an op whose way back has one mistake.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

/// x^2, through the interface for authors of ops; its gradient is `back(dy, x)`.
template <class F>
Var square(Var x, F back) {
    const Var y = x.tape().result(x.shape(), {x});
    for (std::size_t i = 0; i < x.size(); ++i) y.mutable_value().data()[i] = x.value().data()[i] * x.value().data()[i];
    if (y.needs_grad()) {
        y.on_backward([=] {
            for (std::size_t i = 0; i < x.size(); ++i)
                x.grad().data()[i] += back(y.grad().data()[i], x.value().data()[i]);
        });
    }
    return y;
}

Var right_square(Var x) {
    return square(x, [](Real dy, Real v) { return 2 * v * dy; });
}

/// The elements of x in the same order, whose gradient comes back in the opposite one.
Var backwards(Var x) {
    const Var y = x.tape().result(x.shape(), {x});
    y.mutable_value() = x.value();
    if (y.needs_grad()) {
        y.on_backward([=] {
            const std::size_t n = x.size();
            for (std::size_t i = 0; i < n; ++i) x.grad().data()[i] += y.grad().data()[n - 1 - i];
        });
    }
    return y;
}

/// x unchanged; the gradient of each element is the mean of all.
Var averaged(Var x) {
    const Var y = x.tape().result(x.shape(), {x});
    y.mutable_value() = x.value();
    if (y.needs_grad()) {
        y.on_backward([=] {
            Real sum = 0;
            for (Real dy : y.grad()) sum += dy;
            for (Real& dx : x.grad()) dx += sum / static_cast<Real>(x.size());
        });
    }
    return y;
}

/// Row 1 of a table, whose gradient also goes to row `other`: dense or by rows.
Var row_one(Var table, std::size_t other, bool by_rows) {
    const std::size_t d = table.dim(1);
    const Var y = table.tape().result({d}, {table});
    std::copy_n(table.value().data() + d, d, y.mutable_value().data());
    if (y.needs_grad()) {
        y.on_backward([=] {
            for (const std::size_t row : {std::size_t{1}, other}) {
                Array values(Shape{1, d});
                std::copy(y.grad().begin(), y.grad().end(), values.begin());
                if (by_rows)
                    table.gradient().add(RowGradient({static_cast<std::int64_t>(row)}, values));
                else
                    for (std::size_t j = 0; j < d; ++j) table.grad().data()[row * d + j] += values.data()[j];
            }
        });
    }
    return y;
}

GradcheckResult check_one(const Parameter& x, Var (*op)(Var), const GradcheckOptions& options = {}) {
    return gradcheck([&](Tape& tape) { return op(tape.leaf(x)); }, {x}, options);
}

void check_found(const GradcheckResult& result, const std::string& where, int line = __builtin_LINE()) {
    INFO("called from line ", line, ": ", result.message);
    CHECK(!result.ok);
    CHECK(!static_cast<bool>(result));
    CHECK(result.message.rfind(where, 0) == 0);
    CHECK(result.message.find(": analytical ") < result.message.find(", numerical "));
}

}  // namespace

TEST_CASE("gradcheck: passes a right gradient, and says how right it is") {
    const Parameter x(wave({2, 3}));
    const GradcheckResult result = check_one(x, right_square);
    CHECK(result.ok);
    CHECK(result.worst < (kDouble ? 1e-8 : 2e-3));
}

TEST_CASE("gradcheck: finds a wrong factor, a wrong sign, and a gradient that never comes") {
    const Parameter x(array({2, 1}, {0.5, 3}));  // 2x is 1 for the first, so that only the second is wrong
    check_found(check_one(x, [](Var v) { return square(v, [](Real dy, Real) { return dy; }); }), "input 0 at (1, 0): ");
    check_found(check_one(x, [](Var v) { return square(v, [](Real dy, Real u) { return -2 * u * dy; }); }),
                "input 0 at ");
    check_found(check_one(x, [](Var v) { return square(v, [](Real, Real) { return Real{0}; }); }), "input 0 at ");
    check_found(check_one(x, [](Var v) { return detach(right_square(v)); }), "input 0 at ");
}

TEST_CASE("gradcheck: a small gradient must be right, too") {
    const Parameter x(array({2}, {1, -0.7}));
    for (const double factor : {1e-2, 1e-5, 1e-12}) {
        CAPTURE(factor);
        const auto with = [&](double back) {
            return gradcheck(
                [=](Tape& tape) {
                    const Var v = tape.leaf(x), y = tape.result(v.shape(), {v});
                    for (std::size_t i = 0; i < v.size(); ++i)
                        y.mutable_value().data()[i] = static_cast<Real>(factor * element(v.value(), i));
                    if (y.needs_grad()) {
                        y.on_backward([=] {
                            for (std::size_t i = 0; i < v.size(); ++i)
                                v.grad().data()[i] += static_cast<Real>(back) * y.grad().data()[i];
                        });
                    }
                    return y;
                },
                {x});
        };
        CHECK(with(factor).ok);
        check_found(with(0), "input 0 at ");
        check_found(with(1.1 * factor), "input 0 at ");
    }
}

TEST_CASE("gradcheck: rounding of a large result beside a small gradient is no error") {
    const Parameter x(wave({4}));
    const auto shifted = [](Var v) { return sum(v * 1e-3) + 1000; };
    CHECK(check_one(x, shifted).ok);
}

TEST_CASE("gradcheck: finds one wrong element among a hundred") {
    const Parameter x(wave({10, 10}));
    const auto wrong_at_37 = [](Var v) {
        return square(v,
                      [](Real dy, Real u) { return 2 * u * dy + (std::abs(u - std::sin(Real{38})) < 1e-6 ? 1 : 0); });
    };
    check_found(check_one(x, wrong_at_37), "input 0 at (3, 7): ");
}

TEST_CASE("gradcheck: finds exchanged gradients, which uniform weights would hide") {
    const Parameter x(wave({4}));
    CHECK(check_one(x, [](Var v) { return sum(backwards(v)); }).ok);  // what a plain sum sees
    CHECK(check_one(x, [](Var v) { return sum(averaged(v)); }).ok);
    CHECK(!check_one(x, backwards).ok);
    CHECK(!check_one(x, averaged).ok);
}

TEST_CASE("gradcheck: finds a gradient in a row that was never looked up, dense or by rows") {
    const Parameter table(wave({5, 2}));
    for (const bool by_rows : {false, true}) {
        const auto f = [&](std::size_t other) {
            return gradcheck([&](Tape& tape) { return row_one(tape.leaf(table), other, by_rows); }, {table});
        };
        check_found(f(4), "input 0 at (4, ");
        check_found(f(1), "input 0 at (1, ");  // counted twice
    }
}

TEST_CASE("gradcheck: finds the wrong one of several inputs, also one that f does not use") {
    const Parameter a(wave({3})), b(wave({2, 2})), unused(ones({2}));
    const auto second_wrong = [&](Tape& tape) {
        const auto wrong = [](Real dy, Real u) { return 3 * u * dy; };
        return sum(right_square(tape.leaf(a))) * sum(square(tape.leaf(b), wrong));
    };
    check_found(gradcheck(second_wrong, {a, b}), "input 1 at (");
    CHECK(gradcheck(second_wrong, {a}).ok);

    const auto stray = [&](Tape& tape) {
        const Var x = tape.leaf(a), other = tape.leaf(unused), y = tape.result({}, {x});
        y.mutable_value().data()[0] = x.value().data()[0];
        if (y.needs_grad()) {
            y.on_backward([=] {
                x.grad().data()[0] += y.grad().data()[0];
                other.grad().data()[1] += 1;
            });
        }
        return y;
    };
    check_found(gradcheck(stray, {a, unused}), "input 1 at 1: ");
    CHECK(gradcheck([&](Tape& tape) { return right_square(tape.leaf(a)); }, {a, unused}).ok);
}

TEST_CASE("gradcheck: NaN is never right, wherever it comes from") {
    const Parameter x(array({3}, {1, 2, 3}));
    const auto nan_gradient = [](Var v) {
        return square(v, [](Real dy, Real u) { return u == 2 ? std::numeric_limits<Real>::quiet_NaN() : 2 * u * dy; });
    };
    check_found(check_one(x, nan_gradient), "input 0 at 1: ");
    CHECK(std::isnan(check_one(x, nan_gradient).worst));
    check_found(check_one(Parameter(array({1}, {-1})), [](Var v) { return log(v); }), "input 0 at 0: ");
}

TEST_CASE("gradcheck: tolerance and step are the caller's") {
    const Parameter x(array({2}, {1, 0.5}));
    const auto slightly_wrong = [](Var v) {
        return square(v, [](Real dy, Real u) { return static_cast<Real>(2.1) * u * dy; });
    };
    CHECK(!check_one(x, slightly_wrong).ok);
    CHECK(check_one(x, slightly_wrong, {.tolerance = 0.2}).ok);
    CHECK(!check_one(x, right_square, {.tolerance = 1e-30}).ok);
    // x^4 has a third derivative: the error of central differences grows with the square of the step.
    const auto fourth = [](Var v) { return right_square(right_square(v)); };
    CHECK(check_one(x, fourth, {.step = 0.1}).worst > 25 * check_one(x, fourth, {.step = 0.01}).worst);
    if (kDouble) {
        const auto hardly_wrong = [](Var v) {
            return square(v, [](Real dy, Real u) { return static_cast<Real>(2 + 1e-5) * u * dy; });
        };
        CHECK(!check_one(x, hardly_wrong).ok);
    }
}

TEST_CASE("gradcheck: large and small inputs, scalars and empty ones") {
    CHECK(check_one(Parameter(array({3}, {1000, 1e-8, -1e4})), right_square).ok);
    CHECK(check_one(Parameter(full({}, static_cast<Real>(1e12))), right_square).ok);  // the step grows with |x|
    CHECK(check_one(Parameter(full({}, 2)), right_square).ok);
    CHECK(check_one(Parameter(zeros({0, 3})), right_square).ok);
    CHECK_THROWS_WITH_AS(gradcheck([](Tape& tape) { return tape.constant(ones({2})); }, {}),
                         "gradcheck: there are no inputs to check", std::invalid_argument);
}

TEST_CASE("gradcheck: leaves values as they were and gradients dropped") {
    const Parameter x(wave({2, 3})), table(full({3, 2}, 5));
    x.add_grad(ones({2, 3}));
    CHECK(check_one(x, right_square).ok);
    check_same(x.value(), wave({2, 3}));
    CHECK(!x.has_gradient());

    // f writes to the table; its gradient ignores the scaling, so it is not that of what f computes.
    CHECK(!gradcheck([&](Tape& tape) { return embedding(tape, table, {0, 2}, {.max_norm = 1}); }, {table}).ok);
    check_same(table.value(), full({3, 2}, 5));
    CHECK(!table.has_gradient());

    int calls = 0;
    const auto throws_late = [&](Tape& tape) {
        if (++calls == 4) throw std::runtime_error("enough");
        return right_square(tape.leaf(x));
    };
    check_refused<std::runtime_error>([&] { gradcheck(throws_late, {x}); }, "enough");
    check_same(x.value(), wave({2, 3}));
    CHECK(!x.has_gradient());
}

TEST_CASE("gradcheck: every evaluation sees the same random numbers") {
    const Parameter x(wave({50}));
    for (const std::uint64_t seed : {0u, 1u, 2u}) {
        INFO("seed ", seed);
        CHECK(gradcheck([&](Tape& tape) { return dropout(tape.leaf(x), 0.5); }, {x}, {.seed = seed}).ok);
    }
}

TEST_CASE("gradcheck: an input that is frozen, or none, is refused") {
    const Parameter frozen(ones({2, 3}), false), x(ones({2}));
    const auto f = [&](Tape& tape) { return tape.leaf(x); };
    check_refused<std::invalid_argument>(
        [&] {
            gradcheck(f, {x, frozen});
        },
        "gradcheck: an input of shape (2, 3) has requires_grad off");
    check_refused<std::logic_error>([&] { gradcheck(f, {Parameter()}); },
                                    "Parameter: this handle is empty; construct it from an array");
}
