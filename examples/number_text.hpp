// Numbers as people read them: a few digits, percent, thousands apart.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace examples {

/// 0.41237 with 2 decimals is "0.41"; not a number is "-".
std::string fixed(double value, int decimals);
/// 0.8712 is "87.1 %"; not a number is "-".
std::string percent(double fraction);
/// 1234567 is "1,234,567".
std::string thousands(std::size_t count);
/// 7.2 is "7 s", 95 is "1:35", 11000 is "3 h 3 min", 188000 is "2 d 4 h".
std::string duration(double seconds);

/// The text behind (right-aligned) or before spaces, `width` columns wide in UTF-8; longer ones stay as they are.
std::string right(const std::string& text, std::size_t width);
std::string left(const std::string& text, std::size_t width);
/// The text without control characters other than tabs, which a terminal would obey: "\\x1b" for each byte.
std::string printable(std::string_view text);
/// The columns a text takes: its code points.
std::size_t columns(const std::string& text);

}  // namespace examples
