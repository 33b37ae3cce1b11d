// ArraySource: a file of arrays from its first byte to its last, with errors that name it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/io/byte_source.hpp>
#include <embergrad/io/stored_integer.hpp>
#include <embergrad/io/stored_real.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Errors are std::runtime_error "name: format: what". Memory is allocated as bytes come, whatever the header says, so
/// that a short file cannot ask for much.
class ArraySource {
public:
    /// The name and the format must outlive it.
    ArraySource(std::string_view name, std::string_view format, std::unique_ptr<ByteSource> bytes)
        : name_(name), format_(format), bytes_(std::move(bytes)) {}

    template <class... Pieces>
    [[noreturn]] void bad(const Pieces&... pieces) const {
        fail<std::runtime_error>(name_, ": ", format_, ": ", pieces...);
    }

    /// Of the file, if it is known.
    std::optional<std::size_t> size() const { return bytes_->size(); }
    std::optional<double> fraction() const { return bytes_->fraction(); }
    /// How many bytes have been read.
    std::size_t position() const { return position_; }

    /// The next n bytes, or fewer at the end of the file.
    std::string read_up_to(std::size_t n);
    /// The next to.size() numbers. An error if the file ends before.
    void read_reals(StoredReal type, std::span<Real> to);
    /// The same of integers; an error, too, if one is above 2^63 - 1. `what` begins that message.
    void read_ids(StoredInteger type, std::span<std::int64_t> to, std::string_view what);
    /// Passes over n bytes. An error if the file ends before.
    void skip(std::uint64_t n);
    /// An error unless all bytes have been read.
    void check_end();

private:
    std::size_t read(std::span<char> buffer);
    void read_all(std::span<char> buffer);
    template <class Convert>
    void read_blocks(std::size_t element, std::size_t n, Convert convert);

    std::string_view name_;
    std::string_view format_;
    std::unique_ptr<ByteSource> bytes_;
    std::size_t position_ = 0;
};

/// What `read_arrays` makes of a file. Only a pipe is held in memory: its size must be known before arrays are
/// allocated.
template <class ReadArrays>
auto read_array_file(const std::string& path, std::string_view format, ReadArrays read_arrays) {
    const std::string name = path;
    FileReader file(path);
    const bool sized = file.size().value_or(0) > 0;
    const std::string bytes = sized ? "" : file.read_rest();
    ArraySource source(name, format,
                       sized ? plain_source(std::move(file)) : plain_source(std::as_bytes(std::span(bytes))));
    return read_arrays(source);
}

/// Text from a file for a message: in quotes, cut where it is long, control bytes as ?.
std::string shown(std::string_view text);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
