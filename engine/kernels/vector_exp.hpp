// exp in plain arithmetic, so that a loop over it vectorises: the same bits whatever the width of the vectors.
// Internal.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// What exp needs to know about a kind of real number.
template <class T>
struct ExpTraits;

template <>
struct ExpTraits<float> {
    using Bits = std::uint32_t;
    static constexpr float kLogTwo = 0x1.62e4p-1f, kLogTwoRest = 0x1.7f7d1cp-20f;  // 15 bits, and what they leave
    static constexpr float kLowest = -0x1.5d589ep6f;  // log 2^-126, the smallest normal number
    static constexpr std::size_t kDegree = 7;         // for |r| <= log(2) / 2 Taylor's series ends 6e-9 too early
};

template <>
struct ExpTraits<double> {
    using Bits = std::uint64_t;
    static constexpr double kLogTwo = 0x1.62e42fefa38p-1, kLogTwoRest = 0x1.ef35793c7673p-45;  // 42 bits
    static constexpr double kLowest = -0x1.6232bdd7abcd2p9;                                    // log 2^-1022
    static constexpr std::size_t kDegree = 13;                                                 // 4e-18
};

/// 1 / k! for k = 0..degree.
template <class T, std::size_t degree>
constexpr std::array<T, degree + 1> inverse_factorials() {
    std::array<T, degree + 1> result{1};
    double factorial = 1;
    for (std::size_t k = 1; k <= degree; ++k) result[k] = static_cast<T>(1 / (factorial *= static_cast<double>(k)));
    return result;
}

/// exp(x) for x <= 0 (others are not for it), within 2 ulp: exactly 1 at 0; 0 at -infinity and wherever the result
/// would be subnormal (x < -87.3, in double x < -708.4). NaN stays NaN.
template <class T>
[[gnu::always_inline]] inline T exp_nonpositive(T x) {
    using Traits = ExpTraits<T>;
    using Bits = typename Traits::Bits;
    constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
    constexpr T kRound = static_cast<T>(Bits{3} << (kMantissa - 1));  // added, it leaves no room for a fraction
    constexpr auto kSeries = inverse_factorials<T, Traits::kDegree>();

    const T shifted = x * static_cast<T>(0x1.71547652b82fep0) + kRound;  // x = n log 2 + r
    const T n = shifted - kRound;
    const T r = x - n * Traits::kLogTwo - n * Traits::kLogTwoRest;
    T power = kSeries[Traits::kDegree];  // exp(r)
    for (std::size_t k = Traits::kDegree; k-- > 0;) power = power * r + kSeries[k];
    // n is in the last bits of `shifted`; in the place of the exponent it makes 2^n.
    const T scale = std::bit_cast<T>((std::bit_cast<Bits>(shifted) << kMantissa) + std::bit_cast<Bits>(T{1}));
    // A choice by ?: would be a branch to GCC, which then does not vectorise.
    const Bits mask = Bits{0} - Bits{!(x < Traits::kLowest)};
    return std::bit_cast<T>(std::bit_cast<Bits>(power * scale) & mask);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
