// Sentences around numbers.
#include "training_report.hpp"

#include <algorithm>
#include <iostream>
#include <stdexcept>

#include "number_text.hpp"

namespace examples {

void print_summary(const TrainingSummary& summary, const std::string& score) {
    if (summary.interrupted()) std::cout << "interrupted in epoch " << summary.epochs + 1 << '\n';
    const std::string kept =
        summary.kept_epoch > 0 ? "epoch " + std::to_string(summary.kept_epoch) : "the epoch that was cut short";
    const double speed = static_cast<double>(summary.tokens) / std::max(summary.seconds, 1e-9);
    std::cout << "weights     those after " << (summary.tokens > 0 ? kept : "no training at all")
              << (score.empty() ? "" : ", " + score) << '\n'
              << "throughput  " << thousands(static_cast<std::size_t>(speed)) << " tokens/s of training\n";
}

void report_divergence(const std::string& program, const TrainingSummary& summary, bool saved) {
    const std::string what = "the loss is no longer finite in epoch " + std::to_string(summary.epochs + 1);
    const std::string advice = "; a smaller --lr may help";
    if (summary.kept_epoch == 0)
        throw std::runtime_error(what + ", and there are no weights from before it: nothing is tested" +
                                 (saved ? "; those of the epoch before are saved" : " or saved") + advice);
    std::cerr << program + ": " + what + ": back to the weights after epoch " + std::to_string(summary.kept_epoch) +
                     advice + '\n';
}

std::string interruption_text(std::size_t unfinished_epoch) {
    return "interrupted in epoch " + std::to_string(unfinished_epoch) +
           ": measuring how good it is so far (once more ends the program at once)";
}

std::string epoch_text(std::size_t epoch, std::size_t epochs) {
    const std::string count = std::to_string(epochs);
    return "epoch " + right(epoch == 0 ? "cut" : std::to_string(epoch), count.size()) + "/" + count + "  ";
}

bool BestWeights::offer(std::size_t epoch, const Score& score, const embergrad::Module& model) {
    if (!weights_.empty() && score <= score_) return false;
    score_ = score;
    epoch_ = epoch;
    weights_ = model.state_dict();
    return true;
}

void BestWeights::restore(const embergrad::Module& model, TrainingSummary& summary) const {
    if (weights_.empty()) return;
    model.load_state_dict(weights_);
    summary.kept_epoch = epoch_;
    summary.kept_score = score_.first;
}

}  // namespace examples
