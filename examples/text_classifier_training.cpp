// One class holds what lives from step to step; Trainer::step is the heart.
#include "text_classifier_training.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "interrupt.hpp"
#include "number_text.hpp"
#include "progress_bar.hpp"

namespace examples {
namespace {

using namespace embergrad;
using Clock = std::chrono::steady_clock;
using Optimizers = std::vector<std::unique_ptr<Optimizer>>;

/// Adam for everything; with --sparse, SparseAdam for the table, whose gradient then comes by rows.
Optimizers make_optimizers(const TextClassifier& model, const Settings& settings) {
    const double embedding_lr = settings.embedding_lr.value_or(settings.lr);
    const ParamGroup table{.params = model.embedding().parameters(), .lr = embedding_lr};
    const ParamGroup network{.params = model.classifier().parameters(), .lr = settings.lr};
    Optimizers optimizers;
    if (settings.sparse) {
        optimizers.push_back(std::make_unique<SparseAdam>(std::vector{table}));
        optimizers.push_back(std::make_unique<Adam>(std::vector{network}));
    } else {
        optimizers.push_back(std::make_unique<Adam>(std::vector{table, network}));
    }
    return optimizers;
}

/// Sums over the steps of an epoch so far.
struct Running {
    double loss = 0;
    std::size_t correct = 0;
    std::size_t texts = 0;

    std::string loss_text() const { return "loss " + fixed(loss / static_cast<double>(texts), 3); }
    std::string text() const {
        const double accuracy = static_cast<double>(correct) / static_cast<double>(texts);
        return loss_text() + "  accuracy " + right(percent(accuracy), 7);
    }
};

std::size_t count_equal(const IdArray& a, const IdArray& b) {
    std::size_t equal = 0;
    for (std::size_t i = 0; i < a.size(); ++i) equal += a.data()[i] == b.data()[i] ? 1 : 0;
    return equal;
}

class Trainer {
public:
    Trainer(const TrainedClassifier& classifier, const EncodedTexts& training, const EncodedTexts& validation,
            const Settings& settings, Rng& rng, ModelKeeper& keeper)
        : classifier_(classifier),
          training_(training),
          validation_(validation),
          settings_(settings),
          rng_(rng),
          keeper_(keeper),
          optimizers_(make_optimizers(classifier.model, settings)),
          bar_(settings.epochs * batches_in_order().size(), settings.progress) {}

    TrainingSummary run() {
        for (std::size_t epoch = 1; epoch <= settings_.epochs && !ended(); ++epoch) {
            const Running running = run_epoch(epoch);
            if (running.texts == 0 || summary_.diverged) continue;
            if (summary_.interrupted())
                finish_unfinished_epoch(epoch, running);
            else
                finish_epoch(epoch, running);
        }
        if (summary_.diverged) summary_.kept_epoch = 0;  // the last weights are of no use
        best_.restore(classifier_.model, summary_);
        return summary_;
    }

private:
    bool ended() const { return summary_.interrupted() || summary_.diverged; }

    Batches batches_in_order() const {
        return Batches(training_.ids, training_.labels, padding_id(), {.batch_size = settings_.batch});
    }
    Batches shuffled_batches() const {
        return Batches(training_.ids, training_.labels, padding_id(), {.batch_size = settings_.batch}, rng_);
    }
    std::int64_t padding_id() const { return classifier_.vocabulary.padding_id().value(); }

    Running run_epoch(std::size_t epoch) {
        Running running;
        for (const Batch& batch : shuffled_batches()) {
            summary_.signal = interrupt_.signal();
            if (summary_.interrupted()) break;
            const Clock::time_point start = Clock::now();
            step(batch, running);
            summary_.seconds += std::chrono::duration<double>(Clock::now() - start).count();
            summary_.diverged = !std::isfinite(running.loss);
            if (summary_.diverged) break;
            ++steps_;
            if (bar_.due()) bar_.draw(steps_, epoch_text(epoch) + running.loss_text() + validation_text_);
        }
        return running;
    }

    void step(const Batch& batch, Running& running) {
        Tape tape(Mode::train, rng_);
        const Var logits = classifier_.model(tape, batch.tokens, batch.lengths);
        const Var loss = cross_entropy(logits, batch.labels);
        for (const auto& optimizer : optimizers_) optimizer->zero_grad();
        tape.backward(loss);
        for (const auto& optimizer : optimizers_) optimizer->step();

        running.loss += static_cast<double>(loss.item()) * static_cast<double>(batch.labels.size());
        running.correct += count_equal(argmax(logits, 1), batch.labels);
        running.texts += batch.labels.size();
        for (std::size_t i = 0; i < batch.lengths.size(); ++i)
            summary_.tokens += static_cast<std::size_t>(batch.lengths.data()[i]);
    }

    /// Saves before it measures: that takes a while, and somebody wants an end.
    void finish_unfinished_epoch(std::size_t epoch, const Running& running) {
        if (summary_.epochs == 0 && weights_are_finite()) keeper_.save_unfinished();
        bar_.write_line(interruption_text(epoch));
        finish_epoch(0, running);
    }

    /// Epoch 0 is one that was cut short.
    void finish_epoch(std::size_t epoch, const Running& running) {
        const bool best = validate(epoch);
        if (summary_.diverged) return;
        summary_.kept_epoch = epoch;
        const bool first = summary_.epochs == 0;
        if (epoch > 0) summary_.epochs = epoch;
        if ((best || validation_.size() == 0) && (epoch > 0 || !first)) keeper_.save();
        bar_.write_line(epoch_text(epoch) + running.text() + validation_text_ + (best ? "  best" : ""));
    }

    bool weights_are_finite() const {
        const auto parameters = classifier_.model.parameters();
        return std::all_of(parameters.begin(), parameters.end(),
                           [](const Parameter& parameter) { return all_finite(parameter.value()); });
    }

    /// Says whether these weights are the best so far. They can have diverged with the last step, whose loss is from
    /// before it.
    bool validate(std::size_t epoch) {
        summary_.diverged = !weights_are_finite();
        if (summary_.diverged || validation_.size() == 0) return false;
        const Evaluation evaluation =
            evaluate(classifier_.model, validation_, classifier_.label_names.size(), padding_id());
        summary_.diverged = !std::isfinite(evaluation.loss);
        if (summary_.diverged) return false;
        validation_text_ = "  validation " + right(percent(evaluation.counts.accuracy()), 7);
        const auto correct = static_cast<double>(evaluation.counts.correct());
        return best_.offer(epoch, {correct, -evaluation.loss}, classifier_.model);  // by accuracy, then by loss
    }

    std::string epoch_text(std::size_t epoch) const { return examples::epoch_text(epoch, settings_.epochs); }

    const TrainedClassifier& classifier_;
    const EncodedTexts& training_;
    const EncodedTexts& validation_;
    const Settings& settings_;
    Rng& rng_;
    ModelKeeper& keeper_;
    Optimizers optimizers_;
    InterruptGuard interrupt_;
    ProgressBar bar_;
    BestWeights best_;
    TrainingSummary summary_;
    std::size_t steps_ = 0;
    std::string validation_text_;
};

}  // namespace

TrainingSummary train(const TrainedClassifier& classifier, const EncodedTexts& training, const EncodedTexts& validation,
                      const Settings& settings, Rng& rng, ModelKeeper& keeper) {
    return Trainer(classifier, training, validation, settings, rng, keeper).run();
}

}  // namespace examples
