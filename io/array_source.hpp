// The bytes of a file of arrays, from the first to the last, and how its errors look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/io/stored_real.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Errors are std::runtime_error "name: format: what". Room for what a file announces is made as its bytes come, so
/// that a short file cannot ask for much.
class ArraySource {
public:
    /// Fills the buffer with the next bytes and gives how many: fewer than there is room only at the end.
    using Read = std::function<std::size_t(std::span<char>)>;

    /// The name and the format must outlive it. `size`: of the file, if that is known.
    ArraySource(std::string_view name, std::string_view format, Read read, std::optional<std::size_t> size)
        : name_(name), format_(format), read_(std::move(read)), size_(size) {}
    /// Bytes in memory, which must stay there.
    ArraySource(std::string_view name, std::string_view format, std::span<const std::byte> bytes);

    template <class... Pieces>
    [[noreturn]] void bad(const Pieces&... pieces) const {
        fail<std::runtime_error>(name_, ": ", format_, ": ", pieces...);
    }

    std::optional<std::size_t> size() const { return size_; }
    /// How many bytes have been read.
    std::size_t position() const { return position_; }

    /// The next n bytes, or fewer at the end of the file.
    std::string read_up_to(std::size_t n);
    /// The next to.size() numbers. An error if the file ends before.
    void read_reals(StoredReal type, std::span<Real> to);
    /// Passes over n bytes. An error if the file ends before.
    void skip(std::uint64_t n);
    /// An error unless all bytes have been read.
    void check_end();

private:
    std::size_t read(std::span<char> buffer);
    void read_all(std::span<char> buffer);

    std::string_view name_;
    std::string_view format_;
    Read read_;
    std::optional<std::size_t> size_;
    std::size_t position_ = 0;
};

/// What `read_arrays` makes of a file. Without holding the file, unless it is a pipe: what is in there must be known
/// before there is room for it.
template <class ReadArrays>
auto read_array_file(const std::filesystem::path& path, std::string_view format, ReadArrays read_arrays) {
    const std::string name = path.string();
    FileReader file(path);
    if (file.size().value_or(0) > 0) {
        ArraySource source(
            name, format, [&](std::span<char> buffer) { return file.read(buffer); }, file.size());
        return read_arrays(source);
    }
    const std::string bytes = file.read_rest();
    ArraySource source(name, format, std::as_bytes(std::span(bytes)));
    return read_arrays(source);
}

/// Text from a file, fit for a message: in quotes, on one line, not longer than a line.
std::string shown(std::string_view text);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
