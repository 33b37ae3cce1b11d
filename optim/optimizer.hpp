// Optimizer: groups of parameters with options of their own, a step that checks before it moves, a state to be saved.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/state_dict.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace detail {
class ScheduledGroups;
}

/// Parameters that are stepped with the same options. An unset one becomes the optimizer's default.
struct ParamGroup {
    std::vector<Parameter> params = {};
    std::optional<double> lr = {};
    std::optional<double> lr_decay = {};
    std::optional<double> momentum = {};
    std::optional<double> dampening = {};
    std::optional<bool> nesterov = {};
    std::optional<std::array<double, 2>> betas = {};
    std::optional<double> eps = {};
    std::optional<double> weight_decay = {};
    std::optional<double> initial_accumulator_value = {};
    std::optional<bool> amsgrad = {};
    std::optional<bool> maximize = {};
    std::optional<bool> lazy_rows = {};
};

/// What an optimizer is made for: groups, or parameters that make one group. Either may be a list in
/// braces.
struct ParamGroups {
    ParamGroups(std::vector<Parameter> params) : all{{.params = std::move(params)}} {}
    ParamGroups(std::vector<ParamGroup> groups) : all(std::move(groups)) {}
    ParamGroups(std::initializer_list<Parameter> params) : ParamGroups(std::vector(params)) {}
    ParamGroups(std::initializer_list<ParamGroup> groups) : all(groups) {}

    std::vector<ParamGroup> all;
};

/// A group as an optimizer holds it: each option that the optimizer has is set. Options may be changed from step to
/// step, parameters only read.
class HeldGroup : ParamGroup {
public:
    HeldGroup(const HeldGroup&) = default;
    HeldGroup& operator=(const HeldGroup&) = delete;  // would change the parameters

    using ParamGroup::lr, ParamGroup::lr_decay, ParamGroup::momentum, ParamGroup::dampening, ParamGroup::nesterov,
        ParamGroup::betas, ParamGroup::eps, ParamGroup::weight_decay, ParamGroup::initial_accumulator_value,
        ParamGroup::amsgrad, ParamGroup::maximize, ParamGroup::lazy_rows;
    const std::vector<Parameter>& params() const { return ParamGroup::params; }

    /// The rate that schedules start from. The first scheduler sets it, to the rate it finds; it is saved with the
    /// optimizer. To be changed before a scheduler is made, or reset to start from the rate of that moment.
    std::optional<double> initial_lr = {};

private:
    friend class Optimizer;
    explicit HeldGroup(ParamGroup group) : ParamGroup(std::move(group)) {}
};

/// All that an optimizer knows except the parameters' values. Names begin with "optim.", so that one file can hold it
/// and a model (save_safetensors).
struct OptimizerState {
    StateDict tensors = {};                            ///< "optim.classifier.1.weight.exp_avg"
    std::map<std::string, std::string> metadata = {};  ///< "optim.classifier.1.weight.step": "12", and every option
};

/// Changes parameters by their gradients. Each parameter has a state of its own, made at its first step. Frozen rows
/// (Parameter::freeze_rows) keep their bits and have no state: a step that finds a row frozen drops its, and it
/// starts anew when the row is trained again. Rows that were added (Parameter::add_rows) have a state of their own from
/// the next step on, as if they had had no gradient so far; the others keep theirs.
/// One that was moved from throws std::logic_error in every call.
class Optimizer {
public:
    virtual ~Optimizer() = default;
    Optimizer(const Optimizer&) = delete;
    Optimizer& operator=(const Optimizer&) = delete;

    /// Moves every trainable parameter that has a gradient; the others keep their values, state and count of steps.
    /// Throws std::invalid_argument on options, std::logic_error on gradients that this optimizer cannot use; nothing
    /// is changed then. May coalesce gradients by rows.
    void step();

    /// Drops all gradients; `set_to_none = false` sets them to zero instead. A zero gradient counts: momentum and
    /// weight decay still move its parameter.
    void zero_grad(bool set_to_none = true) const;

    /// Adds a group; options left unset become the optimizer's defaults. Throws std::invalid_argument on options out of
    /// range or not the optimizer's, and on a parameter it already has; nothing is changed then.
    void add_param_group(ParamGroup group);

    /// Throws std::logic_error unless it holds each of these parameters, and names those that it does not, by `names`
    /// or by their shapes. With Tape::trainable_leaves() it finds what a model uses but forgot in its visit(), so that
    /// it would be neither trained nor saved, and nothing would be said. To be called in a training loop's first step:
    ///     if (step == 0) optimizer.check_holds(tape.trainable_leaves());
    /// Two optimizers: tables.check_holds(others.not_held(tape.trainable_leaves()))
    void check_holds(const std::vector<Parameter>& used, const NamedParameters& names = {}) const;
    /// Those that it does not hold, in their order.
    std::vector<Parameter> not_held(const std::vector<Parameter>& used) const;

    /// Copies of all arrays, counts of steps and options. A parameter is named as in `names` (a model's
    /// named_parameters()); without names, by its position among the parameters of all groups, as in PyTorch. One that
    /// made no step yet has only arrays that are there from the start, as Adagrad's.
    /// Throws std::invalid_argument if a parameter has no name, or one that another has too.
    OptimizerState state_dict(const NamedParameters& names = {}) const;
    /// Takes back what state_dict gave, options included: every later step gives the same bits. Names that do not begin
    /// with "optim." are passed over, and so is the state of rows that are frozen here.
    /// All or nothing: throws std::invalid_argument that lists whatever is missing, unexpected, given twice, misshapen
    /// or out of range, or as state_dict does; nothing is changed then.
    void load_state_dict(const OptimizerState& state, const NamedParameters& names = {});

    /// Valid until the next add_param_group.
    std::span<HeldGroup> param_groups();
    std::span<const HeldGroup> param_groups() const;

protected:
    /// Of one parameter; its arrays are in the order of the constructor's `kept`.
    struct State {
        std::int64_t step = 0;                          ///< how many gradients have counted
        Real first_value = 0;                           ///< of every element of a new array
        std::array<std::optional<Array>, 3> kept = {};  ///< of the parameter's shape; made at their first use
    };

    /// `defaults` sets every option that the optimizer has, except perhaps lr; `kept` names the arrays as PyTorch does.
    Optimizer(std::string_view name, ParamGroup defaults, std::initializer_list<std::string_view> kept)
        : name_(name),
          defaults_(std::move(defaults)),
          kept_names_(kept),
          groups_(std::make_shared<std::vector<HeldGroup>>()) {}
    Optimizer(Optimizer&&) = default;
    Optimizer& operator=(Optimizer&& other);

    /// The second half of construction, which needs the virtual functions below.
    void start(ParamGroups groups);
    const std::string& name() const { return name_; }
    /// How many parameters there are; `index` in update() is below it.
    std::size_t parameter_count() const { return parameters_.size(); }
    State& state(std::size_t index) { return states_[index]; }
    /// The values of the k-th array that is kept for a parameter.
    Real* kept(std::size_t index, std::size_t k);

private:
    /// What is wrong with options that are all in range; empty if nothing is.
    virtual std::string options_problem(const ParamGroup& /*group*/) const { return {}; }
    /// What is refused only in a new group, because a schedule may set it later.
    virtual std::string new_group_problem(const ParamGroup& /*group*/) const { return {}; }
    /// What is wrong with the gradient of a parameter, to follow "parameter 0 of shape (3, 4) has "; empty if nothing.
    virtual std::string gradient_problem(const Parameter& parameter, const ParamGroup& group) const = 0;
    /// Moves one parameter, the index-th of all groups together: its trainable_runs() by a dense gradient, or the rows
    /// of a gradient by rows, which holds no frozen ones.
    virtual void update(std::size_t index, const Parameter& parameter, const ParamGroup& group) = 0;
    /// What new arrays are filled with.
    virtual double first_value(const ParamGroup& /*group*/) const { return 0; }
    /// Whether the k-th array of a parameter that made so many steps is saved, even if it was never needed.
    virtual bool keeps(std::size_t /*k*/, std::int64_t step, const ParamGroup& /*group*/) const { return step > 0; }
    /// Called when arrays were loaded or have lost their frozen rows.
    virtual void kept_changed(std::size_t /*index*/) {}

    struct LoadPlan;
    friend class detail::ScheduledGroups;
    /// All groups. Throws if they were moved away.
    std::vector<HeldGroup>& groups() const;
    std::string group_problem(const ParamGroup& group, bool lr_required) const;
    void check_added(const std::vector<Parameter>& added) const;
    void check_options() const;
    void check_gradients() const;
    std::string place_text(std::size_t index) const;
    Array fitted(std::size_t index, const Array& kept) const;
    void fit_to_added_rows();
    void respect_frozen_rows(std::size_t index, const Parameter& parameter);
    void forget_frozen_rows(std::size_t index);
    std::vector<std::string> parameter_names(const NamedParameters& names) const;
    void save_kept(OptimizerState& to, std::size_t g, std::size_t index, const std::string& name) const;
    void plan_group(LoadPlan& plan, std::size_t g, std::span<const std::string> names) const;
    void plan_initial_lr(LoadPlan& plan, std::size_t g) const;
    void plan_state(LoadPlan& plan, std::size_t g, std::size_t index, const std::string& name) const;

    std::string name_;
    ParamGroup defaults_;
    std::vector<std::string_view> kept_names_;        // of the arrays in a State
    std::shared_ptr<std::vector<HeldGroup>> groups_;  // shared with schedulers; none after a move
    std::vector<Parameter> parameters_;               // of all groups in order, as they were added
    std::vector<State> states_;                       // of each
    std::vector<std::uint64_t> frozen_versions_;      // of each, when its state last forgot its frozen rows
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
