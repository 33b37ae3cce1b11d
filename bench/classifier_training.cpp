// W12: the document's pipeline and TextClassifier on the TREC questions: words met twice, 10 epochs in batches of 32,
// Adam. A repetition is a whole training, of a new model from another seed, which is made on the clock too; the
// accuracy is the mean over their tests.
#include "harness.hpp"

using namespace bench;

namespace {

std::vector<std::vector<std::int64_t>> encoded(const Vocabulary& vocabulary, const std::vector<std::string>& texts) {
    std::vector<std::vector<std::int64_t>> sequences;
    for (const std::string& text : texts) sequences.push_back(vocabulary.encode(text));
    return sequences;
}

class ClassifierTraining : public Item {
public:
    explicit ClassifierTraining(const Inputs& inputs)
        : train_(read_labelled_text(inputs.trec() + "/TREC.train.tsv")),
          test_(read_labelled_text(inputs.trec() + "/TREC.test.tsv", train_.label_names)),
          vocabulary_(Vocabulary::build(train_.texts, {.min_freq = 2})),
          sequences_(encoded(vocabulary_, train_.texts)) {}

    void repeat(std::size_t repetition, Results*) override {
        Rng rng(repetition + 1);
        TextClassifier model({.vocab_size = vocabulary_.size(),
                              .embedding_dim = 128,
                              .num_classes = train_.label_names.size(),
                              .padding_idx = vocabulary_.padding_id()},
                             rng);
        Adam adam(model.parameters(), {.lr = 1e-3});
        for (int epoch = 0; epoch < 10; ++epoch) {
            for (const Batch& batch : Batches(sequences_, train_.labels, *vocabulary_.padding_id(), {}, rng)) {
                Tape tape(Mode::train, rng);
                adam.zero_grad();
                tape.backward(cross_entropy(model(tape, batch.tokens, batch.lengths), batch.labels));
                adam.step();
            }
        }
        models_.push_back(std::move(model));
    }

    void describe(nlohmann::json& line) const override {
        double sum = 0;
        for (const TextClassifier& model : models_) sum += accuracy(model);
        line["accuracy"] = sum / static_cast<double>(models_.size());
    }

private:
    double accuracy(const TextClassifier& model) const {
        const Batch batch = pad_batch(encoded(vocabulary_, test_.texts), *vocabulary_.padding_id());
        Tape tape(Mode::eval);
        const IdArray best = argmax(model(tape, batch.tokens, batch.lengths), 1);
        std::size_t right = 0;
        for (std::size_t i = 0; i < test_.labels.size(); ++i) right += best.data()[i] == test_.labels[i] ? 1 : 0;
        return static_cast<double>(right) / static_cast<double>(test_.labels.size());
    }

    LabelledText train_, test_;
    Vocabulary vocabulary_;
    std::vector<std::vector<std::int64_t>> sequences_;
    std::vector<TextClassifier> models_;
};

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv,
               {{"W12", [](const Inputs& inputs) { return std::make_unique<ClassifierTraining>(inputs); }}});
}
