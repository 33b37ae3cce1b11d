// exp in plain arithmetic: within 2 ulp of the C library's in a longer precision, and the edges exactly.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <embergrad/engine/kernels/vector_exp.hpp>
#include <embergrad/engine/rng.hpp>

using embergrad::Rng;
using embergrad::detail::exp_nonpositive;
using embergrad::detail::ExpTraits;

namespace {

/// The distance of exp_nonpositive(x) from exp(x), in units of the last place of a T of that size.
template <class T>
double ulps(T x) {
    const long double exact = std::exp(static_cast<long double>(x));
    int exponent = 0;
    std::frexp(exact, &exponent);
    const long double ulp = std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits);
    return static_cast<double>(std::abs(static_cast<long double>(exp_nonpositive(x)) - exact) / ulp);
}

/// Over every exponent of x, random mantissas, and the neighbours of half multiples of log 2, where n changes.
template <class T>
double worst_ulps(Rng& rng) {
    double worst = 0;
    const auto look = [&](T x) {
        if (x >= ExpTraits<T>::kLowest) worst = std::max(worst, ulps(x));
    };
    for (int exponent = std::numeric_limits<T>::min_exponent - 1; exponent <= 10; ++exponent) {
        for (int i = 0; i < (exponent < -30 ? 20 : 5000); ++i)
            look(static_cast<T>(-std::ldexp(1 + rng.uniform(), exponent)));
    }
    for (int half = 1; half <= 2 * 1022; ++half) {
        const T border = static_cast<T>(-0.5 * half * std::log(2.0));
        for (T x : {border, std::nextafter(border, T{0}), std::nextafter(border, T{-1000})}) look(x);
    }
    return worst;
}

template <class T>
void check_edges() {
    constexpr T kInf = std::numeric_limits<T>::infinity(), kLowest = ExpTraits<T>::kLowest;
    CHECK(exp_nonpositive(T{0}) == 1);
    CHECK(exp_nonpositive(-T{0}) == 1);
    CHECK(exp_nonpositive(-std::numeric_limits<T>::denorm_min()) == 1);
    CHECK(std::isnan(exp_nonpositive(std::numeric_limits<T>::quiet_NaN())));
    CHECK(std::isnan(exp_nonpositive(-std::numeric_limits<T>::quiet_NaN())));
    CHECK(std::isnan(exp_nonpositive(std::nan("") + T{1})));
    for (T x : {-kInf, std::numeric_limits<T>::lowest(), T{-1e30f}, T{-1e4f}, std::nextafter(kLowest, -kInf)}) {
        CHECK(exp_nonpositive(x) == 0);
        CHECK(!std::signbit(exp_nonpositive(x)));
    }
    CHECK(exp_nonpositive(kLowest) >= std::numeric_limits<T>::min() * T{0.999f});
    CHECK(std::exp(static_cast<double>(std::nextafter(kLowest, -kInf))) <= std::numeric_limits<T>::min());
}

}  // namespace

TEST_CASE("exp_nonpositive: within 2 ulp over every exponent") {
    const std::uint64_t seed = 1;
    INFO("seed ", seed);
    Rng rng(seed);
    const double worst_float = worst_ulps<float>(rng), worst_double = worst_ulps<double>(rng);
    MESSAGE("seed ", seed, ": at most ", worst_float, " ulp in float, ", worst_double, " in double");
    CHECK(worst_float <= 2);
    CHECK(worst_double <= 2);
}

TEST_CASE("exp_nonpositive: 1 at 0, 0 where the subnormal numbers begin and at -infinity, NaN of NaN") {
    check_edges<float>();
    check_edges<double>();
}
