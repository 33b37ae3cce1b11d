// Where the bytes of a text come from: a file, plain or compressed with gzip, or memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Bytes from the first to the last.
class ByteSource {
public:
    virtual ~ByteSource() = default;

    /// Fills the buffer as far as the bytes go and gives how many that were: fewer than there is room only at the end.
    virtual std::size_t read(std::span<char> buffer) = 0;
    /// How many there are in all, where that is known before the end.
    virtual std::optional<std::size_t> size() const { return std::nullopt; }
    /// Which part of them is read, 0 .. 1, where that is known.
    virtual std::optional<double> fraction() const { return std::nullopt; }
};

/// A file's bytes, decompressed if they begin as gzip does (one member or several). Throws std::runtime_error with the
/// path and the reason: what read_file says, and damaged or cut off gzip data.
std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path);
/// The same for bytes in memory, which must stay there. source_name begins the messages.
std::unique_ptr<ByteSource> open_source(std::string_view bytes, std::string_view source_name);

/// The bytes a source begins with, at most n, which it still gives when it is read.
std::string peek(std::unique_ptr<ByteSource>& source, std::size_t n);

/// A piece of a text: whole lines.
class LineBlock {
public:
    std::string_view text() const { return {bytes_.data(), size_}; }
    /// The end of what may be looked at behind the text: a \n, if there is room for it, and bytes of any value.
    const char* readable_end() const { return bytes_.data() + bytes_.size(); }

private:
    friend class LineBlocks;
    std::vector<char> bytes_;  // grows only: what is overwritten next is not cleared
    std::size_t size_ = 0;
};

/// A text in blocks of whole lines.
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
