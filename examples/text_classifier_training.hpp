// The training of text_classifier: the loop, what it reports, and the best epoch.
#pragma once

#include <embergrad/embergrad.hpp>

#include "model_keeper.hpp"
#include "text_classifier_options.hpp"
#include "trained_classifier.hpp"
#include "training_report.hpp"

namespace examples {

/// Trains the model in place. With validation texts it ends with the weights of the epoch that did best on them
/// (kept_score is how many of them it got right), else with the last; the keeper has had them saved. Progress goes to
/// standard error: a line an epoch, and in between a bar on a terminal, elsewhere a line now and then.
/// If the loss is no longer finite, training ends, with the best weights so far; without any (kept_epoch 0) the model
/// is of no use.
TrainingSummary train(const TrainedClassifier& classifier, const EncodedTexts& training, const EncodedTexts& validation,
                      const Settings& settings, embergrad::Rng& rng, ModelKeeper& keeper);

}  // namespace examples
