// VectorTally: what every reader of word vectors keeps count of. Vectors passed on, bad lines, progress.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/system/memory.hpp>
#include <embergrad/vectors/reader.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Some lines of a file (rows of an array, words of a binary file), and what is in them. Used again for others.
struct VectorBlock {
    std::size_t lines = 0;                        ///< read so far; the first is 1
    std::size_t unwanted = 0;                     ///< of them, those of words that are not wanted
    std::vector<std::string_view> words;          ///< the others, unless they are bad
    std::vector<std::size_t> numbers;             ///< of the words' lines
    std::vector<Real, Allocator<Real>> vectors;   ///< (words, D), and room for more
    std::vector<WordVectorsReport::BadLine> bad;  ///< lines that give no vector

    void clear();
    /// Where the next word's D numbers belong.
    Real* next_vector(std::size_t d) { return vectors.data() + words.size() * d; }
    /// The line read last has this word, and its vector is in place.
    void keep(std::string_view word);
    /// The line read last is bad.
    void refuse(std::string reason);
};

/// Passes vectors on and fills in the report, as the options say.
class VectorTally {
public:
    /// All three must outlive it.
    VectorTally(const std::string& name, const WordVectorsOptions& options, VectorSink& sink, VectorFormat format);

    /// Hands the block's vectors to the sink, as far as the limit goes, and counts its lines up to there. Throws for a
    /// bad line unless such are to be skipped.
    void take(VectorBlock& block);
    /// Whether as many words are kept as are wanted.
    bool full() const { return kept_ >= options_.limit; }
    std::size_t kept() const { return kept_; }
    /// Lines with a vector, be it wanted or not.
    std::size_t good() const { return good_; }

    /// A header that says something else than was met. `line` is where it stands, in a text. Throws unless bad lines
    /// are to be skipped.
    void wrong_header(std::string what, std::optional<std::size_t> line = {});
    /// So many more bytes of the file are done. Throws if the caller wants no more.
    void done(std::size_t bytes, std::optional<double> fraction);
    /// At the end: throws if no line was good. `unit`: what a line is in this file, "row".
    void check_any_good(const std::string& unit) const;

    WordVectorsReport report;

private:
    std::size_t add(std::span<const std::string_view> words, const Real* vectors);
    void refuse(std::size_t number, std::string reason);

    const std::string& name_;
    const WordVectorsOptions& options_;
    VectorSink& sink_;
    std::size_t kept_ = 0;
    std::size_t good_ = 0;
};

/// "value 3 is not finite": the first of D numbers that is NaN or infinite; empty if there is none.
std::string what_is_not_finite(const Real* vector, std::size_t d);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
