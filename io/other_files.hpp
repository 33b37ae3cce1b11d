// Other files: what people have in place of arrays and word vectors, told from the first bytes.
#pragma once

#include <cstddef>
#include <string_view>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// How many of a file's bytes other_file() looks at.
inline constexpr std::size_t kOtherFileSample = std::size_t{64} << 10;

/// "this is a zip archive; unpack it first ...": what a file is that begins with these bytes, and what to do, if it is
/// known to be none that can be read; else empty.
std::string_view other_file(std::string_view begin);

/// Whether these bytes, with no sign of anything else, are doubles without words, as GloVe writes them.
bool is_raw_doubles(std::string_view begin);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
