// train_language_model: examples out of running text, training, perplexity, and text drawn token by token.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/rng.hpp>
#include <embergrad/models/ngram_language_model.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// N examples: contexts (N, n), and the token that follows each, targets (N).
struct NGrams {
    IdArray contexts = IdArray(Shape{0, 0});
    IdArray targets = {};
    std::size_t size() const { return targets.size(); }
};

/// Every n consecutive tokens of a text with the token that follows, in order: ids.size() - n examples, none of a text
/// shorter than n + 1. Throws std::invalid_argument for a context_size of 0.
NGrams make_ngrams(std::span<const std::int64_t> ids, std::size_t context_size);
NGrams make_ngrams(std::initializer_list<std::int64_t> ids, std::size_t context_size);

/// How far training is, after a step.
struct LanguageModelProgress {
    std::size_t epoch = 0;   ///< 1 .. epochs
    std::size_t epochs = 0;  ///< that were asked for
    std::size_t done = 0;    ///< examples of this epoch so far
    std::size_t total = 0;   ///< examples of an epoch
    double loss = 0;         ///< the mean of the `done` examples' cross entropies, in nats, each from before its step

    double perplexity() const { return std::exp(loss); }
    bool epoch_done() const { return done == total; }
};

struct LanguageModelTraining {
    std::size_t epochs = 10;
    double lr = 1e-3;  ///< of Adam, for all parameters
    std::size_t batch_size = 64;
    bool shuffle = true;  ///< afresh for each epoch; else in the order given
    /// Called after each step. False ends the training there.
    std::function<bool(const LanguageModelProgress&)> on_progress = {};
};

struct LanguageModelResult {
    std::vector<double> losses = {};  ///< of each epoch that was completed: the mean of its examples, in nats
    std::size_t examples = 0;         ///< trained on, in all epochs
    bool stopped = false;             ///< on_progress said so
    bool diverged = false;            ///< a loss or a weight is no longer finite; the model is of no use
};

/// Trains the model in place with Adam on the mean cross entropy of each batch; the last batch of an epoch may be
/// smaller. The losses are means over examples, so a small batch does not weigh like a full one. Training
/// that diverges ends: before the step whose loss is not finite, or after the epoch that left a weight that is none;
/// on_progress is not called for it.
/// Throws std::invalid_argument for no examples, a model that is frozen whole, shapes that are not the model's, a
/// batch_size of 0 and an lr that Adam refuses, std::out_of_range for ids outside the vocabulary; nothing is changed
/// then. Throws std::logic_error before the first step if the model uses parameters that its visit() forgets.
LanguageModelResult train_language_model(const NGramLanguageModel& model, const NGrams& data, Rng& rng,
                                         const LanguageModelTraining& options = {});

struct LanguageModelScore {
    double loss = 0;  ///< the mean of the examples' cross entropies, in nats
    double perplexity() const { return std::exp(loss); }
};

/// How well the model foresees these targets. batch_size changes memory and speed. Errors as
/// train_language_model's.
LanguageModelScore evaluate_language_model(const NGramLanguageModel& model, const NGrams& data,
                                           std::size_t batch_size = 256);

struct GenerateOptions {
    double temperature = 1;                          ///< >= 0: below 1 plays safe; 0 takes the most probable token
    std::optional<std::size_t> top_k = {};           ///< >= 1: only the most probable tokens are drawn from
    std::vector<std::int64_t> suppress_tokens = {};  ///< ids that are never drawn
};

/// `count` tokens that go on from the context, each drawn from softmax(logits / temperature) and then part of the next
/// one's context. Only the last n ids of the context count. Of equally probable tokens the one with the lower id comes
/// first. Throws std::invalid_argument for a context shorter than n, options out of range, suppressed ids that leave no
/// token or logits that are not finite, std::out_of_range for ids outside the vocabulary.
std::vector<std::int64_t> generate(const NGramLanguageModel& model, std::span<const std::int64_t> context,
                                   std::size_t count, Rng& rng, const GenerateOptions& options = {});
std::vector<std::int64_t> generate(const NGramLanguageModel& model, std::initializer_list<std::int64_t> context,
                                   std::size_t count, Rng& rng, const GenerateOptions& options = {});

}  // namespace embergrad::inline EMBERGRAD_PRECISION
