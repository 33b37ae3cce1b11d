// Readers of word vectors: each reads a file in blocks and hands its vectors to a sink, in the order of the file.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <embergrad/io/byte_source.hpp>
#include <embergrad/vectors/word_vectors.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Takes the vectors of a file.
class VectorSink {
public:
    virtual ~VectorSink() = default;

    /// Called once, before the first vector. `lines`: the most that can come, if that is known.
    void start(std::size_t d, std::optional<std::size_t> lines) {
        d_ = d;
        make_room(lines);
    }
    /// D.
    std::size_t dimension() const { return d_; }
    /// Whether there are words it does not want.
    virtual bool selects() const = 0;
    /// Whether this word's vector is to be read at all. Asked from several threads.
    virtual bool wants(std::string_view word) const = 0;
    /// Words that are wanted and their vectors, (words.size(), D). Returns how many of them are new.
    virtual std::size_t add(std::span<const std::string_view> words, const Real* vectors) = 0;

protected:
    virtual void make_room(std::optional<std::size_t> lines) = 0;

private:
    std::size_t d_ = 0;
};

/// What a reader needs to know of a file.
struct VectorFile {
    std::unique_ptr<ByteSource> source;
    std::string name;  ///< begins the messages
    /// For text whose words are all wanted: how many lines there are, if that can be found out.
    std::function<std::optional<std::size_t>()> count_lines = [] { return std::nullopt; };
    std::size_t block_bytes = std::size_t{1} << 20;  ///< to read at a time
};

/// What the readers take at most, and the writers write.
inline constexpr std::size_t kLongestBinaryWord = std::size_t{64} << 10;                         // bytes
inline constexpr std::size_t kLargestBinaryDimension = (std::size_t{64} << 20) / sizeof(float);  // numbers
inline constexpr std::size_t kLongestTextLine = std::size_t{64} << 20;                           // bytes

/// Text: GloVe's, word2vec's and fastText's. Lines are parsed by all threads; the result does not depend on their
/// number. Throws as WordVectors::load.
WordVectorsReport read_text_vectors(VectorFile file, const WordVectorsOptions& options, VectorSink& sink);
/// word2vec's binary file. A vector that is not finite is a bad line, whose number is the word's.
WordVectorsReport read_binary_vectors(VectorFile file, const WordVectorsOptions& options, VectorSink& sink);
/// NumPy's array or a tensor of a safetensors file, (N, D), and options.words. Row by row, without holding the file: an
/// array in Fortran's order is refused. A row that is not finite is a bad line; the first row's number is 1. Refused,
/// too, is a number of words that is not that of the rows, and a tensor "mapping" through which words share rows
/// (model2vec).
WordVectorsReport read_array_vectors(VectorFile file, VectorFormat format, const WordVectorsOptions& options,
                                     VectorSink& sink);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
