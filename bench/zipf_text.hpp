// A text of any size whose words are as unevenly frequent as those of a language.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// Lines of 5 to 35 words, `bytes` bytes in all with the line ends. The word of rank r (1 .. types) is met with a
/// probability proportional to 1 / r (Zipf) and is spelled in letters: 1 to 8 of them, rare words longer; with
/// long_words every fifth has 8 more. The same seed gives the same text.
std::vector<std::string> zipf_text(std::size_t bytes, std::size_t types, std::uint64_t seed, bool long_words);

}  // namespace bench
