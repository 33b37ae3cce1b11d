// Tokenizer: one pass over the text finds what stands between white space, one over each such piece its punctuation.
#include <embergrad/text/tokenizer.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <embergrad/text/readable_memory.hpp>
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

constexpr std::size_t kBlock = 64;
static_assert(std::endian::native == std::endian::little, "the first byte's bit is the lowest");

/// Which of 64 bytes are white space, the lowest bit first.
std::uint64_t space_bits(const char* bytes) {
    std::uint64_t bits = 0;
    for (std::size_t at = 0; at < kBlock; at += 8) {
        const auto eight = detail::load<std::uint64_t>(bytes + at);
        bits |= (spaces_among(eight) >> 7) * 0x0102040810204080 >> 56 << at;  // one bit a byte, side by side
    }
    return bits;
}

/// The same of a text's first 64 bytes; past its end there is white space only.
std::uint64_t leading_spaces(std::string_view text) {
    if (text.size() >= kBlock) return space_bits(text.data());
    std::array<char, kBlock> bytes;
    bytes.fill(' ');
    std::memcpy(bytes.data(), text.data(), text.size());
    return space_bits(bytes.data());
}

/// Calls visit(piece) for what stands between white space. Where pieces begin and end is found for 64 bytes at once:
/// words are short and of any length, so that a loop over bytes waits at each end.
template <class Visit>
void for_each_piece(std::string_view text, Visit visit) {
    std::size_t begin = 0;
    std::uint64_t before = 1;  // the byte before the block is white space
    for (std::size_t block = 0; block < text.size(); block += kBlock) {
        const std::uint64_t spaces = leading_spaces(text.substr(block));
        for (std::uint64_t edges = spaces ^ (spaces << 1 | before); edges != 0; edges &= edges - 1) {
            const auto bit = static_cast<std::size_t>(std::countr_zero(edges));
            if ((spaces >> bit & 1) == 0)
                begin = block + bit;
            else
                visit(text.substr(begin, block + bit - begin));
        }
        before = spaces >> (kBlock - 1);
    }
    if (before == 0) visit(text.substr(begin));
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
    buffer.text = text;
    for_each_piece(text, [&](std::string_view piece) {
        if (options_.detach_punctuation)
            detach(piece, buffer.tokens);
        else
            buffer.tokens.push_back(piece);
    });
    return buffer.tokens;
}

std::vector<std::string> Tokenizer::operator()(std::string_view text) const {
    TokenBuffer buffer;
    const std::span<const std::string_view> tokens = split(text, buffer);
    return {tokens.begin(), tokens.end()};
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
