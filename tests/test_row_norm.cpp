// The q-norm of rows: closed forms, the ends of what Real holds, and a naive twin at the borders of the lanes.
#include <embergrad/engine/kernels/row_norm.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Reals = std::vector<Real>;

const std::vector<double> kOrders = {0.5, 1, 1.5, 2, 3, 20, 200, -0.5, -1, -2, -20};

double norm(const Reals& row, double q) { return detail::row_norm(row, q); }

/// In long double, one number after the other.
double naive_norm(const Reals& row, double q) {
    long double sum = 0;
    for (Real x : row) sum += std::pow(std::abs(static_cast<long double>(x)), static_cast<long double>(q));
    return static_cast<double>(std::pow(sum, 1 / static_cast<long double>(q)));
}

Reals random_row(std::size_t n, Rng& rng) {
    Reals row(n);
    for (Real& x : row) x = static_cast<Real>(rng.uniform(0.1, 2) * (rng.below(2) == 0 ? 1 : -1));
    return row;
}

}  // namespace

TEST_CASE("row_norm: 3 and -4 by hand") {
    const Reals row = {3, -4};
    CHECK(norm(row, 2) == 5);
    CHECK(norm(row, 1) == 7);
    CHECK(norm(row, kInf) == 4);
    CHECK(norm(row, -kInf) == 3);
    CHECK(norm(row, 0) == 2);
    CHECK(is_near(norm(row, 3), std::cbrt(91.0), 1e-14));
    CHECK(is_near(norm(row, 0.5), 7 + 4 * std::sqrt(3.0), 1e-14));
    CHECK(is_near(norm(row, -1), 12 / 7.0, 1e-14));
    CHECK(is_near(norm(row, -2), 12 / 5.0, 1e-14));
}

TEST_CASE("row_norm: zeros, single numbers and nothing at all") {
    CHECK(norm({0, Real(-0.0), 5, 0}, 0) == 1);
    for (double q : kOrders) {
        INFO("order ", q);
        CHECK(norm({}, q) == 0);
        CHECK(norm({0, Real(-0.0)}, q) == 0);
        CHECK(norm({-6}, q) == 6);
        CHECK(norm({0, 2}, q) == (q > 0 ? 2 : 0));  // 1 / 0 outweighs all else
    }
    for (double q : {0.0, kInf, -kInf}) CHECK(norm({}, q) == 0);
    CHECK(detail::joint_norm({}, 2) == 0);
    CHECK(norm({0, 2}, -kInf) == 0);
}

TEST_CASE("row_norm: NaN and infinities") {
    const Real nan = static_cast<Real>(kNaN), inf = static_cast<Real>(kInf);
    for (double q : kOrders) {
        INFO("order ", q);
        CHECK(std::isnan(norm({1, nan, 0}, q)));
        CHECK(std::isnan(norm({inf, nan}, q)));
        CHECK(norm({1, -inf}, q) == (q > 0 ? kInf : 1));
        CHECK(norm({inf, -inf}, q) == kInf);
    }
    for (double q : {kInf, -kInf}) CHECK(std::isnan(norm({1, nan, 0}, q)));
    CHECK(norm({1, -inf}, kInf) == kInf);
    CHECK(norm({1, -inf}, -kInf) == 1);
    CHECK(norm({0, nan, -inf}, 0) == 2);
}

TEST_CASE("row_norm: c n^(1/q) of n numbers c, whatever becomes of their powers") {
    using Limits = std::numeric_limits<Real>;
    const std::size_t n = 11;
    for (const Real c : {Limits::max(), Limits::max() / 16, Real(1), Limits::min(), Limits::denorm_min()}) {
        for (double q : kOrders) {
            INFO("c ", c, ", order ", q);
            const double factor = std::pow(static_cast<double>(n), 1 / q), expected = static_cast<double>(c) * factor;
            const double unit = std::max(expected, std::numeric_limits<double>::denorm_min());
            if (std::isinf(expected))
                CHECK(norm(Reals(n, -c), q) == kInf);
            else
                CHECK(is_near(norm(Reals(n, -c), q) / unit, expected / unit, 1e-13));
        }
        CHECK(norm(Reals(n, -c), kInf) == static_cast<double>(c));
        CHECK(norm(Reals(n, -c), -kInf) == static_cast<double>(c));
    }
}

TEST_CASE("row_norm: as one number after the other, of rows together as of one long row") {
    for (const std::size_t n : {1u, 2u, 7u, 8u, 9u, 15u, 16u, 17u, 100u, 1000u}) {
        INFO("seed ", n);
        Rng rng(n);
        const Reals row = random_row(n, rng);
        for (double q : {0.5, 1.0, 1.5, 2.0, 3.0, -1.0}) {
            const double expected = naive_norm(row, q);
            CHECK(is_near(norm(row, q) / expected, 1, 1e-13));
            const std::size_t first = rng.below(n), second = rng.below(n - first);
            const detail::Row whole(row);
            const std::vector<detail::Row> pieces = {
                whole.first(first), whole.subspan(first, second), {}, whole.subspan(first + second)};
            CHECK(is_near(detail::joint_norm(pieces, q) / expected, 1, 1e-13));
        }
    }
}

TEST_CASE("row_norm: a million numbers are summed as well as in double") {
    const Reals row(1'000'003, Real(0.1));
    const double tenth = static_cast<double>(Real(0.1)), n = static_cast<double>(row.size());
    CHECK(is_near(norm(row, 2) / (tenth * std::sqrt(n)), 1, 1e-10));
    CHECK(is_near(norm(row, 1) / (tenth * n), 1, 1e-10));
    CHECK(norm(row, 0) == n);
}
