// PerGroup: a number for all groups of an optimizer, or a list with one for each.
#pragma once

#include <vector>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// A number for all groups, or one for each: `.max_lr = 0.1`, `.max_lr = {0.1, 0.2}`.
struct PerGroup : std::vector<double> {
    using std::vector<double>::vector;
    PerGroup(double one) : std::vector<double>{one} {}

    double of(std::size_t group) const { return (*this)[size() == 1 ? 0 : group]; }
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
