// Lines of a text file of word vectors: the word and the numbers of a line, the header, the dimension.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// The lines of a text that are not blank.
class VectorLines {
public:
    explicit VectorLines(std::string_view text) : rest_(text) {}

    /// The next line, without white space at its end; nothing at the end of the text.
    std::optional<std::string_view> next();
    /// Of the line last read, from 1 on; at the end of the text, how many there are.
    std::size_t number() const { return number_; }
    std::string_view rest() const { return rest_; }

private:
    std::string_view rest_;
    std::size_t number_ = 0;
};

/// What stands before the first separator.
std::string_view first_field(std::string_view text);
/// What stands behind the last separator.
std::string_view last_field(std::string_view line);

/// Splits a line into the word and the text of its last d fields; nothing if it has no word or fewer fields.
struct VectorLine {
    std::string_view word, numbers;
};
std::optional<VectorLine> split_vector_line(std::string_view line, std::size_t d);

/// Why a line gives no word and d numbers.
std::string what_is_wrong(std::string_view line, std::size_t d);

/// A first line "N D".
struct VectorHeader {
    std::size_t line = 0;
    std::size_t words = 0;
    std::size_t dimension = 0;
};
/// Reads the header, if there is one; else the lines stay where they are.
std::optional<VectorHeader> next_header(VectorLines& lines);

/// What a word2vec binary file begins with: "N D\n", one space between the numbers, perhaps some behind them.
struct BinaryHeader {
    std::size_t words = 0;
    std::size_t dimension = 0;
    std::size_t bytes = 0;  ///< its length
};
/// The header that these bytes begin with, if it has at most kLongestBinaryHeader of them.
std::optional<BinaryHeader> binary_header(std::string_view begin);
inline constexpr std::size_t kLongestBinaryHeader = 64;

/// The dimension of the vectors in these lines: the one asked for, else the header's, else the most common number of
/// fields behind the word in the first 1000 lines. Throws std::runtime_error, beginning with source_name, if there are
/// no lines, or if they do not have as many numbers. `whole`: there are no lines behind these.
std::size_t find_dimension(const VectorLines& lines, bool whole, const std::optional<VectorHeader>& header,
                           std::optional<std::size_t> asked, std::string_view source_name);

/// "1 number", "2 numbers".
std::string counted(std::size_t count, std::string_view noun);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
