// WordList: the words of an array's rows, from a file of their own.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/text/line_reader.hpp>
#include <embergrad/text/vocabulary.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Words by row. The file is one that Vocabulary::save wrote (its tokens by id), or has a word a line as
/// LineReader::next_text reads it. Memory: the file, and a view of each word.
class WordList {
public:
    /// Throws std::runtime_error "path:line: what" for an empty line and for a damaged vocabulary, and as read_file.
    explicit WordList(const std::string& path);

    std::size_t size() const { return words_.size(); }
    std::string_view operator[](std::size_t row) const { return words_[row]; }

private:
    void take_vocabulary();

    LineReader lines_;
    std::optional<Vocabulary> vocabulary_;
    std::vector<std::string_view> words_;  // in one of the two
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
