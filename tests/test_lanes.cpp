// Rows in lanes against loops over one number after the other, at the borders of lanes, pieces and blocks.
#include <embergrad/engine/kernels/lanes.hpp>

#include <embergrad/engine/kernels/vector_exp.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Reals = std::vector<Real>;

const std::vector<std::size_t> kLengths = {0, 1, 2, 31, 32, 33, 63, 100, 1023, 1024, 1025, 1056, 5000};

Reals random_row(std::size_t n, Rng& rng, double low = -30, double high = 30) {
    Reals row(n);
    for (Real& x : row) x = static_cast<Real>(rng.uniform(low, high));
    return row;
}

/// sum(|x_i y_i|), or with signs.
double naive_dot(const Reals& x, const Reals& y, bool absolute = false) {
    long double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const long double term = static_cast<long double>(x[i]) * static_cast<long double>(y[i]);
        sum += absolute ? std::abs(term) : term;
    }
    return static_cast<double>(sum);
}

double sum_of_exponentials(const Reals& x) {
    Reals e(x.size());
    return detail::exponentials(x.data(), x.size(), e.data()).sum;
}

}  // namespace

TEST_CASE("exponentials: the same bits as one number after the other, and their sum") {
    for (const std::size_t n : kLengths) {
        INFO("seed ", n);
        Rng rng(n);
        const Reals x = random_row(n, rng, n % 2 == 0 ? -100 : -3, 5);
        Reals e(n);
        const auto [max, sum] = detail::exponentials(x.data(), n, e.data());
        if (n > 0) CHECK(max == *std::max_element(x.begin(), x.end()));
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < n; ++i) wrong += e[i] != detail::exp_nonpositive(x[i] - max);
        CHECK(wrong == 0);
        CHECK(is_near(sum, naive_dot(e, Reals(n, 1)), 1e-13));
    }
}

TEST_CASE("exponentials: NaN anywhere, +infinity and nothing but -infinity make the sum NaN") {
    Rng rng(1);
    for (const std::size_t n : {1u, 5u, 32u, 40u, 70u, 1030u}) {
        const Reals x = random_row(n, rng);
        for (std::size_t i = 0; i < n; ++i) {
            Reals with = x;
            with[i] = static_cast<Real>(kNaN);
            CHECK(std::isnan(sum_of_exponentials(with)));
            with[i] = static_cast<Real>(kInf);
            CHECK(std::isnan(sum_of_exponentials(with)));
        }
        CHECK(std::isnan(sum_of_exponentials(Reals(n, static_cast<Real>(-kInf)))));
        Reals one(n, static_cast<Real>(-kInf));
        one[n / 2] = 3;
        CHECK(sum_of_exponentials(one) == 1);
    }
}

TEST_CASE("sum_of, dot: as in double") {
    for (const std::size_t n : kLengths) {
        INFO("seed ", n);
        Rng rng(n);
        const Reals x = random_row(n, rng), y = random_row(n, rng), unit(n, 1);
        CHECK(std::abs(detail::sum_of(x.data(), n) - naive_dot(x, unit)) <= 1e-14 * naive_dot(x, unit, true));
        CHECK(std::abs(detail::dot(x.data(), y.data(), n) - naive_dot(x, y)) <= 1e-14 * naive_dot(x, y, true));
    }
}

TEST_CASE("sum_rows: agrees with sums in double, writes or adds") {
    for (const std::size_t rows : {0u, 1u, 2u, 7u, 8u, 9u, 16u, 50u, 64u}) {
        for (const std::size_t n : {0u, 1u, 5u, 128u, 511u, 512u, 513u, 1030u}) {
            INFO(rows, " rows of ", n);
            Rng rng(rows * 10000 + n);
            const Reals x = random_row(rows * n, rng, -1, 1);
            Reals written(n, static_cast<Real>(kNaN)), added(n, 2);
            detail::sum_rows(x.data(), rows, n, Real{0.5}, false, written.data());
            detail::sum_rows(x.data(), rows, n, Real{0.5}, true, added.data());
            std::size_t wrong = 0;
            for (std::size_t j = 0; j < n; ++j) {
                double sum = 0, absolute = 0;
                for (std::size_t i = 0; i < rows; ++i) {
                    sum += static_cast<double>(x[i * n + j]);
                    absolute += std::abs(static_cast<double>(x[i * n + j]));
                }
                const double tolerance = (kDouble ? 1e-15 : 5e-7) * absolute;
                wrong += std::abs(static_cast<double>(written[j]) - 0.5 * sum) > tolerance;
                wrong += added[j] != 2 + written[j];
            }
            CHECK(wrong == 0);
        }
    }
}
