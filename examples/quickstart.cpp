#include <cstdio>
#include <embergrad/embergrad.hpp>

using namespace embergrad;

int main() {
    const std::vector<std::string> texts = {"what a lovely film",      "lovely acting and a clever end",
                                            "dull from start to end",  "a dull plot and poor acting",
                                            "clever and a joy to see", "poor film what a bore"};
    const std::vector<std::int64_t> labels = {1, 1, 0, 0, 1, 0};  // 1: liked it

    const Vocabulary vocabulary = Vocabulary::build(texts);
    std::vector<std::vector<std::int64_t>> sequences;
    for (const std::string& text : texts) sequences.push_back(vocabulary.encode(text));

    Rng rng(42);
    const TextClassifier model({.vocab_size = vocabulary.size(), .embedding_dim = 16, .num_classes = 2}, rng);
    Adam optimizer(model.parameters(), {.lr = 0.01});
    for (int epoch = 0; epoch < 50; ++epoch) {
        for (const Batch& batch : Batches(sequences, labels, *vocabulary.padding_id(), {.batch_size = 2}, rng)) {
            Tape tape(Mode::train, rng);  // one per step: it holds this run's values and gradients
            const Var loss = cross_entropy(model(tape, batch.tokens, batch.lengths), batch.labels);
            optimizer.zero_grad();
            tape.backward(loss);
            optimizer.step();
        }
    }

    Tape tape(Mode::eval);  // records nothing; dropout is off
    const std::vector<std::vector<std::int64_t>> question = {vocabulary.encode("a clever film")};
    const Batch batch = pad_batch(question, *vocabulary.padding_id());
    const Var probabilities = softmax(model(tape, batch.tokens, batch.lengths));
    std::printf("liked it: %.2f\n", static_cast<double>(probabilities.value()(0, 1)));
}
