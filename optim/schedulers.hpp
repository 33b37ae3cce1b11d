// Schedules, learning rates that change from epoch to epoch, and the LRScheduler that sets them.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/optim/optimizer.hpp>
#include <embergrad/optim/per_group.hpp>
#include <embergrad/optim/scheduled_groups.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

// Each of these is a formula: the learning rate at epoch e of a group that had `base` at first. An LRScheduler applies
// it to an optimizer. Names and fields are PyTorch's.

/// base gamma^floor(e / step_size)
struct StepLR {
    std::int64_t step_size = 0;  ///< required, >= 1
    double gamma = 0.1;          ///< >= 0
};

/// base gamma^(how many milestones are <= e)
struct MultiStepLR {
    std::vector<std::int64_t> milestones = {};  ///< each >= 0, in any order
    double gamma = 0.1;                         ///< >= 0
};

/// base gamma^e
struct ExponentialLR {
    double gamma = std::numeric_limits<double>::quiet_NaN();  ///< required, >= 0
};

/// eta_min + (base - eta_min) (1 + cos(pi e / T_max)) / 2 (Loshchilov and Hutter 2017, without restarts). After T_max
/// it rises again.
struct CosineAnnealingLR {
    std::int64_t T_max = 0;  ///< required, >= 1
    double eta_min = 0;      ///< >= 0
};

/// The same with warm restarts (Loshchilov and Hutter 2017): T_cur epochs after the last restart, in a run of T_i,
///   eta_min + (base - eta_min) (1 + cos(pi T_cur / T_i)) / 2
/// The first run takes T_0 epochs, each further one T_mult times as many.
struct CosineAnnealingWarmRestarts {
    std::int64_t T_0 = 0;     ///< required, >= 1
    std::int64_t T_mult = 1;  ///< >= 1
    double eta_min = 0;       ///< >= 0
};

enum class AnnealStrategy { cos, linear };

/// One cycle (Smith and Topin 2017), stepped after every batch: in pct_start of the steps from max_lr / div_factor up
/// to max_lr, in the others down to max_lr / (div_factor final_div_factor); three_phase comes down to where it began in
/// as many steps as it went up, and goes on from there. Along a half cosine or a line. Meanwhile momentum, or the first
/// of betas, goes from max_momentum down to base_momentum and back. The base is not the rate of the group, but max_lr /
/// div_factor; it becomes the group's initial_lr, as in PyTorch. A step beyond total_steps throws
/// std::invalid_argument.
struct OneCycleLR {
    PerGroup max_lr = {};              ///< required, >= 0
    std::int64_t total_steps = 0;      ///< >= 1, or 0: epochs * steps_per_epoch
    std::int64_t epochs = 0;           ///< read where total_steps is 0; then >= 1
    std::int64_t steps_per_epoch = 0;  ///< the same
    double pct_start = 0.3;            ///< in [0, 1]
    AnnealStrategy anneal_strategy = AnnealStrategy::cos;
    bool cycle_momentum = true;     ///< needs SGD or one of the Adams
    PerGroup base_momentum = 0.85;  ///< >= 0; for betas in [0, 1)
    PerGroup max_momentum = 0.95;   ///< the same
    double div_factor = 25;         ///< > 0
    double final_div_factor = 1e4;  ///< > 0
    bool three_phase = false;
};

/// Functions of the epoch: a list, or a single one.
struct LRLambdas : std::vector<std::function<double(std::int64_t epoch)>> {
    using Function = value_type;
    using std::vector<Function>::vector;
    template <std::convertible_to<Function> F>
    LRLambdas(F one) : std::vector<Function>{std::move(one)} {}  // NOLINT: LambdaLR{f}
};

/// base f(e), with one f for all groups, or one for each. What f gives must be finite and not negative.
struct LambdaLR {
    LRLambdas lr_lambda;
};

/// base (start_factor + (end_factor - start_factor) min(e, total_iters) / total_iters)
struct LinearLR {
    double start_factor = 1.0 / 3;  ///< in [0, 1]
    double end_factor = 1;          ///< in [0, 1]
    std::int64_t total_iters = 5;   ///< >= 1
};

/// base factor before epoch total_iters, base from there on
struct ConstantLR {
    double factor = 1.0 / 3;       ///< in [0, 1]
    std::int64_t total_iters = 5;  ///< >= 1
};

class Schedule;

/// One schedule after another: the second from epoch milestones[0] on, the third from milestones[1] on. Each counts
/// its epochs from 0.
struct SequentialLR {
    std::vector<Schedule> schedules;
    std::vector<std::int64_t> milestones;  ///< one fewer than schedules; ascending, from 1 on
};

/// Any of these schedules.
class Schedule {
public:
    Schedule(StepLR one);
    Schedule(MultiStepLR one);
    Schedule(ExponentialLR one);
    Schedule(CosineAnnealingLR one);
    Schedule(CosineAnnealingWarmRestarts one);
    Schedule(OneCycleLR one);
    Schedule(LambdaLR one);
    Schedule(LinearLR one);
    Schedule(ConstantLR one);
    Schedule(SequentialLR one);
    Schedule(const Schedule& other);
    Schedule& operator=(const Schedule& other);
    ~Schedule();

    struct Kind;  // a variant of them, which only schedulers.cpp needs to see
    const Kind& kind() const { return *kind_; }
    Kind& kind() { return *kind_; }

private:
    std::unique_ptr<Kind> kind_;
};

/// base min(1, (e + 1) / epochs): a linear rise that begins at base / epochs. Throws std::invalid_argument unless
/// epochs >= 1.
LambdaLR warm_up(std::int64_t epochs);

/// Sets the learning rates of an optimizer's groups. The epoch is the number of step() calls; a group's base is its
/// initial_lr: the learning rate it had when its first scheduler was made, so that a second one does not start from
/// where the first has brought it. Rates are computed from these two alone: one set by hand lasts until the next
/// step(). Groups that were added later keep their own.
/// The optimizer may be moved; once it has ended, or another was assigned to it, every call that needs its groups
/// throws std::logic_error.
class LRScheduler {
public:
    /// Sets the rates of epoch 0. Throws std::invalid_argument on options out of range, on a number of functions that
    /// is neither 1 nor that of the groups, and as step(); nothing is changed then.
    LRScheduler(Optimizer& optimizer, Schedule schedule);
    LRScheduler(const LRScheduler&) = default;
    LRScheduler(LRScheduler&&) = default;
    /// One that is moved to itself stays as it is.
    LRScheduler& operator=(LRScheduler other);
    ~LRScheduler() = default;

    /// To be called once an epoch, after the optimizer's steps. Throws std::invalid_argument if a rate is not finite
    /// or negative; nothing is changed then.
    void step();
    /// How often step() was called.
    std::int64_t last_epoch() const { return epoch_; }
    /// The rates that were set last, of each group.
    const std::vector<double>& get_last_lr() const { return last_lr_; }

    /// The epoch, the bases, the rates (also those set by hand) and all options but functions. Names begin with
    /// "scheduler.", so that they can go into one file with an optimizer's.
    std::map<std::string, std::string> state_dict() const;
    /// Takes back what state_dict gave, and sets its rates; before or after the optimizer's own state. For a scheduler
    /// made with as many groups as the saved one was (groups added later are not its own). Names with another beginning
    /// are passed over. All or nothing: throws std::invalid_argument that lists whatever is missing, unexpected or out
    /// of range, and has changed nothing then.
    void load_state_dict(const std::map<std::string, std::string>& state);

private:
    void take_bases();
    void set(std::int64_t epoch, std::vector<double> rates);

    detail::ScheduledGroups groups_;
    Schedule schedule_;
    std::vector<double> bases_;  // of each group
    std::int64_t epoch_ = 0;
    std::vector<double> last_lr_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
