// Errors: numbers and extents in messages.
#include <embergrad/engine/system/error.hpp>

#include <array>
#include <charconv>

namespace embergrad::inline EMBERGRAD_PRECISION {

std::string number_text(double value) {
    if (value != value) return "nan";  // its sign says nothing
    std::array<char, 32> text{};
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), result.ptr};
}

std::string extents_text(std::span<const std::size_t> extents) {
    std::string text = "(";
    for (std::size_t axis = 0; axis < extents.size(); ++axis) {
        if (axis > 0) text += ", ";
        text += std::to_string(extents[axis]);
    }
    return text + (extents.size() == 1 ? ",)" : ")");
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
