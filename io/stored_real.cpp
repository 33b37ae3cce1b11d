// StoredReal: one conversion loop for each width.
#include <embergrad/io/stored_real.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

static_assert(std::endian::native == std::endian::little, "files of arrays are little-endian");

constexpr std::array<std::size_t, 4> kSizes = {8, 4, 2, 2};  // as in StoredReal

float widen_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

float widen_f16(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000u) << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1Fu;
    const std::uint32_t mantissa = bits & 0x3FFu;
    if (exponent == 0) {  // zero or denormal: mantissa times 2^-24
        const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
        return sign == 0 ? magnitude : -magnitude;
    }
    const std::uint32_t wide = exponent == 0x1F ? 0xFF : exponent + (127 - 15);  // infinity and NaN stay so
    return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

template <class Stored, class Widen>
void convert(const std::byte* from, std::span<Real> to, Widen widen) {
    for (std::size_t i = 0; i < to.size(); ++i) {
        Stored stored;
        std::memcpy(&stored, from + i * sizeof(Stored), sizeof(Stored));
        to[i] = static_cast<Real>(widen(stored));
    }
}

}  // namespace

std::size_t stored_size(StoredReal type) { return kSizes[static_cast<std::size_t>(type)]; }

std::optional<std::uint64_t> stored_size(std::size_t element, const Shape& shape) {
    auto bytes = static_cast<std::int64_t>(element);
    bool overflow = false;
    bool empty = false;
    for (const std::size_t extent : shape) {
        overflow |= __builtin_mul_overflow(bytes, std::max<std::size_t>(extent, 1), &bytes);
        empty |= extent == 0;
    }
    if (overflow) return std::nullopt;
    return empty ? 0 : static_cast<std::uint64_t>(bytes);
}

void to_reals(StoredReal type, const std::byte* from, std::span<Real> to) {
    if (to.empty()) return;
    if (type == kRealAsStored) {
        std::memcpy(to.data(), from, to.size_bytes());
        return;
    }
    switch (type) {
        case StoredReal::f64:
            return convert<double>(from, to, std::identity());
        case StoredReal::f32:
            return convert<float>(from, to, std::identity());
        case StoredReal::f16:
            return convert<std::uint16_t>(from, to, widen_f16);
        case StoredReal::bf16:
            return convert<std::uint16_t>(from, to, widen_bf16);
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
