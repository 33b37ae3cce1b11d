// Checks whose message is put together only when they fail: pieces of text, numbers and shapes.
#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include <embergrad/engine/array.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace detail {

std::string number_text(double value);
inline std::string piece(std::string_view text) { return std::string(text); }
inline std::string piece(const Shape& shape) { return to_string(shape); }
template <std::integral Integer>
std::string piece(Integer value) {
    return std::to_string(value);
}
template <std::floating_point Float>
std::string piece(Float value) {
    return number_text(static_cast<double>(value));
}

}  // namespace detail

/// Throws `Error` with the pieces put together.
template <class Error, class... Pieces>
[[noreturn, gnu::noinline, gnu::cold]] void fail(const Pieces&... pieces) {
    throw Error((detail::piece(pieces) + ...));
}

/// Throws `Error` (std::invalid_argument unless said) with the pieces put together, if the condition does not hold.
template <class Error = std::invalid_argument, class... Pieces>
void require(bool condition, const Pieces&... pieces) {
    if (!condition) [[unlikely]]
        fail<Error>(pieces...);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
