// ByteSource: the bytes of a file, plain or compressed with gzip, or of memory.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <embergrad/engine/system/file.hpp>

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
std::unique_ptr<ByteSource> open_source(const std::string& path);
/// The same for bytes in memory, which must stay there. source_name begins the messages.
std::unique_ptr<ByteSource> open_source(std::string_view bytes, std::string_view source_name);

/// A file's bytes as they are.
std::unique_ptr<ByteSource> plain_source(FileReader file);
/// The same for bytes in memory, which must stay there.
std::unique_ptr<ByteSource> plain_source(std::span<const std::byte> bytes);

/// The bytes a source begins with, at most n, which it still gives when it is read.
std::string peek(std::unique_ptr<ByteSource>& source, std::size_t n);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
