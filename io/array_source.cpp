// ArraySource: reading and converting in blocks.
#include <embergrad/io/array_source.hpp>

#include <algorithm>
#include <vector>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kBlock = std::size_t{64} << 10;
constexpr std::size_t kShownBytes = 100;

}  // namespace

std::size_t ArraySource::read(std::span<char> buffer) {
    const std::size_t got = buffer.empty() ? 0 : bytes_->read(buffer);
    position_ += got;
    return got;
}

void ArraySource::read_all(std::span<char> buffer) {
    if (read(buffer) < buffer.size()) bad("the file ends too early, after ", position_, " bytes");
}

std::string ArraySource::read_up_to(std::size_t n) {
    std::string bytes;
    for (bool ended = false; !ended && bytes.size() < n;) {
        const std::size_t before = bytes.size();
        bytes.resize(before + std::min(n - before, std::max(kBlock, before)));
        const std::size_t got = read(std::span(bytes).subspan(before));
        ended = before + got < bytes.size();
        bytes.resize(before + got);
    }
    return bytes;
}

void ArraySource::read_reals(StoredReal type, std::span<Real> to) {
    if (type == kRealAsStored) return read_all({reinterpret_cast<char*>(to.data()), to.size_bytes()});
    read_blocks(stored_size(type), to.size(), [&](const std::byte* from, std::size_t begin, std::size_t n) {
        to_reals(type, from, to.subspan(begin, n));
    });
}

void ArraySource::read_ids(StoredInteger type, std::span<std::int64_t> to, std::string_view what) {
    read_blocks(stored_size(type), to.size(), [&](const std::byte* from, std::size_t begin, std::size_t n) {
        const std::optional<std::size_t> large = to_ids(type, from, to.subspan(begin, n));
        if (large) bad(what, ": element ", begin + *large, " is above 2^63 - 1");
    });
}

/// Calls convert(bytes, begin, n) for n elements at a time, from number begin on.
template <class Convert>
void ArraySource::read_blocks(std::size_t element, std::size_t n, Convert convert) {
    std::vector<char> buffer(std::min(kBlock, n * element));
    for (std::size_t begin = 0; begin < n;) {
        const std::size_t some = std::min(n - begin, kBlock / element);
        const std::span<char> piece = std::span(buffer).first(some * element);
        read_all(piece);
        convert(std::as_bytes(piece).data(), begin, some);
        begin += some;
    }
}

void ArraySource::skip(std::uint64_t n) {
    std::vector<char> buffer(std::min<std::uint64_t>(n, kBlock));
    while (n > 0) {
        const std::span<char> piece = std::span(buffer).first(std::min<std::uint64_t>(n, kBlock));
        read_all(piece);
        n -= piece.size();
    }
}

void ArraySource::check_end() {
    char more = 0;
    if (read({&more, 1}) > 0) bad("there are bytes behind the data, which ends at byte ", position_ - 1);
}

std::string shown(std::string_view text) {
    std::size_t size = std::min(text.size(), kShownBytes);
    while (size < text.size() && size > 0 && (text[size] & 0xC0) == 0x80) --size;  // not inside a UTF-8 sequence
    std::string line(text.substr(0, size));
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
    return '"' + line + (size < text.size() ? "...\"" : "\"");
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
