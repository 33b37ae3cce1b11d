// W6: a training step of the document's NGramLanguageModel(10,000, 64, 4, hidden 128), 64 contexts, Adam, dense
// gradients.
#include "harness.hpp"

using namespace bench;

namespace {

class LanguageModelStep : public Item {
public:
    explicit LanguageModelStep(const Inputs& inputs)
        : rng_(1),
          model_({.vocab_size = 10'000, .embedding_dim = 64, .context_size = 4, .hidden_dim = 128}, rng_),
          contexts_(inputs.batches("language_model.contexts")),
          targets_(inputs.batches("language_model.targets")),
          adam_(model_.parameters(), {.lr = 1e-3}) {
        inputs.load_weights(model_, "language_model");
    }

    void repeat(std::size_t repetition, Results* results) override {
        const std::size_t i = repetition % contexts_.size();
        Tape tape(Mode::train, rng_);
        adam_.zero_grad();
        const Var loss = cross_entropy(model_(tape, contexts_[i]), targets_[i]);
        tape.backward(loss);
        if (results != nullptr) {
            results->add_loss(loss.item());
            results->add_gradients(model_);
        }
        adam_.step();
    }

private:
    Rng rng_;
    NGramLanguageModel model_;
    std::vector<IdArray> contexts_, targets_;
    Adam adam_;
};

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv, {{"W6", [](const Inputs& inputs) { return std::make_unique<LanguageModelStep>(inputs); }}});
}
