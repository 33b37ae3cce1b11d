// Lesson 5: a complete model, which sorts texts into classes.
//
// tokens -> embedding -> mean of a text's vectors -> a small network -> a number for each class, the logits. It forgets
// the order of words, and is hard to beat on short texts all the same. This lesson writes the model as one would write
// one's own, compares it with the library's TextClassifier, sees why padding must not count, and trains it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include <embergrad/embergrad.hpp>

#include "lesson.hpp"
#include "number_text.hpp"

using namespace embergrad;
using namespace examples;

namespace {

// ---- the model -----------------------------------------------------------------------------------------------------

/// A model has layers, a forward that is const, and a visit that names its layers. Everything else, from parameters()
/// to saving and printing, comes with Module.
class MyClassifier : public Module {
public:
    MyClassifier(std::int64_t vocab_size, std::int64_t embedding_dim, std::int64_t num_classes, Rng& rng)
        : embedding_(vocab_size, embedding_dim, rng, {.padding_idx = 0}),
          classifier_{Dropout(0.5), Linear(embedding_dim, 128, rng), ReLU(), Dropout(0.5),
                      Linear(128, num_classes, rng)} {}

    /// tokens: (B, L), lengths: (B) -> logits (B, K)
    Var operator()(Tape& tape, const IdArray& tokens, const IdArray& lengths) const {
        const Var embedded = embedding_(tape, tokens);      // (B, L, D)
        const Var pooled = masked_mean(embedded, lengths);  // (B, D): of each text's first lengths[b] vectors
        return classifier_(pooled);
    }

    void visit(const Visitor& visit) const override {
        visit.child("embedding", embedding_);
        visit.child("classifier", classifier_);
    }

private:
    Embedding embedding_;
    Sequential classifier_;
};

/// shape: any -> ids of that shape, each at least low and below high.
IdArray random_ids(const Shape& shape, std::int64_t low, std::int64_t high, Rng& rng) {
    IdArray ids(shape);
    for (std::int64_t& id : ids)
        id = low + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(high - low)));
    return ids;
}

Real largest_difference(const Array& a, const Array& b) {
    Real largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
    return largest;
}

void the_model() {
    Rng rng(42);
    const TextClassifier model({.vocab_size = 10'000, .embedding_dim = 128, .num_classes = 5}, rng);
    std::cout << model;
    //> TextClassifier                                        1,297,157
    //>   embedding     Embedding(10000, 128, padding_idx=0)  1,280,000
    //>   classifier    Sequential                               17,157
    //>     0           Dropout(p=0.5)                                0
    //>     1           Linear(128, 128)                         16,512
    //>     2           ReLU()                                        0
    //>     3           Dropout(p=0.5)                                0
    //>     4           Linear(128, 5)                              645

    const IdArray tokens = random_ids({32, 50}, 0, 10'000, rng), lengths = random_ids({32}, 10, 50, rng);
    Tape tape(Mode::eval);
    const Var logits = model(tape, tokens, lengths);
    std::cout << "Output shape: " << to_string(logits.shape()) << '\n';
    //> Output shape: (32, 5)

    // The class above is the same model: with the same weights it gives the same logits.
    const MyClassifier mine(10'000, 128, 5, rng);
    mine.load_state_dict(model.state_dict());
    // (To rounding: the library's takes the means without making all vectors first, in another order of sums.)
    check(largest_difference(mine(tape, tokens, lengths).value(), logits.value()) < 1e-5, "both models are the same");
}

// ---- padding -------------------------------------------------------------------------------------------------------

void padding_must_not_count() {
    // The same text of three words, once alone and once in a batch whose longest text has eight. What the model says
    // of it must not depend on its neighbours. With lengths, the mean is over three vectors both times. Without, the
    // zeros of the padding count too, and make the mean smaller.
    Rng rng(42);
    const TextClassifier model({.vocab_size = 100, .embedding_dim = 16, .num_classes = 3}, rng);
    const IdArray alone = {{7, 8, 9}}, padded = {{7, 8, 9, 0, 0, 0, 0, 0}};
    Tape tape(Mode::eval);
    const Var first = model(tape, alone, {3}), second = model(tape, padded, {3});
    std::cout << "with lengths:    " << to_text(first.value(), 3) << " | " << to_text(second.value(), 3) << '\n';
    std::cout << "without lengths: " << to_text(model(tape, alone).value(), 3) << " | "
              << to_text(model(tape, padded).value(), 3) << '\n';
    //> with lengths:    0.205 -0.013 -0.244 | 0.205 -0.013 -0.244
    //> without lengths: 0.205 -0.013 -0.244 | 0.163 -0.010 -0.130
    check(first.value() == second.value(), "with lengths, padding does not count");

    // A text may be empty: real data has such texts. The mean of nothing is taken as zeros, so that there is an answer
    // (it comes from the biases alone) and no NaN that would spoil a whole batch.
    const Var both = model(tape, {{7, 8, 9}, {0, 0, 0}}, {3, 0});
    std::cout << "an empty text:   " << to_text(row(both.value(), 1), 3) << '\n';
    //> an empty text:   0.166 -0.002 -0.095
    check(all_finite(both.value()), "an empty text has logits");
}

// ---- training ------------------------------------------------------------------------------------------------------

const std::vector<std::string> kLabels = {"weather", "food", "travel"};
const std::vector<std::string> kTexts = {
    "rain and wind all day",        "the sun is out today",        "snow fell in the night",
    "a storm with heavy rain",      "this soup tastes of nothing", "bread and cheese for lunch",
    "she cooks the best soup",      "fresh bread with butter",     "the train to the coast is late",
    "a ticket for the night train", "we flew to the coast",        "the bus goes to the airport"};
const std::vector<std::int64_t> kTargets = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2};

std::vector<std::vector<std::int64_t>> encode(const Vocabulary& vocabulary, const std::vector<std::string>& texts) {
    std::vector<std::vector<std::int64_t>> sequences;
    for (const std::string& text : texts) sequences.push_back(vocabulary.encode(text));
    return sequences;
}

/// One pass over the texts in a new order; returns the mean loss of a text.
double train_epoch(const TextClassifier& model, Adam& optimizer,
                   const std::vector<std::vector<std::int64_t>>& sequences, Rng& rng) {
    const std::int64_t padding_id = *model.embedding().padding_idx();
    double total = 0;
    for (const Batch& batch : Batches(sequences, kTargets, padding_id, {.batch_size = 4}, rng)) {
        Tape tape(Mode::train, rng);  // dropout is on and draws from rng
        const Var loss = cross_entropy(model(tape, batch.tokens, batch.lengths), batch.labels);
        optimizer.zero_grad();
        tape.backward(loss);
        optimizer.step();
        total += static_cast<double>(loss.item()) * static_cast<double>(batch.labels.size());
    }
    return total / static_cast<double>(sequences.size());
}

/// Prints the likeliest class of each text, and how likely it is.
void predict(const TextClassifier& model, const Vocabulary& vocabulary, const std::vector<std::string>& texts) {
    const Batch batch = pad_batch(encode(vocabulary, texts), *vocabulary.padding_id());
    Tape tape(Mode::eval);  // dropout is off: the same answer each time
    const Var probabilities = softmax(model(tape, batch.tokens, batch.lengths));
    const IdArray best = argmax(probabilities, 1);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto label = static_cast<std::size_t>(best(i));
        std::cout << left(kLabels[label], 8) << fixed(static_cast<double>(probabilities.value()(i, label)), 2) << "  "
                  << texts[i] << '\n';
    }
}

void training() {
    // A dozen texts are enough to see the loop at work. ln 3 = 1.10 is the loss of a model that knows nothing of three
    // classes. (text_classifier.cpp does the same with 2,999 texts, and keeps some apart to see how good it is.)
    const Vocabulary vocabulary = Vocabulary::build(kTexts);
    const auto sequences = encode(vocabulary, kTexts);
    Rng rng(42);
    const TextClassifier model({.vocab_size = vocabulary.size(), .embedding_dim = 16, .num_classes = 3}, rng);
    Adam optimizer(model.parameters(), {.lr = 0.01});
    for (int epoch = 1; epoch <= 20; ++epoch) {
        const double loss = train_epoch(model, optimizer, sequences, rng);
        if (epoch == 1 || epoch % 10 == 0) std::cout << "epoch " << epoch << ": loss " << fixed(loss, 2) << '\n';
    }
    //> epoch 1: loss 1.19
    //> epoch 10: loss 0.65
    //> epoch 20: loss 0.36

    // New texts of words that it knows, and one that it does not know. The last answer means nothing: no training text
    // held an unknown word, so the row of <UNK> is still random, and softmax has no way to say "I do not know".
    // (initialize_with_pretrained of lesson 3 gives that row a better start.)
    predict(model, vocabulary, {"wind and snow", "cheese soup", "the bus to the coast", "xylophone"});
    //> weather 0.95  wind and snow
    //> food    1.00  cheese soup
    //> travel  0.96  the bus to the coast
    //> travel  0.92  xylophone
}

}  // namespace

int main() {
    the_model();
    padding_must_not_count();
    training();
}
