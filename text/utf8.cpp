// UTF-8: decoding as RFC 3629 defines it; lowercase by ranges of capitals.
#include <embergrad/text/utf8.hpp>

#include <algorithm>
#include <cstdint>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// Capitals first, first + step, ... last; their lowercase letters lie `offset` further on.
struct Capitals {
    char32_t first, last;
    std::uint32_t step;
    std::int32_t offset;
};

constexpr Capitals kCapitals[] = {
    // Latin
    {0x00C0, 0x00D6, 1, 32},
    {0x00D8, 0x00DE, 1, 32},
    {0x0100, 0x012E, 2, 1},
    {0x0130, 0x0130, 1, 0x69 - 0x130},
    {0x0132, 0x0136, 2, 1},
    {0x0139, 0x0147, 2, 1},
    {0x014A, 0x0176, 2, 1},
    {0x0178, 0x0178, 1, 0xFF - 0x178},
    {0x0179, 0x017D, 2, 1},
    {0x01CD, 0x01DB, 2, 1},
    {0x01DE, 0x01EE, 2, 1},
    {0x01F8, 0x021E, 2, 1},
    {0x0222, 0x0232, 2, 1},
    {0x1E00, 0x1E94, 2, 1},
    {0x1E9E, 0x1E9E, 1, 0xDF - 0x1E9E},
    {0x1EA0, 0x1EFE, 2, 1},
    // Greek
    {0x0386, 0x0386, 1, 38},
    {0x0388, 0x038A, 1, 37},
    {0x038C, 0x038C, 1, 64},
    {0x038E, 0x038F, 1, 63},
    {0x0391, 0x03A1, 1, 32},
    {0x03A3, 0x03AB, 1, 32},
    // Cyrillic
    {0x0400, 0x040F, 1, 80},
    {0x0410, 0x042F, 1, 32},
    {0x0460, 0x0480, 2, 1},
    {0x048A, 0x04BE, 2, 1},
    {0x04C0, 0x04C0, 1, 15},
    {0x04C1, 0x04CD, 2, 1},
    {0x04D0, 0x052E, 2, 1},
    // Armenian
    {0x0531, 0x0556, 1, 48},
};

char32_t lowercase(char32_t letter) {
    for (const Capitals& capitals : kCapitals) {
        const bool inside = letter >= capitals.first && letter <= capitals.last;
        if (inside && (letter - capitals.first) % capitals.step == 0)
            return static_cast<char32_t>(static_cast<std::int32_t>(letter) + capitals.offset);
    }
    return letter;
}

/// Appends a code point below U+10000: no lowercase letter of ours lies higher.
void append_utf8(std::string& text, char32_t point) {
    const auto low = [&](unsigned shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3F)); };
    if (point < 0x80) {
        text += static_cast<char>(point);
    } else if (point < 0x800) {
        text += {static_cast<char>(0xC0 | (point >> 6)), low(0)};
    } else {
        text += {static_cast<char>(0xE0 | (point >> 12)), low(6), low(0)};
    }
}

}  // namespace

std::string_view without_byte_order_mark(std::string_view text) {
    return text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text;
}

CodePoint first_code_point(std::string_view text) {
    if (text.empty()) return {};
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    if (lead < 0xC2 || lead > 0xF4) return {};
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    char32_t value = lead & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return {};
        value = value << 6 | (byte(i) & 0x3F);
    }
    constexpr char32_t smallest[] = {0x80, 0x800, 0x10000};
    const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (value < smallest[length - 2] || value > 0x10FFFF || surrogate) return {};
    return {value, length};
}

std::size_t valid_utf8_length(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t length = first_code_point(text.substr(at)).length;
        if (length == 0) break;
        at += length;
    }
    return at;
}

std::string_view wide_encoding(std::string_view begin) {
    using namespace std::string_view_literals;
    constexpr std::size_t longest = 1024, shortest = 8;
    if (begin.starts_with("\xFF\xFE\0\0"sv) || begin.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
    if (begin.starts_with("\xFF\xFE"sv) || begin.starts_with("\xFE\xFF"sv)) return "UTF-16";
    begin = begin.substr(0, std::min(begin.size(), longest) / 4 * 4);
    if (begin.size() < shortest) return "";
    std::size_t zeros[4] = {};  // by their place among four bytes
    for (std::size_t i = 0; i < begin.size(); ++i) zeros[i % 4] += begin[i] == '\0' ? 1 : 0;
    const std::size_t n = begin.size() / 4;
    // Most of a text is digits, spaces and the like, below 256 in Unicode.
    if (zeros[1] == n && zeros[2] == n && zeros[0] + zeros[3] == n) return "UTF-32";
    const std::size_t even = zeros[0] + zeros[2], odd = zeros[1] + zeros[3];
    return even + odd > n && (even == 0 || odd == 0) ? "UTF-16" : "";
}

std::string lowercase(std::string_view text) {
    std::string lowered;
    lowered.reserve(text.size());
    while (!text.empty()) {
        const char byte = text.front();
        if (static_cast<unsigned char>(byte) < 0x80) {  // mostly
            lowered += byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
            text.remove_prefix(1);
            continue;
        }
        const CodePoint point = first_code_point(text);
        const char32_t letter = lowercase(point.value);
        if (letter != point.value)
            append_utf8(lowered, letter);
        else if (point.length > 1)
            lowered += text.substr(0, point.length);
        else
            lowered += byte;
        text.remove_prefix(point.length > 1 ? point.length : 1);
    }
    return lowered;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
