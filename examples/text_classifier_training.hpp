// The training of text_classifier: the loop, what it reports, and the best epoch.
#pragma once

#include <cstddef>
#include <cstdint>

#include <embergrad/embergrad.hpp>

#include "text_classifier_options.hpp"
#include "trained_classifier.hpp"

namespace examples {

struct TrainingSummary {
    std::size_t epochs = 0;      ///< that were completed
    std::size_t kept_epoch = 0;  ///< whose weights the model has; 0: an epoch that was cut short, or that diverged
    bool interrupted = false;    ///< by Ctrl-C
    bool diverged = false;       ///< the loss was no longer finite in the epoch after `epochs`
    std::size_t tokens = 0;      ///< seen in training, padding not counted
    double seconds = 0;          ///< spent in training steps
};

/// Trains the model in place. With validation texts it ends with the weights of the epoch that did best on them, else
/// with the last. Progress goes to standard error: a bar on a terminal, elsewhere a line an epoch.
/// If the loss is no longer finite, training ends, with the best weights so far; without any (kept_epoch 0) the model
/// is of no use.
TrainingSummary train(const TrainedClassifier& classifier, const EncodedTexts& training, const EncodedTexts& validation,
                      const Settings& settings, embergrad::Rng& rng);

}  // namespace examples
