// Other lines: what stands in a text in place of a word and its numbers, told by name in errors.
#pragma once

#include <cstddef>
#include <string_view>

#include <embergrad/engine/system/config.hpp>
#include <embergrad/vectors/lines.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// " (index:value pairs cannot be read: ...)": what to do about a line that gives no word and numbers, by the field
/// that is no number; empty if it looks like nothing known.
std::string_view what_to_do(std::string_view line, std::string_view field);

/// An error, beginning with source_name, if there are two lines or more and the words of all of them (of the first
/// 1000) bring a comma along: "the, 1 2", "the,1 2 3". d: how many fields at the end of a line are numbers.
void refuse_commas(VectorLines lines, std::size_t d, std::string_view source_name);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
