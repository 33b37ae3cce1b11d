// The training of train_lm: what it shows while it runs, and the best epoch.
#pragma once

#include <embergrad/embergrad.hpp>

#include "model_keeper.hpp"
#include "train_lm_options.hpp"
#include "training_report.hpp"

namespace examples {

/// Trains the model in place; it ends with the weights of the epoch that did best on the validation text, which the
/// keeper has had saved; kept_score is minus their loss. Progress goes to standard error: a line an epoch, and in
/// between a bar on a terminal, elsewhere a line now and then. If the loss is no longer finite, training ends,
/// with the best weights so far; without any (kept_epoch 0) the model is of no use.
TrainingSummary train(const embergrad::NGramLanguageModel& model, const embergrad::NGrams& training,
                      const embergrad::NGrams& validation, const LmSettings& settings, embergrad::Rng& rng,
                      ModelKeeper& keeper);

}  // namespace examples
