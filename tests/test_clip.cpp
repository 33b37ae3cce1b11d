// Gradient clipping over dense gradients and those by rows.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/optim/clip.hpp>

using namespace embergrad;

namespace {

constexpr double kTolerance = sizeof(Real) == 8 ? 1e-12 : 1e-6;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Parameter with_grad(Array gradient) {
    Parameter p(zeros(gradient.shape()));
    p.add_grad(std::move(gradient));
    return p;
}

// The gradients of tests/reference/optim.py.
Array gradient(int step) {
    Array g(Shape{3, 2});
    for (int i = 0; i < 6; ++i) g.data()[i] = static_cast<Real>((7 * step + 5 * (i / 2) + 3 * (i % 2)) % 11 - 5) / 4;
    return g;
}

void check_torch(double norm_type, double total, const std::vector<double>& first) {
    CAPTURE(norm_type);
    const Parameter a = with_grad(gradient(1)), b = with_grad(gradient(2));
    CHECK(clip_grad_norm({a, b}, 1.5, norm_type) == doctest::Approx(total).epsilon(kTolerance));
    for (std::size_t i = 0; i < first.size(); ++i) {
        CHECK(static_cast<double>(a.grad().data()[i]) == doctest::Approx(first[i]).epsilon(kTolerance));
    }
}

void check_near(const Array& values, const Array& expected) {
    REQUIRE(values.shape() == expected.shape());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const Real x = values.data()[i], y = expected.data()[i];
        const bool near = std::isnan(y) ? std::isnan(x) : x == doctest::Approx(y).epsilon(kTolerance);
        CHECK(near);
    }
}

void check_invalid(const auto& call, const std::string& message) {
    CHECK_THROWS_WITH_AS(call(), message.c_str(), std::invalid_argument);
}

}  // namespace

TEST_CASE("clip: PyTorch's numbers [9.7]") {
    check_torch(2, 2.6339134382131846,
                {0.28474729061768267, 0.7118682265442067, -0.5694945812353653, -0.14237364530884133,
                 0.14237364530884133, 0.5694945812353653});
    check_torch(1, 7.75,
                {0.09677418106139599, 0.24193545265348998, -0.19354836212279197, -0.04838709053069799,
                 0.04838709053069799, 0.19354836212279197});
    check_torch(3.5, 1.7645493635163811,
                {0.42503745742082777, 1.0625936435520695, -0.8500749148416555, -0.21251872871041388,
                 0.21251872871041388, 0.8500749148416555});
    check_torch(kInfinity, 1.25, {0.5, 1.25, -1.0, -0.25, 0.25, 1.0});
}

TEST_CASE("clip: gradients by rows count with their rows summed up, and are clipped [9.7] [13.11]") {
    for (const double norm_type : {2.0, 1.0, 0.5, kInfinity}) {
        CAPTURE(norm_type);
        Rng rng(3);
        const Parameter table(zeros({6, 9})), dense(zeros({6, 9})), other(zeros({4})), other_twin(zeros({4}));
        Array values(Shape{4, 9});
        for (Real& x : values.storage()) x = static_cast<Real>(rng.normal());
        const RowGradient rows({5, 0, 5, 3}, values);
        Array sum = zeros({6, 9});
        rows.add_to(sum);
        table.add_grad(rows);
        dense.add_grad(sum);
        for (const Parameter& p : {other, other_twin}) p.add_grad(full({4}, 2));

        const double by_rows = clip_grad_norm({table, other}, 1, norm_type);
        CHECK(by_rows == doctest::Approx(clip_grad_norm({dense, other_twin}, 1, norm_type)).epsilon(1e-13));
        Array clipped = zeros({6, 9});
        table.row_grad().add_to(clipped);
        check_near(clipped, dense.grad());
        check_near(other.grad(), other_twin.grad());
        CHECK(clip_grad_norm({table, other}, 1, norm_type) == doctest::Approx(1).epsilon(1e-5));
    }
}

TEST_CASE("clip: a norm within the limit leaves every bit [9.7]") {
    const Parameter p = with_grad(Array{3, 4, Real(1e-30)});
    CHECK(clip_grad_norm({p}, 5.1) == doctest::Approx(5));
    CHECK(p.grad() == Array{3, 4, Real(1e-30)});
    CHECK(clip_grad_norm({p}, kInfinity) == doctest::Approx(5));
    CHECK(p.grad() == Array{3, 4, Real(1e-30)});
    CHECK(clip_grad_norm({p}, 2.5) == doctest::Approx(5));
    CHECK(p.grad()(1) == doctest::Approx(2));
    const Parameter tiny = with_grad(Array{Real(1e-6), 0});
    clip_grad_norm({tiny}, 1e-6);
    CHECK(tiny.grad()(0) == doctest::Approx(0.5e-6).scale(1e-6));  // 1e-6 / (1e-6 + 1e-6)
    CHECK(clip_grad_norm({p}, 0) == doctest::Approx(2.5));
    CHECK(p.grad() == zeros({3}));
}

TEST_CASE("clip: no gradients have norm 0 [9.7]") {
    const Parameter none(ones({3})), frozen(ones({3}));
    frozen.set_requires_grad(false);
    CHECK(clip_grad_norm({}, 1) == 0);
    CHECK(clip_grad_norm({none, frozen}, 1) == 0);
    const Parameter empty = with_grad(zeros({0, 4}));
    const Parameter no_rows(ones({3, 2}));
    no_rows.add_grad(RowGradient());
    for (const double norm_type : {2.0, 1.0, 3.0, kInfinity})
        CHECK(clip_grad_norm({empty, no_rows}, 1, norm_type) == 0);
}

TEST_CASE("clip: the sum is as good as double, and high powers neither overflow nor vanish [9.7]") {
    const std::size_t n = 1'000'003;
    const Parameter many = with_grad(full({n}, Real(0.1)));
    const double tenth = static_cast<double>(Real(0.1));
    CHECK(clip_grad_norm({many}, kInfinity) == doctest::Approx(tenth * std::sqrt(double(n))).epsilon(1e-10));
    CHECK(clip_grad_norm({many}, kInfinity, 1) == doctest::Approx(tenth * double(n)).epsilon(1e-10));

    const Parameter two = with_grad(Array{Real(3e30), Real(3e30)});
    CHECK(clip_grad_norm({two}, 1, 50) == doctest::Approx(3e30 * std::pow(2, 0.02)));
    CHECK(two.grad()(0) == doctest::Approx(std::pow(2, -0.02)));
    const Parameter small = with_grad(Array{Real(1e-20), Real(1e-20)});
    CHECK(clip_grad_norm({small}, 1, 50) == doctest::Approx(1e-20 * std::pow(2, 0.02)).scale(1e-20));
}

TEST_CASE("clip: infinite and NaN gradients [9.7]") {
    const Real infinity = std::numeric_limits<Real>::infinity();
    for (const double norm_type : {2.0, 1.0, 3.0, kInfinity}) {
        CAPTURE(norm_type);
        const Parameter p = with_grad(Array{1, infinity}),
                        q = with_grad(Array{std::numeric_limits<Real>::quiet_NaN(), 1});
        const std::string order = norm_type == kInfinity ? "inf" : std::to_string(static_cast<int>(norm_type));
        const std::string start = "clip_grad_norm: the total norm of order " + order + " for gradients is non-finite ";
        CHECK_THROWS_WITH_AS(clip_grad_norm({p}, 1, norm_type, true),
                             (start + "(inf), so it cannot be clipped").c_str(), std::runtime_error);
        CHECK_THROWS_AS(clip_grad_norm({p, q}, 1, norm_type, true), std::runtime_error);
        CHECK(p.grad() == Array{1, infinity});
        CHECK(q.grad()(1) == 1);

        CHECK(std::isnan(clip_grad_norm({q}, kInfinity, norm_type)));
        CHECK(q.grad()(1) == 1);
        CHECK(std::isinf(clip_grad_norm({p}, kInfinity, norm_type)));
        CHECK(p.grad() == Array{1, infinity});
        CHECK(std::isinf(clip_grad_norm({p}, 1, norm_type)));
        CHECK(p.grad()(0) == 0);  // as PyTorch: 1 / infinity
        CHECK(std::isnan(p.grad()(1)));
        CHECK(std::isnan(clip_grad_norm({q}, 1, norm_type)));
        CHECK(std::isnan(q.grad()(1)));
    }
}

TEST_CASE("clip: bad arguments change nothing [9.7]") {
    const Parameter p = with_grad(Array{30, 40}), q(ones({2}));
    check_invalid([&] { clip_grad_norm({p}, -1); }, "clip_grad_norm: max_norm must not be negative, got -1");
    check_invalid([&] { clip_grad_norm({p}, kNaN); }, "clip_grad_norm: max_norm must not be negative, got nan");
    check_invalid([&] { clip_grad_norm({p}, 1, kNaN); }, "clip_grad_norm: norm_type must be a number, got nan");
    check_invalid(
        [&] {
            clip_grad_norm({p, q, p}, 1);
        },
        "clip_grad_norm: parameter 2 of shape (2,) is also parameter 0");
    check_invalid([&] { clip_grad_norm({p, Parameter()}, 1); }, "clip_grad_norm: parameter 1 is an empty handle");
    check_invalid([&] { clip_grad_value({p}, -1); }, "clip_grad_value: clip_value must not be negative, got -1");
    check_invalid([&] { clip_grad_value({p}, kNaN); }, "clip_grad_value: clip_value must not be negative, got nan");
    check_invalid(
        [&] {
            clip_grad_value({p, q, p}, 1);
        },
        "clip_grad_value: parameter 2 of shape (2,) is also parameter 0");
    check_invalid([&] { clip_grad_value({p, Parameter()}, 1); }, "clip_grad_value: parameter 1 is an empty handle");
    CHECK(p.grad() == Array{30, 40});
    p.mutable_grad() = Array{30, 40, 50};
    check_invalid([&] { clip_grad_value({p}, 1); },
                  "Parameter: the gradient of a parameter of shape (2,) was replaced by one of shape (3,)");
}

// PyTorch's test_clip_grad_norm: two gradients of very different sizes.
TEST_CASE("clip: the norm is max_norm afterwards, by one scale for all, or no bit has changed [9.7]") {
    for (const double norm_type : {0.5, 1.5, 2.0, 4.0, kInfinity, 1.0, -1.0, -kInfinity}) {
        CAPTURE(norm_type);
        const auto make = [](Real scale) {
            Array counting(Shape{10, 10});
            for (std::size_t i = 0; i < 100; ++i) counting.data()[i] = static_cast<Real>(i + 1) * scale;
            return std::vector<Parameter>{with_grad(counting), with_grad(full({10}, Real(0.125) * scale))};
        };
        const std::vector<Parameter> large = make(1000), before = make(1000), small = make(Real(1e-6));
        const double norm_before = clip_grad_norm(large, 2, norm_type);
        CHECK(norm_before > 2);
        CHECK(clip_grad_norm(large, kInfinity, norm_type) == doctest::Approx(2).epsilon(1e-5));
        for (std::size_t k = 0; k < 2; ++k) {
            for (std::size_t i = 0; i < large[k].size(); ++i) {
                CHECK(static_cast<double>(large[k].grad().data()[i] / before[k].grad().data()[i]) ==
                      doctest::Approx(2 / norm_before).epsilon(1e-5));
            }
        }
        const std::vector<Parameter> same = make(Real(1e-6));
        CHECK(clip_grad_norm(small, 200, norm_type) <= 200);
        for (std::size_t k = 0; k < 2; ++k) CHECK(small[k].grad() == same[k].grad());
    }
}

TEST_CASE("clip: norm types that are no norms, by hand [9.7]") {
    const auto parameters = [] {
        return std::vector<Parameter>{with_grad(Array{1, -2}), with_grad(Array{0.5, 4}), with_grad(zeros({0}))};
    };
    CHECK(clip_grad_norm(parameters(), kInfinity, -1) == doctest::Approx(1 / 3.75));  // 1 + 1/2 + 2 + 1/4
    CHECK(clip_grad_norm(parameters(), kInfinity, -2) == doctest::Approx(1 / std::sqrt(1 + 0.25 + 4 + 1 / 16.)));
    CHECK(clip_grad_norm(parameters(), kInfinity, 0.5) ==
          doctest::Approx(std::pow(1 + std::sqrt(2.) + std::sqrt(0.5) + 2, 2)));
    CHECK(clip_grad_norm(parameters(), kInfinity, -kInfinity) == 0.5);
    CHECK(clip_grad_norm(parameters(), kInfinity, 0) == 2);  // gradients that are not all zero
    CHECK(clip_grad_norm({with_grad(Array{0, 3}), with_grad(zeros({2}))}, kInfinity, 0) == 1);
    CHECK(clip_grad_norm({with_grad(Array{0, 3})}, kInfinity, -1) == 0);
    CHECK(clip_grad_norm({}, 1, -1) == 0);

    const Parameter table(zeros({3, 2}));  // of a gradient by rows the rows alone count
    table.add_grad(RowGradient({2, 0, 2}, Array{{1, 2}, {-4, 8}, {1, 2}}));
    CHECK(clip_grad_norm({table}, kInfinity, -kInfinity) == 2);
    CHECK(clip_grad_norm({table}, kInfinity, 0) == 1);
    table.freeze_rows({2});
    CHECK(clip_grad_norm({table}, kInfinity, -kInfinity) == 4);
    table.freeze_rows({0, 1, 2});
    CHECK(clip_grad_norm({table}, kInfinity, 0) == 0);
}

// PyTorch's test_clip_grad_norm_error_if_nonfinite.
TEST_CASE("clip: which gradients have a norm that is not finite [9.7]") {
    const std::vector<double> positive = {0.1, 1, 2, 3.5, kInfinity}, negative = {-0.1, -1, -2, -3.5};
    const auto check = [&](Real scalar, bool one_element, bool behind_finite, const std::vector<double>& types,
                           bool finite) {
        for (const double norm_type : types) {
            INFO("scalar ", scalar, ", one element ", one_element, ", behind ", behind_finite, ", type ", norm_type);
            Array gradient = full({10}, one_element ? Real(1) : scalar);
            gradient(1) = scalar;
            std::vector<Parameter> parameters{with_grad(gradient)};
            if (behind_finite) parameters.insert(parameters.begin(), with_grad(ones({10})));
            if (finite) {
                CHECK(std::isfinite(clip_grad_norm(parameters, 1, norm_type, true)));
                continue;
            }
            CHECK_THROWS_AS(clip_grad_norm(parameters, 1, norm_type, true), std::runtime_error);
            const bool same =
                std::isnan(scalar) ? std::isnan(parameters.back().grad()(1)) : parameters.back().grad() == gradient;
            CHECK(same);
        }
    };
    const Real infinity = std::numeric_limits<Real>::infinity(), nan = std::numeric_limits<Real>::quiet_NaN();
    const Real huge = sizeof(Real) == 8 ? Real(2e200) : Real(2e22);
    for (const bool one : {false, true}) {
        for (const bool behind : {false, true}) {
            for (const Real sign : {Real(1), Real(-1)}) {
                check(sign * infinity, one, behind, positive, false);
                check(sign * infinity, one, behind, negative, one || behind);  // 1 / infinity adds nothing
                check(sign * infinity, one, behind, {0}, true);
                check(sign * huge, one, behind, positive, true);  // not even where squares overflow
                check(sign * huge, one, behind, negative, true);
            }
            check(nan, one, behind, positive, false);
            check(nan, one, behind, negative, false);
            check(nan, one, behind, {0}, true);
        }
    }
}

TEST_CASE("clip: the squares of finite gradients may overflow, or vanish, in double [9.7]") {
    if (sizeof(Real) < 8) return;
    const Parameter p = with_grad(Array{Real(3e200), Real(4e200)}), q = with_grad(Array{Real(3e-200), Real(4e-200)});
    CHECK(clip_grad_norm({p}, 1) == doctest::Approx(5e200));
    CHECK(p.grad()(0) == doctest::Approx(0.6));
    CHECK(clip_grad_norm({q}, 1) == doctest::Approx(5e-200).epsilon(1e-12).scale(1e-200));
}

// PyTorch's test_clip_grad_value, and what PyTorch cannot do.
TEST_CASE("clip: values are cut at both ends, by rows after they were summed up, and frozen rows are left [9.7]") {
    const Parameter dense = with_grad(Array{-3, -2.5, Real(0.1), 2.5, 7, static_cast<Real>(kNaN)});
    const Parameter none(ones({2})), scalar = with_grad(full({}, 9)), empty = with_grad(zeros({0, 2}));
    clip_grad_value({dense, none, scalar, empty}, 2.5);
    check_near(dense.grad(), Array{-2.5, -2.5, Real(0.1), 2.5, 2.5, static_cast<Real>(kNaN)});
    CHECK(scalar.grad()() == 2.5);
    CHECK_FALSE(none.has_gradient());

    const Parameter table(zeros({4, 2}));
    table.add_grad(RowGradient({3, 0, 3}, Array{{2, -2}, {5, 1}, {2, -2}}));
    clip_grad_value({table}, 3);
    CHECK(table.row_grad().rows() == std::vector<std::int64_t>{0, 3});
    CHECK(table.row_grad().values() == Array{{3, 1}, {3, -3}});  // 2 + 2, not 2 and 2
    clip_grad_value({table}, kInfinity);
    CHECK(table.row_grad().values() == Array{{3, 1}, {3, -3}});
    clip_grad_value({table}, 0);
    CHECK(table.row_grad().values() == zeros({2, 2}));

    const Parameter partly(zeros({3, 2})), frozen(zeros({1}));
    partly.freeze_rows({1});
    partly.add_grad(Array{{4, 0}, {4, 4}, {-4, -1}});
    partly.mutable_grad()(1, 0) = 100;  // the user's own doing
    frozen.set_requires_grad(false);
    frozen.add_grad(full({1}, 5));
    clip_grad_value({partly, frozen}, 1);
    CHECK(partly.grad() == Array{{1, 0}, {100, 0}, {-1, -1}});
    CHECK(frozen.grad()(0) == 5);
}
