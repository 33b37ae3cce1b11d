// How the cost of a step grows: W3 and W13 with the table's rows, W5 with the vocabulary and the length of the texts.
// The inputs are made here: tables of 10,000,000 rows need no file.
#include <cmath>

#include "harness.hpp"
#include "made_inputs.hpp"

using namespace bench;

namespace {

constexpr std::size_t kBatches = 64;

std::vector<IdArray> random_batches(const Shape& shape, std::size_t below) {
    Rng rng(3);
    std::vector<IdArray> batches;
    for (std::size_t i = 0; i < kBatches; ++i) batches.push_back(random_ids(rng, shape, below));
    return batches;
}

class RowStep : public Item {
public:
    RowStep(std::size_t v, std::size_t d)
        : table_(Embedding::from_pretrained(made_table(v, d), false, {.sparse = true})),
          ids_(random_batches({32, 50}, v)),
          adam_(table_.parameters()) {}

    void repeat(std::size_t repetition, Results*) override {
        adam_.zero_grad();
        Tape tape;
        const Var y = table_(tape, ids_[repetition % kBatches]);
        tape.backward(sum(y * y));
        adam_.step();
    }

private:
    Embedding table_;
    std::vector<IdArray> ids_;
    SparseAdam adam_;
};

class Bag : public Item {
public:
    Bag(std::size_t v, std::size_t d)
        : table_(EmbeddingBag::from_pretrained(made_table(v, d), false, {.sparse = true})),
          ids_(random_batches({512, 50}, v)),
          gradient_(ones({512, d})) {}

    void repeat(std::size_t repetition, Results*) override {
        table_.zero_grad();
        Tape tape;
        tape.backward(table_(tape, ids_[repetition % kBatches]), gradient_);
    }

private:
    EmbeddingBag table_;
    std::vector<IdArray> ids_;
    Array gradient_;
};

class ClassifierStep : public Item {
public:
    ClassifierStep(std::size_t v, std::size_t length)
        : rng_(1),
          model_({.vocab_size = v, .embedding_dim = 128, .num_classes = 5, .padding_idx = {}}, rng_),
          tokens_(random_batches({32, length}, v)),
          lengths_(Shape{32}, static_cast<std::int64_t>(length)),
          labels_(random_ids(rng_, {32}, 5)),
          adam_(model_.parameters()) {}

    void repeat(std::size_t repetition, Results*) override {
        Tape tape(Mode::train, rng_);
        adam_.zero_grad();
        tape.backward(cross_entropy(model_(tape, tokens_[repetition % kBatches], lengths_), labels_));
        adam_.step();
    }

private:
    Rng rng_;
    TextClassifier model_;
    std::vector<IdArray> tokens_;
    IdArray lengths_, labels_;
    Adam adam_;
};

template <class Kind>
NamedItem item(const std::string& name, std::size_t a, std::size_t b) {
    return {name + " " + std::to_string(a) + " " + std::to_string(b),
            [=](const Inputs&) { return std::make_unique<Kind>(a, b); }};
}

std::vector<NamedItem> items() {
    std::vector<NamedItem> all;
    for (const std::size_t d : {std::size_t{128}, std::size_t{32}}) {
        for (std::size_t v = 10'000; v <= (d == 32 ? 10'000'000 : 1'000'000); v *= 10) {
            all.push_back(item<RowStep>("W3", v, d));
            all.push_back(item<Bag>("W13", v, d));
        }
    }
    for (std::size_t v = 1'000; v <= 1'000'000; v *= 10) all.push_back(item<ClassifierStep>("W5", v, 50));
    for (const std::size_t length : {std::size_t{10}, std::size_t{100}, std::size_t{1000}})
        all.push_back(item<ClassifierStep>("W5", 10'000, length));
    return all;
}

}  // namespace

int main(int argc, char** argv) { return run(argc, argv, items()); }
