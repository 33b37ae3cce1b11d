// What a format of word vectors cannot hold, to be found before anything is written.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/vectors/format.hpp>
#include <embergrad/vectors/word_vectors.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Whether the words are in a file of their own.
bool has_words_file(VectorFormat format);

/// What keeps the format from holding this word and its vector ("has a space"), or nothing. `first`: none is before it
/// in the file.
std::string what_cannot_be_held(VectorFormat format, std::string_view word, std::span<const Real> vector, bool first);

/// The rows that the format can hold. Throws std::invalid_argument, as WordVectors::save, for the first it cannot
/// unless such rows are to be skipped, and if no row is left.
std::vector<std::size_t> writable_rows(const WordVectors& vectors, VectorFormat format, bool skip);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
