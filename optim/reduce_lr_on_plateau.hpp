// ReduceLROnPlateau: lowers the learning rate when what is measured has stopped getting better.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <embergrad/optim/optimizer.hpp>
#include <embergrad/optim/per_group.hpp>
#include <embergrad/optim/scheduled_groups.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Which metrics are better: smaller ones (a loss), or larger ones (an accuracy).
enum class PlateauMode { min, max };
/// How a threshold is meant: as a part of the best metric, or as a difference from it.
enum class ThresholdMode { rel, abs };

/// Names and defaults are PyTorch's.
struct ReduceLROnPlateauOptions {
    PlateauMode mode = PlateauMode::min;
    double factor = 0.1;         ///< in [0, 1): the rate is multiplied by it
    std::int64_t patience = 10;  ///< >= 0; so many bad epochs in a row are let pass
    double threshold = 1e-4;     ///< >= 0; by how much a metric must be better to count; below 1 for min and rel
    ThresholdMode threshold_mode = ThresholdMode::rel;
    std::int64_t cooldown = 0;  ///< >= 0; how many epochs after a reduction are not counted as bad
    PerGroup min_lr = 0;        ///< >= 0; rates get no smaller
    double eps = 1e-8;          ///< >= 0; a reduction by no more than this is left out
};

/// Multiplies the rate that each group has, whoever set it, by `factor` once more than `patience` epochs in a row were
/// no better than the best. An epoch is better if, with the threshold t, its metric is below best (1 - t), or best - t
/// in abs; for max above best (1 + t), or best + t. NaN is never better, as in PyTorch.
/// Groups that are added later take part if min_lr is one for all. The optimizer may be moved; once it has ended, or
/// another was assigned to it, every call that needs its groups throws std::logic_error.
class ReduceLROnPlateau {
public:
    /// Sets nothing yet. Throws std::invalid_argument on options out of range, and if min_lr has neither one value nor
    /// one a group.
    explicit ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options = {});
    ReduceLROnPlateau(const ReduceLROnPlateau&) = default;
    ReduceLROnPlateau(ReduceLROnPlateau&&) = default;
    /// One that is moved to itself stays as it is.
    ReduceLROnPlateau& operator=(ReduceLROnPlateau other);
    ~ReduceLROnPlateau() = default;

    /// To be called once an epoch with what was measured. Throws std::invalid_argument if a group has no rate, or no
    /// min_lr because it was added later; nothing is changed then.
    void step(double metric);
    /// How often step() was called.
    std::int64_t last_epoch() const { return epoch_; }
    /// The best metric so far; infinite before the first.
    double best() const { return best_; }
    /// How many epochs in a row were no better.
    std::int64_t num_bad_epochs() const { return bad_epochs_; }
    /// The rates after the last step, or from the start, of each group.
    const std::vector<double>& get_last_lr() const { return last_lr_; }

    /// All options, the counts, the best metric and the rates. Names begin with "plateau.", so that they can go into
    /// one file with an optimizer's.
    std::map<std::string, std::string> state_dict() const;
    /// Takes back what state_dict gave, and sets its rates; before or after the optimizer's own state. Names with
    /// another beginning are passed over. All or nothing: throws std::invalid_argument that lists whatever is missing,
    /// unexpected or out of range, and has changed nothing then.
    void load_state_dict(const std::map<std::string, std::string>& state);

private:
    bool is_better(double metric) const;
    void reduce();
    void check_groups() const;

    detail::ScheduledGroups groups_;
    ReduceLROnPlateauOptions options_;
    std::int64_t epoch_ = 0;
    double best_;
    std::int64_t bad_epochs_ = 0;
    std::int64_t cooldown_left_ = 0;
    std::vector<double> last_lr_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
