// What a training leaves behind, and how it is told: the best weights, what became of it, lines for people.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <embergrad/embergrad.hpp>

namespace examples {

struct TrainingSummary {
    std::size_t epochs = 0;      ///< that were completed
    std::size_t kept_epoch = 0;  ///< whose weights the model has; 0: an epoch that was cut short, or that diverged
    int signal = 0;              ///< that interrupted it; 0: none
    bool diverged = false;       ///< the loss was no longer finite in the epoch after `epochs`
    std::size_t tokens = 0;      ///< seen in training, padding not counted
    double seconds = 0;          ///< spent in training steps
    double kept_score = 0;       ///< on the validation part, of the weights that the model has; see BestWeights

    bool interrupted() const { return signal != 0; }
};

/// On standard output: an interruption, whose weights they are (with their score, if there is a text of it), and how
/// fast it went.
void print_summary(const TrainingSummary& summary, const std::string& score = "");

/// A line on standard error. Throws std::runtime_error if divergence left nothing to go on with; `saved` says that
/// earlier weights are on disk.
void report_divergence(const std::string& program, const TrainingSummary& summary, bool saved);

/// What is done about an interruption, for the time it takes.
std::string interruption_text(std::size_t unfinished_epoch);

/// "epoch  3/20  "; epoch 0 is one that was cut short.
std::string epoch_text(std::size_t epoch, std::size_t epochs);

/// The weights of the epoch that did best.
class BestWeights {
public:
    using Score = std::pair<double, double>;  ///< larger is better; the second decides where the first are equal

    /// Whether nothing was offered yet.
    bool empty() const { return weights_.empty(); }
    /// Keeps a copy of the model's weights if the score is above all before. Says whether it was.
    bool offer(std::size_t epoch, const Score& score, const embergrad::Module& model);
    /// If any were kept, gives them back to the model and tells the summary so.
    void restore(const embergrad::Module& model, TrainingSummary& summary) const;

private:
    Score score_;
    std::size_t epoch_ = 0;
    embergrad::StateDict weights_;
};

}  // namespace examples
