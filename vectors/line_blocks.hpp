// LineBlocks: a text in blocks of whole lines.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <embergrad/io/byte_source.hpp>
#include <embergrad/text/readable_memory.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Some lines of a text.
class LineBlock {
public:
    std::string_view text() const { return {bytes_.data(), size_}; }
    /// The text, behind it a \n, if there is room for it, and bytes of any value.
    ReadableMemory memory() const { return ReadableMemory({bytes_.data(), bytes_.size()}); }

private:
    friend class LineBlocks;
    std::vector<char> bytes_;  // grows only: what is overwritten next is not cleared
    std::size_t size_ = 0;
};

/// The blocks of a source, one after the other.
class LineBlocks {
public:
    /// The name begins the messages.
    LineBlocks(std::unique_ptr<ByteSource> source, std::string name, std::size_t block_bytes)
        : source_(std::move(source)), name_(std::move(name)), block_bytes_(block_bytes) {}

    /// The next block: about block_bytes (more only for a longer line), ended by a \n but perhaps for the last; false
    /// at the end. Throws std::runtime_error for a line of more than 64 MiB, and what the source throws.
    bool next(LineBlock& block);
    /// Whether the last block was the last.
    bool at_end() const { return ended_ && rest_.empty(); }
    /// Of the whole text, where that is known.
    std::optional<std::size_t> size() const { return source_->size(); }
    /// Which part of the text is read, where that is known.
    std::optional<double> fraction() const { return source_->fraction(); }

private:
    std::unique_ptr<ByteSource> source_;
    std::string name_;
    std::size_t block_bytes_;
    std::string rest_;  // what was read behind the last \n
    bool ended_ = false;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
