// parse_real: decimal text to a Real, exact to the last bit; fast for the numbers that files of vectors hold.
#pragma once

#include <cstddef>
#include <string_view>

#include <embergrad/engine/system/config.hpp>
#include <embergrad/text/readable_memory.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Reads the number in decimal notation at `at` ("-0.25", "1e-5", "+3", ".5") and gives its end, or nullptr if there is
/// none or if it is not finite (nan, inf, too large for a Real). The value is the nearest Real, ties to even, as
/// std::from_chars gives it; what is too small is a zero of its sign. Nothing at or behind `end` is read.
const char* parse_real(const char* at, const char* end, Real& value);

/// The same by std::from_chars alone: what parse_real is tested against, and falls back on.
const char* parse_real_slowly(const char* at, const char* end, Real& value);

/// Reads n numbers, each behind spaces or tabs, that take up the whole text, which lies in `memory`; false if it is
/// anything else. A loop over parse_real with its fast path inline.
bool parse_reals(std::string_view text, ReadableMemory memory, std::size_t n, Real* to);

/// Whether all of the text reads as a number, be it finite or not.
bool is_number(std::string_view text);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
