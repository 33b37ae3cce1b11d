// The parser of decimal numbers: bit for bit what std::from_chars gives, for numbers of every kind.
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/vectors/real_parser.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;
using embergrad::detail::is_number;
using embergrad::detail::parse_real;
using embergrad::detail::parse_real_slowly;

namespace {

struct Parsed {
    bool number = false;
    std::size_t length = 0;
    std::array<unsigned char, sizeof(Real)> bits{};
    bool operator==(const Parsed&) const = default;
};

template <class Parser>
Parsed parsed(Parser parser, const char* begin, const char* end) {
    Real value = 0;
    const char* const stop = parser(begin, end, value);
    if (stop == nullptr) return {};
    Parsed result{true, static_cast<std::size_t>(stop - begin), {}};
    std::memcpy(result.bits.data(), &value, sizeof(Real));
    return result;
}

/// The number alone, and with room behind it, where the fast path works.
bool same_as_slowly(std::string_view number) {
    std::string text(number);
    const Parsed expected = parsed(parse_real_slowly, text.data(), text.data() + text.size());
    text += " " + std::string(40, '7');
    return parsed(parse_real, number.data(), number.data() + number.size()) == expected &&
           parsed(parse_real, text.data(), text.data() + text.size()) == expected;
}

std::string digits(Rng& rng, std::uint64_t most) {
    std::string text(rng.below(most + 1), '0');
    for (char& digit : text) digit = static_cast<char>('0' + rng.below(10));
    return text;
}

/// Strings of digits with everything that can stand around them, most of them numbers.
std::string random_number(Rng& rng) {
    std::string text = rng.below(3) == 0 ? "-" : "";
    text += digits(rng, rng.below(8) == 0 ? 20 : 3);
    if (rng.below(4) != 0) text += "." + digits(rng, rng.below(8) == 0 ? 25 : 9);
    if (rng.below(10) == 0) text += (rng.below(2) == 0 ? "e" : "E-") + digits(rng, 2);
    if (rng.below(50) == 0) text.insert(rng.below(text.size() + 1), 1, static_cast<char>(rng.below(256)));
    return text;
}

/// As printf writes a random Real: %.5g and %.6f as files of vectors have it, %.9g, %.17g.
std::string printed(Rng& rng) {
    static constexpr const char* kFormats[] = {"%.5g", "%.6f", "%.9g", "%.17g"};
    std::array<char, 400> text{};
    const double scale = rng.below(8) == 0 ? std::exp(rng.uniform(-80, 80)) : 1;
    std::snprintf(text.data(), text.size(), kFormats[rng.below(4)], rng.normal() * scale);
    return text.data();
}

/// The decimal expansion of a number in the middle between two floats, and its neighbours in the last digit.
std::string near_a_middle(Rng& rng) {
    const auto low = static_cast<float>(rng.uniform(0, 2));
    const double middle = (double{low} + double{std::nextafter(low, 3.0F)}) / 2;
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*f", static_cast<int>(8 + rng.below(30)), middle);
    return text.data();
}

}  // namespace

TEST_CASE("real parser: ten million random and awkward numbers, bit for bit as from_chars") {
    constexpr std::uint64_t kSeed = 20;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    std::size_t wrong = 0;
    std::string first_wrong;
    const auto try_one = [&](const std::string& number) {
        if (same_as_slowly(number)) return;
        if (wrong++ == 0) first_wrong = number;
    };
    for (int i = 0; i < 3'000'000; ++i) {
        try_one(random_number(rng));
        try_one(printed(rng));
        if (i % 3 == 0) try_one(near_a_middle(rng));
    }
    for (int i = 0; i < 3'000'000; ++i) try_one(std::to_string(i));
    CHECK_MESSAGE(wrong == 0, wrong, " differ, the first of them \"", first_wrong, "\"");
}

TEST_CASE("real parser: what is a number, and how far it goes") {
    const auto value_of = [](std::string_view text, std::size_t length) {
        const std::string room = std::string(text) + std::string(40, ' ');
        Real value = 77;
        const char* const stop = parse_real(room.data(), room.data() + room.size(), value);
        CHECK_MESSAGE(stop == room.data() + length, text);
        return static_cast<double>(value);
    };
    CHECK(value_of("0.25", 4) == 0.25);
    CHECK(value_of("-0.5x", 4) == -0.5);
    CHECK(value_of("12", 2) == 12);
    CHECK(value_of("3.", 2) == 3);
    CHECK(value_of(".5", 2) == 0.5);
    CHECK(value_of("+2", 2) == 2);
    CHECK(value_of("1e2", 3) == 100);
    CHECK(value_of("1e", 1) == 1);
    CHECK(value_of("1.2.3", 3) == static_cast<double>(static_cast<Real>(1.2)));
    CHECK(value_of("123456789012345678901234567890", 30) ==
          static_cast<double>(static_cast<Real>(123456789012345678901234567890.0)));
    CHECK(std::signbit(value_of("-0", 2)));
    CHECK(std::signbit(value_of("-1e-400", 7)));
    CHECK(value_of("0.000000000000000000001e-500", 28) == 0);
    for (const std::string_view none : {"", "-", ".", "x", "+-1", "--1", "nan", "inf", "-inf", "1e999", "e5", ",5"}) {
        const std::string room = std::string(none) + std::string(40, ' ');
        Real value = 77;
        CHECK_MESSAGE(parse_real(room.data(), room.data() + room.size(), value) == nullptr, none);
    }
}

TEST_CASE("real parser: whole fields that read as numbers") {
    for (const std::string_view yes : {"1", "-1.5", "+3", "1e999", "nan", "inf", "0.0"})
        CHECK_MESSAGE(is_number(yes), yes);
    for (const std::string_view no : {"", "a", "1a", "1 ", " 1", "1,5", "-"}) CHECK_MESSAGE(!is_number(no), no);
}
