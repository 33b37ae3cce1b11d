// UTF-8: reading code points, finding bytes that are not UTF-8, lowercase.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What some programs put before a text in UTF-8.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
std::string_view without_byte_order_mark(std::string_view text);

/// A code point and the bytes it takes in UTF-8.
struct CodePoint {
    char32_t value = 0;
    std::size_t length = 0;
};

/// The code point the text begins with. Length 0 if it begins with none: the text is empty, cut short or not UTF-8
/// (overlong forms, surrogates and values over U+10FFFF are not).
CodePoint first_code_point(std::string_view text);

/// The position of the first byte at which no code point begins, or text.size() if all of it is UTF-8.
std::size_t valid_utf8_length(std::string_view text);

/// What a text that is not UTF-8 but "UTF-16" or "UTF-32" begins with: its byte order mark, or zeros between letters;
/// empty for all others. `begin`: some hundred bytes, if there are as many.
std::string_view wide_encoding(std::string_view begin);

/// The text in lowercase, one code point for one, the same in every locale: Latin (with the accents of European
/// languages, Vietnamese and Pinyin), Greek, Cyrillic and Armenian. A Greek sigma never becomes a final one, a Turkish
/// dotted I becomes i. Everything else, bytes that are not UTF-8 included, stays as it is.
std::string lowercase(std::string_view text);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
