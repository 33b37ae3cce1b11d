// Dropout: what it keeps, how often, and when it does nothing at all.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

Array dropped(const Array& x, double p, std::uint64_t seed) {
    Rng rng(seed);
    Tape tape(Mode::train, rng);
    return dropout(tape.constant(x), p).value();
}

}  // namespace

TEST_CASE("dropout: the gradient under one mask, also of a value used twice and of nothing [5.4]") {
    for (const Shape& shape : std::vector<Shape>{{5, 5}, {5}, {}, {1}, {0}, {2, 0}}) {
        for (const double p : {0.0, 0.3, 0.5, 1.0}) {
            check_op({shape}, [=](const Vars& v) { return dropout(v[0], p); });
            check_op({shape}, [=](const Vars& v) { return dropout(v[0], p) * dropout(v[0], p); });
            check_op({shape}, [=](const Vars& v) { return dropout(v[0] * v[0], p) * v[0]; });
        }
    }
}

TEST_CASE("dropout: each element is 0 or x / (1 - p), and its gradient is treated alike [5.4]") {
    const std::uint64_t seed = 1;
    INFO("seed ", seed);
    Rng rng(seed);
    const Parameter x(wave({40, 25}));
    Tape tape(Mode::train, rng);
    const Var y = dropout(tape.leaf(x), 0.2);
    tape.backward(y, x.value());
    check_arrays_near(x.grad(), y.value(), 0);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
        if (y.value().data()[i] == 0) continue;
        CHECK(element(y.value(), i) == doctest::Approx(element(x.value(), i) * 1.25).epsilon(1e-6));
        ++kept;
    }
    CHECK(kept > 700);
    CHECK(kept < 900);
}

TEST_CASE("dropout: keeps the mean of 1000 values and of their gradient [5.4]") {
    const std::uint64_t seed = 2;
    INFO("seed ", seed);
    Rng rng(seed);
    const Parameter x(full({1000}, static_cast<Real>(0.8)));
    Tape tape(Mode::train, rng);
    const Var y = dropout(tape.leaf(x), 0.2);
    tape.backward(y, x.value());
    CHECK(mean(y).item() == doctest::Approx(0.8).epsilon(0.05 / 0.8));
    CHECK(mean(tape.constant(x.grad())).item() == doctest::Approx(0.8).epsilon(0.05 / 0.8));
}

TEST_CASE(
    "dropout: keeps as many as it should, at even and odd positions, and neighbours do not know each other [5.4]") {
    constexpr std::size_t n = 200'000;
    for (const double p : {0.1, 0.5, 0.9}) {
        const std::uint64_t seed = 3;
        INFO("seed ", seed, ", p ", p);
        const Array y = dropped(ones({n}), p, seed);
        double kept[2] = {0, 0}, both = 0;
        for (std::size_t i = 0; i < n; i += 2) {
            kept[0] += y.data()[i] != 0;
            kept[1] += y.data()[i + 1] != 0;
            both += y.data()[i] != 0 && y.data()[i + 1] != 0;
        }
        const double pairs = n / 2, five_sigma = 5 * std::sqrt(pairs * p * (1 - p));
        CHECK(std::abs(kept[0] - pairs * (1 - p)) < five_sigma);
        CHECK(std::abs(kept[1] - pairs * (1 - p)) < five_sigma);
        CHECK(std::abs(both - pairs * (1 - p) * (1 - p)) < 5 * std::sqrt(pairs * (1 - p) * (1 - p)));
    }
}

TEST_CASE("dropout: p 1 drops everything, but NaN and infinity become NaN [5.3]") {
    const Array g = ones({4}), x = array({4}, {1, -2, kNaN, kInf});
    check_near(dropped(x, 1, 4), {0, 0, kNaN, kNaN});
    const Parameter parameter(x);
    Rng rng(4);
    Tape tape(Mode::train, rng);
    tape.backward(dropout(tape.leaf(parameter), 1), g);
    check_near(parameter.grad(), {0, 0, 0, 0});
}

TEST_CASE("dropout: a tiny p changes nothing, and empty arrays stay empty [5.4]") {
    for (const std::uint64_t seed : {5u, 6u, 7u})
        check_arrays_near(dropped(wave({1000}), 1e-10, seed), wave({1000}), 1e-7);
    check_same(dropped(zeros({0, 3}), 0.5, 5), zeros({0, 3}));
}

TEST_CASE("dropout: one seed, one mask; each call draws another [5.5]") {
    for (const std::size_t n : {1u, 2u, 3u, 7u, 64u})
        check_same(dropped(wave({n}), 0.5, 8), dropped(wave({n}), 0.5, 8));
    Rng rng(8);
    Tape tape(Mode::train, rng);
    const Var x = tape.constant(ones({64}));
    const Array first = dropout(x).value(), second = dropout(x).value();
    CHECK(!std::equal(first.begin(), first.end(), second.begin()));
}

TEST_CASE("dropout: on an eval tape, or for p 0, it is the input itself and draws nothing [5.2]") {
    Rng rng(9), untouched(9);
    Tape eval(Mode::eval), train(Mode::train, rng), no_dropout({.training = false});
    const Parameter p(wave({3}));
    const auto check_identity = [](const Var& x, double probability) {
        const std::size_t size = x.tape().size();
        CHECK(&dropout(x, probability).value() == &x.value());
        CHECK(x.tape().size() == size);
    };
    for (const double probability : {0.0, 0.5, 1.0}) {
        check_identity(eval.constant(wave({3})), probability);
        check_identity(no_dropout.leaf(p), probability);
    }
    check_identity(train.leaf(p), 0);
    CHECK(rng() == untouched());
    no_dropout.backward(sum(dropout(no_dropout.leaf(p), 0.5)));
    check_same(p.grad(), ones({3}));
}

TEST_CASE(
    "dropout: probabilities outside 0..1 are refused, also on an eval tape; so is a tape without numbers [5.1] "
    "[13.17]") {
    Rng rng(10), untouched(10);
    Tape train(Mode::train, rng), eval(Mode::eval), without;
    for (Tape* tape : {&train, &eval}) {
        const Var x = tape->constant(ones({2}));
        const auto refused = [&](double p, const std::string& text) {
            check_refused<std::invalid_argument>([&] { dropout(x, p); },
                                                 "dropout: probability has to be between 0 and 1, but got " + text);
        };
        refused(-0.1, "-0.1");
        refused(1.1, "1.1");
        refused(kNaN, "nan");
        CHECK(tape->size() == 1);
    }
    CHECK(rng() == untouched());
    const Var x = without.constant(ones({2}));
    check_refused<std::logic_error>([&] { dropout(x, 0.5); },
                                    "Tape: this tape has no random numbers; make it with Tape(Mode::train, rng)");
}

TEST_CASE("dropout: the weight may change before backward") {
    const Parameter w(ones({64}));
    Rng rng(11);
    Tape tape(Mode::train, rng);
    const Var y = dropout(tape.leaf(w), 0.5);
    w.mutable_value().fill(7);
    tape.backward(y, ones({64}));
    check_same(w.grad(), y.value());
}
