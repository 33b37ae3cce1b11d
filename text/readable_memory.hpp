// ReadableMemory: how far behind a piece of text its buffer goes, for loads of eight bytes at a time.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// An integer from bytes at any alignment.
template <class Integer>
Integer load(const char* from) {
    Integer value;
    std::memcpy(&value, from, sizeof(value));
    return value;
}

/// The buffer that pieces of a text are views into. Loading eight bytes whatever a piece's length takes no branch on
/// the length, but also reads what stands behind a short piece. Inside the buffer that is allowed.
class ReadableMemory {
public:
    /// No known buffer: nothing behind a piece may be read.
    ReadableMemory() = default;
    explicit ReadableMemory(std::string_view buffer) : end_(buffer.data() + buffer.size()) {}

    /// Whether `bytes` bytes from `at`, a place in the buffer, may be read.
    bool holds(const char* at, std::ptrdiff_t bytes) const { return end_ != nullptr && end_ - at >= bytes; }
    const char* end() const { return end_; }

private:
    const char* end_ = nullptr;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
