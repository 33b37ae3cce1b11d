// Random numbers: the generator's reference outputs, and the distributions drawn from it.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/engine/rng.hpp>

using namespace embergrad;

namespace {

constexpr std::size_t kDraws = 200'000;
constexpr double kCount = static_cast<double>(kDraws);

std::vector<std::uint64_t> first_outputs(std::uint64_t seed, std::size_t n) {
    Rng rng(seed);
    std::vector<std::uint64_t> outputs(n);
    std::generate(outputs.begin(), outputs.end(), [&] { return rng(); });
    return outputs;
}

/// Moments of what `draw` gives: mean, and the second to fourth around it.
struct Moments {
    double mean = 0, second = 0, third = 0, fourth = 0;

    explicit Moments(const auto& draw) {
        std::vector<double> xs(kDraws);
        std::generate(xs.begin(), xs.end(), draw);
        mean = std::accumulate(xs.begin(), xs.end(), 0.0) / kCount;
        for (double x : xs) {
            const double d = x - mean;
            second += d * d / kCount;
            third += d * d * d / kCount;
            fourth += d * d * d * d / kCount;
        }
    }
};

}  // namespace

static_assert(std::uniform_random_bit_generator<Rng>);

TEST_CASE("rng: xoshiro256++ seeded through splitmix64, against tests/reference/rng.py") {
    CHECK(first_outputs(0, 4) ==
          std::vector<std::uint64_t>{0x53175d61490b23df, 0x61da6f3dc380d507, 0x5c0fdf91ec9a7bfc, 0x02eebf8c3bbe5e1a});
    CHECK(first_outputs(42, 4) ==
          std::vector<std::uint64_t>{0xd0764d4f4476689f, 0x519e4174576f3791, 0xfbe07cfb0c24ed8c, 0xb37d9f600cd835b8});
    CHECK(first_outputs(0xffffffffffffffff, 4) ==
          std::vector<std::uint64_t>{0x56ccf8ce948e27b2, 0xe68588432e5a5b90, 0xe3e9b5a48119ca8b, 0x460f19495532ae73});
    CHECK(first_outputs(1, 10'000).back() == 0xc63d128bab8beb4b);
}

TEST_CASE("rng: the same seed gives the same numbers, a copy goes on alike, another seed does not") {
    Rng a(7), b(7), other(8);
    for (int i = 0; i < 5; ++i) CHECK(a.normal() == b.normal());  // an odd number: one normal is kept
    Rng copy = a;
    CHECK(copy.normal() == a.normal());
    CHECK(copy() == a());
    Rng same(7);
    CHECK(same() != other());
    Rng child = a.split();
    Rng same_child = copy.split();
    CHECK(child() == same_child());
    CHECK(child() != a());
}

TEST_CASE("rng: uniform lies in [0, 1) and has the right moments") {
    Rng rng(1);
    double low = 1, high = 0;
    const Moments m([&] {
        const double x = rng.uniform();
        low = std::min(low, x);
        high = std::max(high, x);
        return x;
    });
    CHECK(low >= 0);
    CHECK(high < 1);
    CHECK(low < 1e-4);
    CHECK(high > 1 - 1e-4);
    const double sigma = std::sqrt(1 / 12.0 / kCount);
    CHECK(std::abs(m.mean - 0.5) < 5 * sigma);
    CHECK(std::abs(m.second - 1 / 12.0) < 5 * std::sqrt(1 / 180.0 / kCount));
    CHECK(std::abs(m.third) < 0.001);
}

TEST_CASE("rng: uniform(low, high) never gives high, even where rounding would") {
    Rng rng(2);
    for (int i = 0; i < 1000; ++i) {
        const double x = rng.uniform(1e16, 1e16 + 2);  // two numbers apart: half of the sums round up
        CHECK(x == 1e16);
    }
    for (int i = 0; i < 1000; ++i) {
        const double x = rng.uniform(-3, -2);
        CHECK(x >= -3);
        CHECK(x < -2);
    }
    CHECK(rng.uniform(5, 5) == 5);
}

TEST_CASE("rng: normal has the right moments and tails") {
    Rng rng(3);
    std::size_t beyond_3 = 0;
    double largest = 0;
    const Moments m([&] {
        const double x = rng.normal();
        beyond_3 += std::abs(x) > 3;
        largest = std::max(largest, std::abs(x));
        return x;
    });
    CHECK(std::abs(m.mean) < 5 / std::sqrt(kCount));
    CHECK(std::abs(m.second - 1) < 5 * std::sqrt(2 / kCount));
    CHECK(std::abs(m.third) < 5 * std::sqrt(15 / kCount));
    CHECK(std::abs(m.fourth - 3) < 5 * std::sqrt(96 / kCount));
    CHECK(std::abs(static_cast<double>(beyond_3) - 0.0027 * kCount) < 5 * std::sqrt(0.0027 * kCount));
    CHECK(std::isfinite(largest));
}

TEST_CASE("rng: neighbouring normals are uncorrelated, though they come in pairs") {
    Rng rng(4);
    double sum = 0, previous = rng.normal();
    for (std::size_t i = 0; i < kDraws; ++i) {
        const double x = rng.normal();
        sum += x * previous;
        previous = x;
    }
    CHECK(std::abs(sum / kCount) < 5 / std::sqrt(kCount));
}

TEST_CASE("rng: below is unbiased") {
    Rng rng(5);
    for (const std::uint64_t n : {1u, 2u, 3u, 6u, 10u, 16u}) {
        std::vector<std::size_t> counts(n);
        for (std::size_t i = 0; i < kDraws; ++i) {
            const std::uint64_t x = rng.below(n);
            REQUIRE(x < n);
            ++counts[x];
        }
        double chi_square = 0;
        const double expected = kCount / static_cast<double>(n);
        for (std::size_t count : counts) {
            chi_square += std::pow(static_cast<double>(count) - expected, 2) / expected;
        }
        const auto freedom = static_cast<double>(n - 1);
        CHECK(chi_square <= freedom + 6 * std::sqrt(2 * freedom));
    }
}

TEST_CASE("rng: below is unbiased where taking the remainder would not be") {
    // 3/4 of 2^64: the remainder would give the lowest third twice as often as the others.
    const std::uint64_t n = std::uint64_t{3} << 62;
    Rng rng(6);
    std::array<std::size_t, 3> counts{};
    for (int i = 0; i < 30'000; ++i) {
        const std::uint64_t x = rng.below(n);
        REQUIRE(x < n);
        ++counts[x >> 62];
    }
    for (std::size_t count : counts) CHECK(std::abs(static_cast<double>(count) - 10'000) < 500);
    CHECK_NOTHROW(rng.below(std::numeric_limits<std::uint64_t>::max()));
    CHECK_THROWS_WITH_AS(rng.below(0), "Rng::below: there is no number below 0", std::invalid_argument);
}

TEST_CASE("rng: shuffle gives each permutation equally often") {
    Rng rng(7);
    std::vector<int> nothing;
    rng.shuffle(nothing);
    std::array<std::size_t, 24> counts{};
    for (int i = 0; i < 24'000; ++i) {
        std::array<int, 4> items{0, 1, 2, 3};
        rng.shuffle(items);
        std::size_t rank = 0;  // of the permutation, in lexicographic order
        for (std::size_t at = 0; at < 4; ++at) {
            const auto smaller = std::count_if(items.begin() + static_cast<std::ptrdiff_t>(at), items.end(),
                                               [&](int item) { return item < items[at]; });
            rank = rank * (4 - at) + static_cast<std::size_t>(smaller);
        }
        ++counts[rank];
        std::sort(items.begin(), items.end());
        REQUIRE(items == std::array<int, 4>{0, 1, 2, 3});
    }
    for (std::size_t count : counts) CHECK(std::abs(static_cast<double>(count) - 1000) < 160);
}

TEST_CASE("rng: a shuffle is the same on every machine") {
    std::vector<int> items(10);
    std::iota(items.begin(), items.end(), 0);
    Rng rng(42);
    rng.shuffle(std::span(items));  // as a span, too
    CHECK(items == std::vector<int>{6, 9, 7, 8, 0, 5, 3, 4, 2, 1});
}

TEST_CASE("rng: serves the standard library's distributions") {
    Rng rng(9);
    std::uniform_int_distribution<int> die(1, 6);
    for (int i = 0; i < 100; ++i) {
        const int x = die(rng);
        CHECK(x >= 1);
        CHECK(x <= 6);
    }
}

TEST_CASE("rng: its state can be saved and set, the normal number that is drawn already too") {
    Rng rng(42);
    for (int drawn = 0; drawn < 5; ++drawn) {
        const std::string state = rng.state();
        CHECK(state.size() == (drawn % 2 == 0 ? 67 : 84));  // after an odd number of normals one is kept
        Rng resumed(7), copy = rng;
        resumed.normal();  // what it kept itself is gone
        resumed.set_state(state);
        CHECK(resumed.state() == state);
        for (int i = 0; i < 3; ++i) CHECK(resumed.normal() == copy.normal());
        CHECK(resumed() == copy());
        CHECK(resumed.uniform() == copy.uniform());
        CHECK(resumed.below(1000) == copy.below(1000));
        CHECK(rng.state() == state);
        rng.normal();
    }
    rng.set_state("0000000000000000 0000000000000001 0000000000000000 000000000000000a");
    CHECK(rng.state() == "0000000000000000 0000000000000001 0000000000000000 000000000000000a");
}

TEST_CASE("rng: what is no state is refused, and the generator is as before") {
    Rng rng(1);
    rng.normal();
    const std::string before = rng.state(), zeros(16, '0'), word = "0123456789abcdef";
    const std::string all_zero = zeros + " " + zeros + " " + zeros + " " + zeros;
    const auto refused = [&](const std::string& state, const std::string& message) {
        INFO(state);
        CHECK_THROWS_WITH_AS(rng.set_state(state), message.c_str(), std::invalid_argument);
        CHECK(rng.state() == before);
    };
    for (const std::string& state : {all_zero, all_zero + " 3ff0000000000000"})
        refused(state, "Rng::set_state: four words of 0 are no state: only zeros would be drawn after it");
    const std::string needs =
        "Rng::set_state: needs 4 or 5 words of 16 hexadecimal digits, as state() gives them, but got ";
    const std::string three = word + " " + word + " " + word, four = three + " " + word;
    for (const std::string& state :
         {std::string(), std::string("42"), three, three + " ", three + " 123", four + " ", " " + four, four + "\n",
          three + "  " + word, three + "," + word, three + " 0123456789abcdeg", three + " -123456789abcdef",
          three + " +123456789abcdef", three + " 0x23456789abcdef"}) {
        refused(state, needs + std::to_string(state.size()) + " characters: " + state);
    }
    const std::string six = four + " " + word + " " + word;
    refused(six, needs + "101 characters: " + six.substr(0, 100) + "...");
    refused(four + " 7ff8000000000000", "Rng::set_state: the normal number in " + four + " 7ff8000000000000 is nan");
    refused(four + " fff0000000000000", "Rng::set_state: the normal number in " + four + " fff0000000000000 is -inf");
}
