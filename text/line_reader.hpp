// LineReader: a text file line by line, with errors that say where.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// The lines of a file. Not copied: lines are views into it.
class LineReader {
public:
    /// Reads the whole file. Throws std::runtime_error with the path and the reason.
    explicit LineReader(const std::string& path);
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    /// The next line without its \n; nothing at the end of the file. A last line may lack the \n.
    std::optional<std::string_view> next();
    /// The same of a text that any program may have written: a \r at the line's end and a byte order mark at the
    /// beginning of the file are left out.
    std::optional<std::string_view> next_text();
    /// Goes back to the first line: for a file that is to be read twice and may be a pipe.
    void rewind();
    /// What is behind the line last read.
    std::string_view rest() const { return std::string_view(text_).substr(position_); }
    /// Whether the line last read had its \n.
    bool complete() const { return complete_; }

    /// Throws std::runtime_error "path:line: pieces" of the line last read; the first is 1.
    template <class... Pieces>
    [[noreturn]] void fail(const Pieces&... pieces) const {
        embergrad::fail<std::runtime_error>(path_, ":", number_, ": ", pieces...);
    }

private:
    std::string path_;
    std::string text_;
    std::size_t position_ = 0;
    std::size_t number_ = 0;
    bool complete_ = true;
};

/// Text in quotes for a message: cut where it is long, control characters and bytes that are no UTF-8 as \x1b.
std::string in_quotes(std::string_view text);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
