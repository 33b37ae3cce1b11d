// What masked_mean and embedding_masked_mean share: the lengths they refuse. Internal.
#pragma once

#include <cstdint>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Throws std::invalid_argument unless x is (B, L, D) and the lengths are (B), each in 0..L.
inline void check_lengths(const Shape& x, const IdArray& lengths) {
    require(x.size() == 3, "masked_mean: x must be (B, L, D), not ", x);
    require(lengths.shape() == Shape{x[0]}, "masked_mean: lengths must be of shape ", Shape{x[0]}, " for x ", x,
            ", not ", lengths.shape());
    const auto longest = static_cast<std::int64_t>(x[1]);
    for (std::size_t b = 0; b < lengths.size(); ++b) {
        const std::int64_t length = lengths.data()[b];
        require(length >= 0 && length <= longest, "masked_mean: length ", length, " at position ", b, " is outside 0..",
                longest);
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
