// What all optimizers share: groups of parameters with options of their own, and a step that checks before it moves.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <embergrad/engine/parameter.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Parameters that are stepped with the same options. In what a user gives, an unset option means the optimizer's
/// default; in what an optimizer holds, every option that the optimizer has is set.
struct ParamGroup {
    std::vector<Parameter> params = {};
    std::optional<double> lr = {};
    std::optional<double> momentum = {};
    std::optional<double> dampening = {};
    std::optional<bool> nesterov = {};
    std::optional<std::array<double, 2>> betas = {};
    std::optional<double> eps = {};
    std::optional<double> weight_decay = {};
    std::optional<bool> amsgrad = {};
    std::optional<bool> maximize = {};
};

/// Changes parameters by their gradients. Each parameter has a state of its own, made at its first step. Frozen rows
/// (Parameter::freeze_rows) keep their bits and have no state: a row that a step finds frozen loses its, and starts
/// without one when it is trained again.
class Optimizer {
public:
    virtual ~Optimizer() = default;
    Optimizer(const Optimizer&) = delete;
    Optimizer& operator=(const Optimizer&) = delete;

    /// Moves every trainable parameter that has a gradient; the others keep their values, state and count of steps.
    /// Throws std::invalid_argument on options, std::logic_error on gradients that this optimizer cannot use; nothing
    /// is changed then. May sum up the rows of a gradient that come several times.
    void step();

    /// Drops all gradients. `set_to_none = false` keeps zero ones instead, which do count: momentum and weight decay
    /// still move their parameters.
    void zero_grad(bool set_to_none = true) const;

    /// Takes more parameters; options left unset become the optimizer's defaults. Throws std::invalid_argument on
    /// options out of range or not the optimizer's, and on a parameter it already has; nothing is changed then.
    void add_param_group(ParamGroup group);

    /// The groups, whose options may be changed from step to step. Their `params` may not: step() then throws
    /// std::logic_error. Valid until the next add_param_group.
    std::span<ParamGroup> param_groups() { return groups_; }
    std::span<const ParamGroup> param_groups() const { return groups_; }

protected:
    /// `defaults` has a value for every option that the optimizer has, but possibly lr.
    Optimizer(std::string_view name, ParamGroup defaults) : name_(name), defaults_(std::move(defaults)) {}
    Optimizer(Optimizer&&) = default;
    Optimizer& operator=(Optimizer&&) = default;

    /// The second half of construction, which needs the virtual functions below.
    void start(std::vector<ParamGroup> groups);
    /// How many parameters there are; `index` in update() is below it.
    std::size_t parameter_count() const { return parameters_.size(); }

private:
    /// What is wrong with options that are each within their range; empty if nothing is.
    virtual std::string options_problem(const ParamGroup& /*group*/) const { return {}; }
    /// What is wrong with the gradient of a parameter, to follow "parameter 0 of shape (3, 4) has "; empty if nothing.
    virtual std::string gradient_problem(const Parameter& parameter, const ParamGroup& group) const = 0;
    /// Zeroes what is kept for the frozen rows of a parameter; called at the first step after their set has changed.
    virtual void forget_frozen_rows(std::size_t index, const Parameter& parameter) = 0;
    /// Moves one parameter, the index-th of all groups together: its trainable_runs(), and of a gradient by rows
    /// (which holds no frozen ones) the rows.
    virtual void update(std::size_t index, const Parameter& parameter, const ParamGroup& group) = 0;

    std::string group_problem(const ParamGroup& group, bool lr_required) const;
    void check_added(const std::vector<Parameter>& added) const;
    void check_unchanged() const;
    void check_gradients() const;
    std::string place_text(std::size_t index) const;
    void respect_frozen_rows(std::size_t index, const Parameter& parameter);

    std::string name_;
    ParamGroup defaults_;
    std::vector<ParamGroup> groups_;
    std::vector<Parameter> parameters_;           // of all groups in order, as they were added
    std::vector<std::uint64_t> frozen_versions_;  // of each, when its state last forgot its frozen rows
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
