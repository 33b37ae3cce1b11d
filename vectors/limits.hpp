// What a format of word vectors cannot hold, found before anything is written.
#pragma once

#include <cstddef>
#include <vector>

#include <embergrad/vectors/format.hpp>
#include <embergrad/vectors/word_vectors.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// The longest decimal text of a number that reads back: "-1.2345678e-38", "-1.2345678901234567e-308".
inline constexpr std::size_t kLongestNumber = sizeof(Real) == 4 ? 16 : 24;

/// The rows that the format can hold. Throws std::invalid_argument, as WordVectors::save, for the first it cannot
/// unless such rows are to be skipped, and if no row is left.
std::vector<std::size_t> writable_rows(const WordVectors& vectors, VectorFormat format, bool skip);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
