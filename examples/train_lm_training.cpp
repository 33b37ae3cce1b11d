// The library trains; here it is watched, after each step.
#include "train_lm_training.hpp"

#include <chrono>
#include <cmath>
#include <iostream>
#include <string>

#include "interrupt.hpp"
#include "number_text.hpp"
#include "progress_bar.hpp"

namespace examples {
namespace {

using namespace embergrad;
using Clock = std::chrono::steady_clock;

class Watch {
public:
    Watch(const NGramLanguageModel& model, const NGrams& validation, std::size_t examples, const LmSettings& settings,
          ModelKeeper& keeper)
        : model_(model),
          validation_(validation),
          keeper_(keeper),
          bar_(examples * settings.epochs, settings.progress) {}

    /// Says whether training goes on.
    bool after_step(const LanguageModelProgress& progress) {
        summary_.seconds += std::chrono::duration<double>(Clock::now() - step_began_).count();
        const bool goes_on = progress.epoch_done() ? finish_epoch(progress, progress.epoch) : show(progress);
        const bool at_the_end = progress.epoch_done() && progress.epoch == progress.epochs;
        if (goes_on && !at_the_end) summary_.signal = interrupt_.signal();
        last_ = progress;
        step_began_ = Clock::now();
        return goes_on && !summary_.interrupted();
    }

    TrainingSummary summary(const LanguageModelResult& result) {
        summary_.tokens = result.examples;
        summary_.diverged = summary_.diverged || result.diverged;
        if (summary_.interrupted() && !summary_.diverged && !last_.epoch_done()) finish_unfinished_epoch();
        if (summary_.diverged) summary_.kept_epoch = 0;  // the last weights are of no use
        best_.restore(model_, summary_);
        return summary_;
    }

private:
    bool show(const LanguageModelProgress& progress) {
        if (bar_.due())
            bar_.draw(steps_done(progress), epoch_text(progress.epoch, progress.epochs) + "loss " +
                                                fixed(progress.loss, 3) + validation_text_);
        return true;
    }

    /// Saves before it measures: that takes a while, and somebody wants an end.
    void finish_unfinished_epoch() {
        if (best_.empty()) keeper_.save_unfinished();
        bar_.write_line(interruption_text(last_.epoch));
        finish_epoch(last_, 0);
    }

    /// Epoch 0 is one that was cut short. Says whether the weights are of any use.
    bool finish_epoch(const LanguageModelProgress& progress, std::size_t epoch) {
        const LanguageModelScore score = evaluate_language_model(model_, validation_);
        summary_.diverged = !std::isfinite(score.loss);
        if (summary_.diverged) return false;
        if (epoch > 0) summary_.epochs = epoch;
        validation_text_ = "  validation perplexity " + right(fixed(score.perplexity(), 2), 8);
        const bool first = best_.empty();
        const bool best = best_.offer(epoch, {-score.loss, 0}, model_);
        if (best && (epoch > 0 || !first)) keeper_.save();
        bar_.write_line(text(progress, epoch) + (best ? "  best" : ""));
        return true;
    }

    std::string text(const LanguageModelProgress& progress, std::size_t epoch) const {
        return epoch_text(epoch, progress.epochs) + "loss " + fixed(progress.loss, 3) + "  perplexity " +
               right(fixed(progress.perplexity(), 2), 8) + validation_text_;
    }

    static std::size_t steps_done(const LanguageModelProgress& progress) {
        return (progress.epoch - 1) * progress.total + progress.done;
    }

    const NGramLanguageModel& model_;
    const NGrams& validation_;
    ModelKeeper& keeper_;
    InterruptGuard interrupt_;
    ProgressBar bar_;
    BestWeights best_;
    TrainingSummary summary_;
    LanguageModelProgress last_;
    std::string validation_text_;
    Clock::time_point step_began_ = Clock::now();
};

}  // namespace

TrainingSummary train(const NGramLanguageModel& model, const NGrams& training, const NGrams& validation,
                      const LmSettings& settings, Rng& rng, ModelKeeper& keeper) {
    Watch watch(model, validation, training.size(), settings, keeper);
    const LanguageModelResult result = train_language_model(
        model, training, rng,
        {.epochs = settings.epochs,
         .lr = settings.lr,
         .batch_size = settings.batch,
         .on_progress = [&](const LanguageModelProgress& progress) { return watch.after_step(progress); }});
    return watch.summary(result);
}

}  // namespace examples
