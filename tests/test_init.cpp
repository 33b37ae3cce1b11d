// Initial values: gains to the last digit, bounds, distributions, and what has no fans.
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <embergrad/layers/init.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

double normal_cdf(double x, double std) { return 0.5 * std::erfc(-x / (std * std::numbers::sqrt2)); }

/// The largest distance of the sample's distribution function from `cdf`, times sqrt(n) (Kolmogorov and Smirnov).
/// Beyond 2.23 lies one sample in 10,000.
double ks_distance(const Parameter& parameter, const auto& cdf) {
    std::vector<double> xs(parameter.value().begin(), parameter.value().end());
    std::sort(xs.begin(), xs.end());
    const auto n = static_cast<double>(xs.size());
    double distance = 0;
    for (std::size_t i = 0; i < xs.size(); ++i) {
        const double expected = cdf(xs[i]), seen = static_cast<double>(i);
        distance = std::max({distance, expected - seen / n, (seen + 1) / n - expected});
    }
    return distance * std::sqrt(n);
}

void check_uniform(const Parameter& parameter, double bound, int line = __builtin_LINE()) {
    INFO("called from line ", line);
    const double rounded = static_cast<double>(static_cast<Real>(bound));
    for (Real x : parameter.value()) REQUIRE(std::abs(static_cast<double>(x)) <= rounded);
    CHECK(ks_distance(parameter, [=](double x) { return std::clamp((x + bound) / (2 * bound), 0.0, 1.0); }) < 2.23);
}

void check_normal(const Parameter& parameter, double std, int line = __builtin_LINE()) {
    INFO("called from line ", line);
    CHECK(ks_distance(parameter, [=](double x) { return normal_cdf(x, std); }) < 2.23);
}

const std::vector<Shape> kShapes = {{60, 40}, {30, 20, 3, 2}};

/// fan_in and fan_out.
std::pair<double, double> fans(const Shape& shape) {
    const auto field = static_cast<double>(element_count(shape) / shape[0] / shape[1]);
    return {static_cast<double>(shape[1]) * field, static_cast<double>(shape[0]) * field};
}

}  // namespace

TEST_CASE("init: gains to the last digit [7.3]") {
    CHECK(init::gain("linear") == 1);
    CHECK(init::gain("sigmoid") == 1);
    for (const char* conv :
         {"conv", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})
        CHECK(init::gain(conv) == 1);
    CHECK(init::gain("tanh") == 1.6666666666666667);
    CHECK(init::gain("relu") == 1.4142135623730951);
    CHECK(init::gain("leaky_relu") == 1.4141428569978354);
    CHECK(init::gain("leaky_relu", 10) == 0.14071950894605836);
    CHECK(init::gain("leaky_relu", 0) == init::gain("relu"));
    CHECK(init::gain("selu") == 0.75);
    check_refused<std::invalid_argument>([] { init::gain("gelu"); }, "init::gain: unknown nonlinearity 'gelu'");
    check_refused<std::invalid_argument>([] { init::gain(""); }, "init::gain: unknown nonlinearity ''");
}

TEST_CASE("init: zeros, ones and constants are exact [7.2]") {
    const Parameter p(full({3, 2}, 7));
    init::ones(p);
    check_near(p.value(), {1, 1, 1, 1, 1, 1}, 0);
    init::zeros(p);
    check_near(p.value(), {0, 0, 0, 0, 0, 0}, 0);
    init::constant(p, -2.5);
    check_near(p.value(), {-2.5, -2.5, -2.5, -2.5, -2.5, -2.5}, 0);
    CHECK(p.version() == 3);
    const Parameter scalar(zeros({}));
    init::ones(scalar);
    CHECK(scalar.value().data()[0] == 1);
}

TEST_CASE("init: uniform fills [low, high) [7.2]") {
    Rng rng(1);
    const Parameter p(zeros({5000}));
    init::uniform(p, rng);
    CHECK(ks_distance(p, [](double x) { return std::clamp(x, 0.0, 1.0); }) < 2.23);
    init::uniform(p, rng, -0.25, 0.75);
    CHECK(ks_distance(p, [](double x) { return std::clamp(x + 0.25, 0.0, 1.0); }) < 2.23);
    init::uniform(p, rng, 3, 3);
    for (Real x : p.value()) REQUIRE(x == 3);
    check_refused<std::invalid_argument>([&] { init::uniform(p, rng, 1, 0); },
                                         "init::uniform: low 1 must not be above high 0");
    check_refused<std::invalid_argument>([&] { init::uniform(p, rng, kNaN, 0); },
                                         "init::uniform: low nan must not be above high 0");
    for (Real x : p.value()) REQUIRE(x == 3);
}

TEST_CASE("init: uniform never gives high, even where a float would round to it [7.2]") {
    Rng rng(2);
    const Parameter p(zeros({200'000}));
    const Real low = 1, high = std::nextafter(low, Real{2});  // one step: half of the draws would round up
    init::uniform(p, rng, static_cast<double>(low), static_cast<double>(high));
    for (Real x : p.value()) REQUIRE(x == low);
}

TEST_CASE("init: normal has the mean and std asked for [7.2]") {
    Rng rng(3);
    const Parameter p(zeros({5000}));
    init::normal(p, rng);
    check_normal(p, 1);
    init::normal(p, rng, 2, 0.5);
    CHECK(ks_distance(p, [](double x) { return normal_cdf(x - 2, 0.5); }) < 2.23);
    init::normal(p, rng, 4, 0);
    for (Real x : p.value()) REQUIRE(x == 4);
    check_refused<std::invalid_argument>([&] { init::normal(p, rng, 0, -1); },
                                         "init::normal: std must not be negative, but got -1");
    check_refused<std::invalid_argument>([&] { init::normal(p, rng, 0, kNaN); },
                                         "init::normal: std must not be negative, but got nan");
}

TEST_CASE("init: xavier, for two and four axes [7.1] [7.4]") {
    Rng rng(4);
    for (const Shape& shape : kShapes) {
        const auto [fan_in, fan_out] = fans(shape);
        for (double gain : {1.0, 0.5}) {
            const Parameter p(zeros(shape));
            init::xavier_uniform(p, rng, gain);
            check_uniform(p, gain * std::sqrt(6 / (fan_in + fan_out)));
            init::xavier_normal(p, rng, gain);
            check_normal(p, gain * std::sqrt(2 / (fan_in + fan_out)));
        }
    }
}

TEST_CASE("init: kaiming, by either fan and any nonlinearity [7.1] [7.5]") {
    Rng rng(5);
    for (const Shape& shape : kShapes) {
        const auto [fan_in, fan_out] = fans(shape);
        const Parameter p(zeros(shape));
        init::kaiming_uniform(p, rng);
        check_uniform(p, std::sqrt(6 / fan_in));
        init::kaiming_uniform(p, rng, {.slope = std::sqrt(5.0)});  // what a Linear layer's weight gets
        check_uniform(p, 1 / std::sqrt(fan_in));
        init::kaiming_uniform(p, rng, {.mode = init::Fan::out, .nonlinearity = "relu"});
        check_uniform(p, std::sqrt(6 / fan_out));
        init::kaiming_normal(p, rng);
        check_normal(p, std::sqrt(2 / fan_in));
        init::kaiming_normal(p, rng, {.mode = init::Fan::out, .nonlinearity = "tanh"});
        check_normal(p, 5.0 / 3 / std::sqrt(fan_out));
        check_refused<std::invalid_argument>([&] { init::kaiming_normal(p, rng, {.nonlinearity = "swish"}); },
                                             "init::gain: unknown nonlinearity 'swish'");
    }
}

TEST_CASE("init: for an embedding table (V, D) fan_in is D and fan_out V [7.1]") {
    Rng rng(6);
    const Parameter table(zeros({1000, 8}));
    init::kaiming_normal(table, rng, {.nonlinearity = "linear"});
    check_normal(table, 1 / std::sqrt(8.0));
    init::kaiming_normal(table, rng, {.mode = init::Fan::out, .nonlinearity = "linear"});
    check_normal(table, 1 / std::sqrt(1000.0));
}

TEST_CASE("init: uniform by fan in is what a Linear layer's weight has [3.4] [7.1]") {
    Rng rng(10);
    for (const Shape& shape : kShapes) {
        const Parameter p(zeros(shape));
        init::fan_in_uniform(p, rng);
        check_uniform(p, 1 / std::sqrt(fans(shape).first));
    }
}

TEST_CASE("init: fewer than two axes have no fans [7.1]") {
    Rng rng(7);
    for (const Shape& shape : {Shape{}, Shape{5}}) {
        const Parameter p(full(shape, 3));
        const std::string text =
            "init: fan in and fan out need two axes at least, but the shape is " + to_string(shape);
        check_refused<std::invalid_argument>([&] { init::xavier_uniform(p, rng); }, text);
        check_refused<std::invalid_argument>([&] { init::xavier_normal(p, rng); }, text);
        check_refused<std::invalid_argument>([&] { init::fan_in_uniform(p, rng); }, text);
        check_refused<std::invalid_argument>([&] { init::kaiming_uniform(p, rng); }, text);
        check_refused<std::invalid_argument>([&] { init::kaiming_normal(p, rng); }, text);
        CHECK(p.value().data()[0] == 3);
        CHECK(p.version() == 0);
    }
}

TEST_CASE("init: nothing to fill is no error [7.6]") {
    Rng rng(8);
    for (const Shape& shape : {Shape{0, 3}, Shape{3, 0}, Shape{0, 0}}) {
        const Parameter p(zeros(shape));
        init::xavier_uniform(p, rng);
        init::xavier_normal(p, rng);
        init::fan_in_uniform(p, rng);
        init::kaiming_uniform(p, rng);
        init::kaiming_normal(p, rng, {.mode = init::Fan::out});
        init::uniform(p, rng);
        init::normal(p, rng);
    }
    CHECK(rng() == Rng(8)());  // and draws nothing
}

TEST_CASE("init: requires_grad stays as it was, and the same seed gives the same values [7.7]") {
    for (bool requires_grad : {true, false}) {
        const Parameter p(zeros({4, 4}), requires_grad), q(zeros({4, 4}), requires_grad);
        Rng first(9), second(9);
        init::xavier_normal(p, first);
        init::xavier_normal(q, second);
        CHECK(p.requires_grad() == requires_grad);
        check_same(p.value(), q.value());
    }
}
