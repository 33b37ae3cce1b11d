// Ranks by inverting the distribution function; words by counting in base 20 from the rank.
#include "zipf_text.hpp"

#include <algorithm>
#include <cmath>

#include <embergrad/engine/rng.hpp>

namespace bench {
namespace {

/// Distinct for distinct ranks: consonants as digits, a vowel behind the first that the rank decides too.
std::string word_of(std::size_t rank, bool long_words) {
    constexpr char digits[] = "bcdfghjklmnpqrstvwxz", vowels[] = "aeiou";
    std::string word;
    std::size_t rest = rank;
    do {
        word += digits[rest % 20];
        rest /= 20;
    } while (rest > 0);
    if (rank >= 20) word.insert(1, 1, vowels[rank % 5]);
    if (rank >= 8000) word += vowels[rank / 5 % 5];
    if (long_words && rank % 5 == 0) word += "ationing";
    return word;
}

}  // namespace

std::vector<std::string> zipf_text(std::size_t bytes, std::size_t types, std::uint64_t seed, bool long_words) {
    embergrad::Rng rng(seed);
    std::vector<std::string> words(types);
    for (std::size_t rank = 0; rank < types; ++rank) words[rank] = word_of(rank, long_words);
    const double all = std::log(static_cast<double>(types) + 1);
    std::vector<std::string> lines;
    for (std::size_t written = 0; written < bytes;) {
        std::string line;
        for (std::uint64_t left = 5 + rng.below(31); left > 0; --left) {
            const auto rank = static_cast<std::size_t>(std::exp(rng.uniform() * all)) - 1;  // density 1 / (rank + 1)
            line += words[std::min(rank, types - 1)];
            if (left > 1) line += ' ';
        }
        written += line.size() + 1;
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace bench
