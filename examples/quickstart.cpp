#include <cstdio>
#include <embergrad/embergrad.hpp>
using namespace embergrad;

int main() {
    const std::vector<std::string> texts = {"what a lovely film", "dull from start to end", "a joy", "a dull plot"};
    const IdArray liked = {1, 0, 1, 0};
    const Vocabulary vocabulary = Vocabulary::build(texts);
    std::vector<std::vector<std::int64_t>> sequences;
    for (const std::string& text : texts) sequences.push_back(vocabulary.encode(text));
    const Batch batch = pad_batch(sequences, *vocabulary.padding_id());  // tokens (B, L) and lengths (B)

    Rng rng(42);
    const TextClassifier model({.vocab_size = vocabulary.size(), .embedding_dim = 16, .num_classes = 2}, rng);
    Adam optimizer(model.parameters(), {.lr = 0.01});
    for (int step = 0; step < 100; ++step) {
        Tape tape(Mode::train, rng);  // one per step: it holds this run's values and gradients
        const Var loss = cross_entropy(model(tape, batch.tokens, batch.lengths), liked);
        if (step == 0) optimizer.check_holds(tape.trainable_leaves());  // did a layer's visit() forget something?
        optimizer.zero_grad();
        tape.backward(loss);
        optimizer.step();
    }
    Tape tape(Mode::eval);  // records nothing; dropout is off
    const Var probabilities = softmax(model(tape, batch.tokens, batch.lengths));
    for (std::size_t i = 0; i < texts.size(); ++i)
        std::printf("%.2f  %s\n", probabilities.value()(i, 1), texts[i].c_str());
}
