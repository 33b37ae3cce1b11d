// Numbers in messages: the shortest text that reads back as the same number.
#include <embergrad/engine/error.hpp>

#include <array>
#include <charconv>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

std::string number_text(double value) {
    if (value != value) return "nan";  // its sign says nothing
    std::array<char, 32> text{};
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), result.ptr};
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
