// White space: what splits a text into words, and what splits a line into fields.
#pragma once

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Whether the byte is ASCII white space: space, \t, \n, \v, \f or \r. Nothing else splits a text; no-break spaces
/// and U+0085 occur inside real words.
constexpr bool is_space(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

namespace detail {

/// Whether the byte stands between the fields of a line: a space or a tab.
constexpr bool is_separator(char byte) { return byte == ' ' || byte == '\t'; }

}  // namespace detail

}  // namespace embergrad::inline EMBERGRAD_PRECISION
