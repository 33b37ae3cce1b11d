// Limits of the formats: one can hold a word if a reader gets the same word back.
#include <embergrad/vectors/limits.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <string>
#include <string_view>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/text/line_reader.hpp>
#include <embergrad/text/utf8.hpp>
#include <embergrad/text/vocabulary.hpp>
#include <embergrad/text/white_space.hpp>
#include <embergrad/vectors/lines.hpp>
#include <embergrad/vectors/reader.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

/// Whether a reader would take the first line of a file for "N D".
bool looks_like_header(std::string_view word, std::span<const Real> vector) {
    if (vector.size() > 2) return false;
    std::string line(word);
    for (const Real value : vector) {
        std::array<char, 32> number;
        char* const end = std::to_chars(number.data(), number.data() + number.size(), value).ptr;
        line.append(" ").append(number.data(), end);
    }
    VectorLines lines(line);
    return next_header(lines).has_value();
}

/// Of a word of nothing but separators a reader gets back all but the last separator before the numbers.
std::string wrong_in_text(std::string_view word, std::size_t d) {
    const bool padded = is_separator(word.front()) || is_separator(word.back());
    if (padded && !std::all_of(word.begin(), word.end(), is_separator)) return "begins or ends with white space";
    if (word.size() + 1 + d * (kLongestNumber + 1) < kLongestTextLine) return "";
    return "makes a line of " + std::to_string(kLongestTextLine >> 20) + " MiB or more";
}

std::string wrong_in_binary(std::string_view word) {
    if (word.find(' ') != word.npos) return "has a space";
    if (word.size() <= kLongestBinaryWord) return "";
    return "has " + counted(word.size(), "byte") + ", more than " + std::to_string(kLongestBinaryWord);
}

std::string wrong_at_start_of_text(std::string_view word, std::span<const Real> vector) {
    if (word.starts_with(kByteOrderMark)) return "would begin the file with a byte order mark";
    if (looks_like_header(word, vector)) return "would begin the file with what looks like a header";
    return "";
}

std::string wrong_in_words_file(std::string_view word, bool first) {
    if (word.ends_with('\r')) return "ends with a carriage return";
    if (first && word.starts_with(kByteOrderMark)) return "would begin the file of words with a byte order mark";
    if (first && begins_vocabulary(word)) return "would begin the file of words as Vocabulary::save does";
    return "";
}

std::string wrong_word(VectorFormat format, std::string_view word, std::span<const Real> vector, bool first) {
    if (format == VectorFormat::projector) return "";  // words are escaped
    if (word.empty()) return "is empty";
    if (word.find('\n') != word.npos) return "has a line end";
    if (is_array(format)) return wrong_in_words_file(word, first);
    if (format == VectorFormat::word2vec_binary) return wrong_in_binary(word);
    const std::string wrong = wrong_in_text(word, vector.size());
    return wrong.empty() && first && format == VectorFormat::text ? wrong_at_start_of_text(word, vector) : wrong;
}

std::string wrong_number(VectorFormat format, std::span<const Real> vector) {
    const bool rounded = format == VectorFormat::word2vec_binary;
    const auto fits = [=](Real value) { return std::isfinite(rounded ? static_cast<float>(value) : value); };
    const auto wrong = std::find_if_not(vector.begin(), vector.end(), fits);
    if (wrong == vector.end()) return "";
    return "has the number " + number_text(static_cast<double>(*wrong)) + " at position " +
           std::to_string(wrong - vector.begin()) +
           (std::isfinite(*wrong) ? ", too large for a float" : ", which load() refuses");
}

/// What keeps the format from holding this word and its vector ("has a space"), or nothing. `first`: none is before it
/// in the file.
std::string what_cannot_be_held(VectorFormat format, std::string_view word, std::span<const Real> vector, bool first) {
    const std::string wrong = wrong_word(format, word, vector, first);
    return wrong.empty() ? wrong_number(format, vector) : wrong;
}

/// "; npy can": a format that can hold it, if there is one.
std::string remedy(std::string_view word, std::span<const Real> vector, bool first) {
    for (const VectorFormat format : {VectorFormat::word2vec_text, VectorFormat::npy})
        if (what_cannot_be_held(format, word, vector, first).empty())
            return "; " + std::string(to_string(format)) + " can, and skip_unwritable leaves it out";
    return "; skip_unwritable leaves it out";
}

}  // namespace

std::vector<std::size_t> writable_rows(const WordVectors& vectors, VectorFormat format, bool skip) {
    std::vector<std::size_t> rows;
    rows.reserve(vectors.size());
    for (std::size_t row = 0; row < vectors.size(); ++row) {
        const std::string_view word = vectors.word(row);
        const std::string wrong = what_cannot_be_held(format, word, vectors[row], rows.empty());
        if (wrong.empty())
            rows.push_back(row);
        else if (!skip)
            fail<std::invalid_argument>("WordVectors::save: word ", row, ", ", in_quotes(word), ", ", wrong, ": ",
                                        to_string(format), " cannot hold it", remedy(word, vectors[row], rows.empty()));
    }
    require(!rows.empty(), "WordVectors::save: ", to_string(format), " can hold none of ",
            counted(vectors.size(), "word"));
    return rows;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
