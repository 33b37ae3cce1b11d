// Errors: checks whose message is put together only when they fail, from text, numbers and shapes.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// The shortest text that reads back as the same number.
std::string number_text(double value);
/// "(32, 50, 128)"; "(3,)" for one extent and "()" for none, as Python writes them.
std::string extents_text(std::span<const std::size_t> extents);

/// A piece of a message: text, a number or the extents of an array.
inline std::string message_piece(std::string_view text) { return std::string(text); }
inline std::string message_piece(std::span<const std::size_t> extents) { return extents_text(extents); }
template <std::integral Integer>
std::string message_piece(Integer value) {
    return std::to_string(value);
}
template <std::floating_point Float>
std::string message_piece(Float value) {
    return number_text(static_cast<double>(value));
}

/// Throws `Error` with the pieces put together.
template <class Error, class... Pieces>
[[noreturn, gnu::noinline, gnu::cold]] void fail(const Pieces&... pieces) {
    throw Error((message_piece(pieces) + ...));
}

/// Throws `Error` (std::invalid_argument unless said) with the pieces put together, if the condition does not hold.
template <class Error = std::invalid_argument, class... Pieces>
void require(bool condition, const Pieces&... pieces) {
    if (!condition) [[unlikely]]
        fail<Error>(pieces...);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
