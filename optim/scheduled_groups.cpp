// ScheduledGroups: the way from a scheduler to the groups of its optimizer, while that lives.
#include <embergrad/optim/scheduled_groups.hpp>

#include <limits>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

ScheduledGroups::ScheduledGroups(const Optimizer& optimizer, std::string_view scheduler)
    : groups_(optimizer.groups_), scheduler_(scheduler) {
    optimizer.groups();  // throws if it was moved from
}

std::span<HeldGroup> ScheduledGroups::all() const {
    const auto held = groups_.lock();  // the optimizer keeps them after this, too
    require<std::logic_error>(held != nullptr, scheduler_,
                              ": its optimizer has ended, or another one was assigned to it");
    return *held;
}

std::vector<double> ScheduledGroups::rates(std::size_t count) const {
    std::vector<double> rates;
    for (const HeldGroup& group : all().first(count))
        rates.push_back(group.lr.value_or(std::numeric_limits<double>::quiet_NaN()));
    return rates;
}

void ScheduledGroups::set_rates(const std::vector<double>& rates) const {
    const std::span<HeldGroup> groups = all();
    for (std::size_t g = 0; g < rates.size(); ++g) groups[g].lr = rates[g];
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
