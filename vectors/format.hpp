// VectorFormat: the files that hold word vectors, and how to tell them apart.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What a file of word vectors is.
enum class VectorFormat {
    text,             ///< GloVe: a word and its numbers a line
    word2vec_text,    ///< the same below a line "N D": word2vec, fastText's .vec, gensim
    word2vec_binary,  ///< "N D", then each word, a space and D little-endian floats: word2vec, gensim
    npy,              ///< NumPy's array (N, D); the words are in a file of their own
    safetensors,      ///< a tensor (N, D) in a safetensors file; the words are in a file of their own
    projector,        ///< vectors.tsv for the Embedding Projector, its metadata.tsv with the words; only written
};

/// "text", "word2vec-text", "word2vec-binary", "npy", "safetensors", "projector".
std::string_view to_string(VectorFormat format);
/// The format of this name; nothing if there is none.
std::optional<VectorFormat> vector_format(std::string_view name);

namespace detail {

/// Whether it is a file of arrays: npy or safetensors.
bool is_array(VectorFormat format);
/// Whether the words are in a file of their own.
bool has_words_file(VectorFormat format);

/// How many of a file's bytes it takes to tell what it is.
inline constexpr std::size_t kFormatSample = std::size_t{128} << 10;  // twice the longest word

/// What a file is, from its first kFormatSample bytes (after decompression) or all it has. Bytes that are nothing else
/// are text, with or without a header. Throws std::runtime_error, beginning with source_name, for files known to be
/// something else (archives, pickles, fastText's models, other compressions); it says what to do with them.
VectorFormat detect_format(std::string_view begin, std::string_view source_name);

}  // namespace detail

}  // namespace embergrad::inline EMBERGRAD_PRECISION
