// The account that every reader of word vectors keeps: what goes to the sink, what is bad, how far it has come.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <embergrad/vectors/reader.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Passes vectors on and fills in the report, as the options say.
class VectorTally {
public:
    /// All three must outlive it.
    VectorTally(const std::string& name, const WordVectorsOptions& options, VectorSink& sink, VectorFormat format);

    /// Words that are wanted, and their vectors one behind the other. Gives how many of them were looked at: fewer than
    /// all if the limit was reached.
    std::size_t add(std::span<const std::string_view> words, const Real* vectors);
    /// Whether as many words are kept as are wanted.
    bool full() const { return kept_ >= options_.limit; }
    std::size_t kept() const { return kept_; }

    /// A line, or a word where there are no lines, that gives no vector. Throws unless such are to be skipped.
    void refuse(std::size_t number, std::string reason);
    /// A header that says something else than was met. `line` is where it stands, in a text. Throws unless bad lines
    /// are to be skipped.
    void wrong_header(std::string what, std::optional<std::size_t> line = {});
    /// So many more bytes of the file are done. Throws if the caller wants no more.
    void done(std::size_t bytes, std::optional<double> fraction);

    WordVectorsReport report;

private:
    const std::string& name_;
    const WordVectorsOptions& options_;
    VectorSink& sink_;
    std::size_t kept_ = 0;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
