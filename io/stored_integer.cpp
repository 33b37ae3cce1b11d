// StoredInteger: one conversion loop for each type.
#include <embergrad/io/stored_integer.hpp>

#include <array>
#include <bit>
#include <cstring>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

static_assert(std::endian::native == std::endian::little, "files of arrays are little-endian");

constexpr std::array<std::size_t, 9> kSizes = {8, 4, 2, 1, 8, 4, 2, 1, 1};  // as in StoredInteger

template <class Stored>
void convert(const std::byte* from, std::span<std::int64_t> to) {
    for (std::size_t i = 0; i < to.size(); ++i) {
        Stored stored;
        std::memcpy(&stored, from + i * sizeof(Stored), sizeof(Stored));
        to[i] = static_cast<std::int64_t>(stored);
    }
}

/// The first that wrapped around.
std::optional<std::size_t> first_negative(std::span<const std::int64_t> ids) {
    for (std::size_t i = 0; i < ids.size(); ++i)
        if (ids[i] < 0) return i;
    return std::nullopt;
}

}  // namespace

std::size_t stored_size(StoredInteger type) { return kSizes[static_cast<std::size_t>(type)]; }

std::optional<std::size_t> to_ids(StoredInteger type, const std::byte* from, std::span<std::int64_t> to) {
    switch (type) {
        case StoredInteger::i64:
            convert<std::int64_t>(from, to);
            break;
        case StoredInteger::i32:
            convert<std::int32_t>(from, to);
            break;
        case StoredInteger::i16:
            convert<std::int16_t>(from, to);
            break;
        case StoredInteger::i8:
            convert<std::int8_t>(from, to);
            break;
        case StoredInteger::u64:
            convert<std::uint64_t>(from, to);
            return first_negative(to);
        case StoredInteger::u32:
            convert<std::uint32_t>(from, to);
            break;
        case StoredInteger::u16:
            convert<std::uint16_t>(from, to);
            break;
        case StoredInteger::u8:
        case StoredInteger::boolean:
            convert<std::uint8_t>(from, to);
            break;
    }
    return std::nullopt;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
