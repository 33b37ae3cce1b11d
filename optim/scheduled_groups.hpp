// ScheduledGroups: an optimizer's groups as a scheduler holds them, wherever the optimizer is moved.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <embergrad/optim/optimizer.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// Every call throws std::logic_error once the optimizer has ended, or another was assigned to it.
class ScheduledGroups {
public:
    /// `scheduler`: its name, for messages. Throws if the optimizer was moved from.
    ScheduledGroups(const Optimizer& optimizer, std::string_view scheduler);

    /// The groups there are now, to be changed.
    std::span<HeldGroup> all() const;
    /// The learning rates of the first `count`, whoever set them; NaN where somebody took one away.
    std::vector<double> rates(std::size_t count) const;
    void set_rates(const std::vector<double>& rates) const;

private:
    std::weak_ptr<std::vector<HeldGroup>> groups_;
    std::string_view scheduler_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
