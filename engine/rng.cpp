// Rng: xoshiro256++ and what is drawn from it.
#include <embergrad/engine/rng.hpp>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <numbers>
#include <vector>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

constexpr std::size_t kDigits = 16;  // of a word

std::string hexadecimal(std::uint64_t word) {
    std::array<char, kDigits> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + kDigits, word, 16).ptr;
    const std::string text(digits.data(), end);
    return std::string(kDigits - text.size(), '0') + text;
}

std::optional<std::uint64_t> parse_word(std::string_view digits) {
    std::uint64_t word = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, word, 16);
    if (digits.size() != kDigits || error != std::errc() || stop != end) return std::nullopt;
    return word;
}

/// Words with a space between; none if the text is anything else.
std::vector<std::uint64_t> parse_words(std::string_view text) {
    std::vector<std::uint64_t> words;
    while (const std::optional<std::uint64_t> word = parse_word(text.substr(0, kDigits))) {
        words.push_back(*word);
        text.remove_prefix(kDigits);
        if (text.empty()) return words;
        if (text.front() != ' ') break;
        text.remove_prefix(1);
    }
    return {};
}

}  // namespace

Rng::Rng(std::uint64_t seed) : state_{} {
    for (std::uint64_t& word : state_) {  // splitmix64 spreads any seed, 0 included, over the whole state
        seed += 0x9e3779b97f4a7c15;
        std::uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        word = z ^ (z >> 31);
    }
}

Rng::result_type Rng::operator()() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

double Rng::uniform(double low, double high) {
    const double draw = low + (high - low) * uniform();
    return draw < high ? draw : std::nextafter(high, low);  // the sum may have been rounded up to high
}

double Rng::normal() {
    if (spare_normal_) return *std::exchange(spare_normal_, std::nullopt);
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));  // 1 - u lies in (0, 1]: the logarithm is finite
    const double angle = 2 * std::numbers::pi * uniform();
    spare_normal_ = radius * std::sin(angle);
    return radius * std::cos(angle);
}

std::string Rng::state() const {
    std::string text = hexadecimal(state_[0]);
    for (std::size_t i = 1; i < state_.size(); ++i) text += ' ' + hexadecimal(state_[i]);
    if (spare_normal_) text += ' ' + hexadecimal(std::bit_cast<std::uint64_t>(*spare_normal_));
    return text;
}

void Rng::set_state(std::string_view state) {
    constexpr std::size_t n = 4, longest = 100;
    const std::vector<std::uint64_t> words = parse_words(state);
    require(words.size() == n || words.size() == n + 1, "Rng::set_state: needs 4 or 5 words of 16 hexadecimal digits, ",
            "as state() gives them, but got ", state.size(), " characters: ", state.substr(0, longest),
            state.size() > longest ? "..." : "");
    require(std::any_of(words.begin(), words.begin() + n, [](std::uint64_t word) { return word != 0; }),
            "Rng::set_state: four words of 0 are no state: only zeros would be drawn after it");
    std::optional<double> spare;
    if (words.size() > n) spare = std::bit_cast<double>(words[n]);
    require(std::isfinite(spare.value_or(0)), "Rng::set_state: the normal number in ", state, " is ",
            spare.value_or(0));
    std::copy_n(words.begin(), n, state_.begin());
    spare_normal_ = spare;
}

std::uint64_t Rng::below(std::uint64_t n) {
    require(n > 0, "Rng::below: there is no number below 0");
    const std::uint64_t unfair = (0 - n) % n;  // 2^64 mod n values at the low end would come up once too often
    std::uint64_t bits = (*this)();
    while (bits < unfair) bits = (*this)();
    return bits % n;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
