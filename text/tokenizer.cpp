// One pass over the text for its pieces, one over each piece for its punctuation.
#include <embergrad/text/tokenizer.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <embergrad/text/utf8.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Tokens = std::vector<std::string_view>;

/// The highest bit of each of eight bytes that is_space(). The lower seven bits of a byte are compared by additions
/// that do not reach the next.
std::uint64_t spaces_among(std::uint64_t bytes) {
    constexpr std::uint64_t kOnes = 0x0101010101010101, kHighest = 0x80 * kOnes;
    const std::uint64_t low = bytes & ~kHighest, no_space = bytes ^ ' ' * kOnes;
    const std::uint64_t is_blank = ~(((no_space & ~kHighest) + 0x7F * kOnes) | no_space);
    const std::uint64_t is_control = (low + (0x80 - '\t') * kOnes) & ~(low + (0x7F - '\r') * kOnes) & ~bytes;
    return (is_blank | is_control) & kHighest;
}

/// Eight bytes at a time: words are short and of any length, so that a loop over bytes is mispredicted at their ends.
const char* find_space(const char* begin, const char* end) {
    if constexpr (std::endian::native == std::endian::little) {
        for (; end - begin >= 8; begin += 8) {
            std::uint64_t bytes;
            std::memcpy(&bytes, begin, sizeof bytes);
            if (const std::uint64_t spaces = spaces_among(bytes)) return begin + std::countr_zero(spaces) / 8;
        }
    }
    return std::find_if(begin, end, is_space);
}

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

bool is_ascii_letter(char byte) { return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z'); }

bool is_ascii_mark(char byte) { return byte > ' ' && byte < 0x7F && !is_digit(byte) && !is_ascii_letter(byte); }

/// Inverted marks and angle quotes of Latin-1, the visible part of General Punctuation, the CJK comma and full stop.
bool is_mark(char32_t point) {
    return point == 0xA1 || point == 0xAB || point == 0xBB || point == 0xBF || (point >= 0x2010 && point <= 0x2027) ||
           (point >= 0x2030 && point <= 0x205E) || point == 0x3001 || point == 0x3002;
}

/// The bytes of the mark the text begins with; 0 if it begins with none.
std::size_t mark_length(std::string_view text) {
    if (text.empty()) return 0;
    if (static_cast<unsigned char>(text.front()) < 0x80) return is_ascii_mark(text.front()) ? 1 : 0;
    const CodePoint point = first_code_point(text);
    return is_mark(point.value) ? point.length : 0;
}

/// The bytes of the abbreviation the text begins with ("U.S.", "e.g", at least two letters); 0 if with none.
std::size_t abbreviation_length(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size() && (length % 2 == 0 ? is_ascii_letter(text[length]) : text[length] == '.')) ++length;
    const bool word_goes_on = length < text.size() && mark_length(text.substr(length)) == 0;
    return length >= 3 && !word_goes_on ? length : 0;
}

/// Whether the mark at begin .. end, which follows a letter or digit, belongs to the word.
bool joins_word(std::string_view piece, std::size_t begin, std::size_t end) {
    if (end == piece.size() || mark_length(piece.substr(end)) > 0) return false;
    const std::string_view mark = piece.substr(begin, end - begin);
    if (mark == "'" || mark == "\u2019") return true;
    return (mark == "." || mark == "," || mark == ":") && is_digit(piece[begin - 1]) && is_digit(piece[end]);
}

void detach(std::string_view piece, Tokens& tokens) {
    std::size_t begin = 0;  // of the word being read
    std::size_t at = abbreviation_length(piece);
    const auto end_word = [&] {
        if (at > begin) tokens.push_back(piece.substr(begin, at - begin));
    };
    while (at < piece.size()) {
        const std::size_t mark = mark_length(piece.substr(at));
        if (mark == 0) {
            ++at;  // the later bytes of a code point are no marks either
        } else if (at > begin && joins_word(piece, at, at + mark)) {
            at += mark;
        } else {
            end_word();
            tokens.push_back(piece.substr(at, mark));
            begin = at + mark;
            at = begin + abbreviation_length(piece.substr(begin));
        }
    }
    end_word();
}

}  // namespace

std::span<const std::string_view> Tokenizer::split(std::string_view text, TokenBuffer& buffer) const {
    buffer.tokens.clear();
    if (options_.lowercase) text = buffer.lowered = lowercase(text);
    const char *begin = text.data(), *const text_end = begin + text.size();
    while (begin != text_end) {
        begin = std::find_if_not(begin, text_end, is_space);
        const char* end = find_space(begin, text_end);
        const std::string_view piece(begin, end);
        if (options_.detach_punctuation)
            detach(piece, buffer.tokens);
        else if (!piece.empty())
            buffer.tokens.push_back(piece);
        begin = end;
    }
    return buffer.tokens;
}

std::vector<std::string> Tokenizer::operator()(std::string_view text) const {
    TokenBuffer buffer;
    const std::span<const std::string_view> tokens = split(text, buffer);
    return {tokens.begin(), tokens.end()};
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
