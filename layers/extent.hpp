// Extent: a size as users give it, in any integer type.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <utility>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Takes literals, vocabulary.size() and ids alike, without a warning at the call. A negative number stays as it is, so
/// that a refusal can name it; one too large for std::int64_t becomes the largest that fits.
class Extent {
public:
    template <std::integral Integer>
    Extent(Integer n)  // NOLINT: converting is what it is for
        : value_(std::in_range<std::int64_t>(n) ? static_cast<std::int64_t>(n)
                                                : std::numeric_limits<std::int64_t>::max()) {}
    std::int64_t value() const { return value_; }

private:
    std::int64_t value_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
