// One cycle: the formulas and options of OneCycleLR. Not installed.
#pragma once

#include <cstddef>
#include <cstdint>

#include <embergrad/optim/option_fields.hpp>
#include <embergrad/optim/schedulers.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// The rate that a group begins with, before the rise.
double initial_rate(const OneCycleLR& cycle, std::size_t group);
/// Throws std::invalid_argument after the last step.
double cycle_rate(const OneCycleLR& cycle, std::size_t group, std::int64_t step);
/// Where cycle_momentum is on.
double cycle_momentum(const OneCycleLR& cycle, std::size_t group, std::int64_t step);
/// What all groups of an optimizer have to be cycled.
enum class Cycled { nothing, momentum, betas };
Fields cycle_fields(OneCycleLR& cycle, std::size_t groups, Cycled cycled);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
