// std::to_chars does the digits; the rest is spaces.
#include "number_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace examples {

std::string fixed(double value, int decimals) {
    if (!std::isfinite(value)) return std::isnan(value) ? "-" : (value < 0 ? "-inf" : "inf");
    char digits[400];
    const auto result = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed, decimals);
    return std::string(digits, result.ptr);
}

std::string percent(double fraction) { return std::isnan(fraction) ? "-" : fixed(100 * fraction, 1) + " %"; }

std::string thousands(std::size_t count) {
    std::string text = std::to_string(count);
    for (std::size_t end = text.size(); end > 3; end -= 3) text.insert(end - 3, 1, ',');
    return text;
}

std::string duration(double seconds) {
    const auto whole = static_cast<std::size_t>(std::lround(std::clamp(seconds, 0.0, 1e9)));
    const auto both = [=](std::size_t large, const char* name, std::size_t small, const char* small_name) {
        return std::to_string(whole / large) + name + std::to_string(whole % large / small) + small_name;
    };
    if (whole < 60) return std::to_string(whole) + " s";
    if (whole < 3600) return both(60, whole % 60 < 10 ? ":0" : ":", 1, "");
    if (whole < 86400) return both(3600, " h ", 60, " min");
    return both(86400, " d ", 3600, " h");
}

std::string printable(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
        const bool second_range = byte == 0xC2 && next >= 0x80 && next < 0xA0;  // U+0080 to U+009F, in UTF-8
        if ((byte >= ' ' || byte == '\t') && byte != 0x7F && !second_range) {
            result += text[i];
            continue;
        }
        const auto code = second_range ? next : byte;
        result += {'\\', 'x', digits[code / 16], digits[code % 16]};
        if (second_range) ++i;
    }
    return result;
}

std::size_t columns(const std::string& text) {
    const auto starts_character = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; };
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

std::string right(const std::string& text, std::size_t width) {
    return std::string(width - std::min(width, columns(text)), ' ') + text;
}

std::string left(const std::string& text, std::size_t width) {
    return text + std::string(width - std::min(width, columns(text)), ' ');
}

}  // namespace examples
