// W5: a training step of the document's TextClassifier(10,000, 128, 5), 32 texts of 10 to 49 tokens, Adam, dense
// gradients.
#include "harness.hpp"

using namespace bench;

namespace {

class ClassifierStep : public Item {
public:
    explicit ClassifierStep(const Inputs& inputs)
        : rng_(1),
          model_({.vocab_size = 10'000,
                  .embedding_dim = 128,
                  .num_classes = 5,
                  .dropout = inputs.checking() ? 0 : 0.5,
                  .padding_idx = 0},
                 rng_),
          tokens_(inputs.batches("classifier.tokens")),
          lengths_(inputs.batches("classifier.lengths")),
          labels_(inputs.batches("classifier.labels")),
          adam_(model_.parameters(), {.lr = 1e-3}) {
        inputs.load_weights(model_, "classifier");
    }

    void repeat(std::size_t repetition, Results* results) override {
        const std::size_t i = repetition % tokens_.size();
        Tape tape(Mode::train, rng_);
        adam_.zero_grad();
        const Var loss = cross_entropy(model_(tape, tokens_[i], lengths_[i]), labels_[i]);
        tape.backward(loss);
        if (results != nullptr) {
            results->add_loss(loss.item());
            results->add_gradients(model_);
        }
        adam_.step();
    }

private:
    Rng rng_;
    TextClassifier model_;
    std::vector<IdArray> tokens_, lengths_, labels_;
    Adam adam_;
};

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv, {{"W5", [](const Inputs& inputs) { return std::make_unique<ClassifierStep>(inputs); }}});
}
