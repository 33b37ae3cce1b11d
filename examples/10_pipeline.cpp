// Lesson 10: the whole way, from texts and labels to a classifier of new texts.
//
// The lessons before made the parts: a vocabulary, a table with or without pre-trained vectors, a padded batch. The
// document ends with one function that makes them all at once, and so does this lesson: create_embedding_pipeline. What
// it returns is what a model trains on, and it encodes new texts in the same way. Then we train a model of our own.
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

constexpr std::int64_t kUnlabelled = -100;  // what cross_entropy passes over

// What people said about films: 1 is praise, 0 is not. The last two nobody has labelled yet.
const std::vector<std::string> texts = {
    "a lovely film",   "what a joy from start to end", "the cast is wonderful", "I loved it",
    "a dull film",     "boring from start to end",     "the plot is awful",     "I hated it",
    "a splendid cast", "what a tedious plot"};
const std::vector<std::int64_t> labels = {1, 1, 1, 1, 0, 0, 0, 0, kUnlabelled, kUnlabelled};

// Pre-trained vectors, as WordVectors::load reads them from GloVe's files. These four numbers a word were made by hand;
// real ones are learned from much text, where words of one kind stand among the same neighbours.
const std::string vectors_text =
    "lovely 0.8 0.1 0.3 -0.2\njoy 0.9 0.0 -0.2 0.1\nwonderful 0.9 0.2 0.1 0.0\nloved 0.7 0.3 0.0 0.2\n"
    "splendid 0.8 0.2 0.2 -0.1\ndull -0.8 0.1 0.2 -0.1\nboring -0.9 0.1 -0.1 0.0\nawful -0.8 0.2 0.1 0.1\n"
    "hated -0.7 0.3 0.0 0.2\ntedious -0.9 0.2 0.0 -0.1\nfilm 0.0 0.9 0.4 0.1\nplot 0.1 0.8 0.5 -0.2\n"
    "cast 0.0 0.7 0.6 0.1\n";

// The document's model with one layer behind the mean. A copied module shares its weights, so this trains the table of
// the pipeline itself. visit() tells the parts and their names; parameters(), printing and saving derive from it: a
// part that it forgets is neither trained nor saved. train() below asks once whether there is one.
class Classifier : public Module {
public:
    Classifier(const Embedding& embedding, std::int64_t num_classes, Rng& rng)
        : embedding_(embedding), output_(embedding.embedding_dim(), num_classes, rng) {}

    Var operator()(Tape& tape, const Batch& batch) const {
        const Var vectors = embedding_(tape, batch.tokens);     // (B, L, D)
        const Var means = masked_mean(vectors, batch.lengths);  // (B, D)
        return output_(means);                                  // (B, K)
    }

    void visit(const Visitor& visit) const override {
        visit.child("embedding", embedding_);
        visit.child("output", output_);
    }
    std::string describe() const override { return "Classifier"; }

private:
    Embedding embedding_;
    Linear output_;
};

void from_texts_to_a_batch() {
    // The vocabulary has all the texts' words. (The document leaves out words that were met once. In a few short texts
    // those are nearly all; ask for it by .min_freq = 2.) The table has a row for each of its tokens, and all texts are
    // one batch, padded with the vocabulary's padding id.
    Rng rng(42);
    const EmbeddingPipeline pipeline = create_embedding_pipeline(texts, labels, rng, {.embedding_dim = 16});
    std::cout << "Vocabulary size: " << pipeline.vocabulary.size() << '\n';
    std::cout << "table: " << to_string(pipeline.embedding.weight().shape())
              << ", tokens: " << to_string(pipeline.data.tokens.shape())
              << ", lengths: " << to_string(pipeline.data.lengths.shape())
              << ", labels: " << to_string(pipeline.data.labels.shape()) << '\n';
    //> Vocabulary size: 27
    //> table: (27, 16), tokens: (10, 7), lengths: (10,), labels: (10,)
    check(pipeline.embedding.padding_idx() == pipeline.vocabulary.padding_id(), "the padding row is the vocabulary's");
}

void texts_as_they_come() {
    // An empty text has length 0 and a mean of zeros; the document's model divides by its length and gives NaN. Of long
    // texts, max_length keeps the beginning: the batch is as wide as its longest text, so one of them makes all dear.
    Rng rng(42);
    const std::vector<std::string> odd = {"", "good", "a text that goes on and on and on"};
    const EmbeddingPipeline pipeline =
        create_embedding_pipeline(odd, {0, 1, 0}, rng, {.embedding_dim = 4, .max_length = 5});
    std::cout << "tokens: " << to_string(pipeline.data.tokens.shape()) << ", lengths:";
    for (const std::int64_t length : pipeline.data.lengths) std::cout << ' ' << length;
    std::cout << '\n';
    //> tokens: (3, 5), lengths: 0 1 5

    Tape tape(Mode::eval);
    const Classifier model(pipeline.embedding, 2, rng);
    check(all_finite(model(tape, pipeline.data).value()), "an empty text makes no NaN");

    // Each text needs its label.
    std::cout << refusal([&] { create_embedding_pipeline(odd, {0, 1}, rng); }) << '\n';
    //> create_embedding_pipeline: 3 texts, but 2 labels
}

// Trains on all texts at once; Batches (text/batch.hpp) cuts larger sets into small batches. The loss passes over the
// texts without a label.
void train(const Classifier& model, const EmbeddingPipeline& pipeline) {
    Adam optimizer(model.parameters(), {.lr = 0.02});
    for (int epoch = 1; epoch <= 40; ++epoch) {
        Tape tape(Mode::train);
        const Var loss = cross_entropy(model(tape, pipeline.data), pipeline.data.labels);
        if (epoch == 1) optimizer.check_holds(tape.trainable_leaves());
        optimizer.zero_grad();
        tape.backward(loss);
        optimizer.step();
        if (epoch % 20 == 0) std::cout << "epoch " << epoch << ", loss: " << fixed(loss.item(), 2) << '\n';
    }
}

// New texts, encoded as those of the pipeline were, and how sure the model is that each is praise.
void classify(const Classifier& model, const EmbeddingPipeline& pipeline) {
    const std::vector<std::string> new_texts = {"a wonderful plot", "the cast is boring", "splendid", "tedious",
                                                "nice"};
    Tape tape(Mode::eval);
    const Var probabilities = softmax(model(tape, pipeline.encode(new_texts)));
    for (std::size_t i = 0; i < new_texts.size(); ++i) {
        std::cout << fixed(probabilities.value()(i, 1), 2) << "  " << new_texts[i] << '\n';
    }
    check(probabilities.value()(0, 1) > 0.5 && probabilities.value()(1, 1) < 0.5, "words that it has learned decide");
}

void without_vectors() {
    Rng rng(42);
    const EmbeddingPipeline pipeline = create_embedding_pipeline(texts, labels, rng, {.embedding_dim = 16});
    const Classifier model(pipeline.embedding, 2, rng);
    std::cout << model;
    //> Classifier                                     466
    //>   embedding  Embedding(27, 16, padding_idx=0)  432
    //>   output     Linear(16, 2)                      34

    // Of "wonderful" and "boring" it has learned what they say. "splendid" and "tedious" have a row each, but no label
    // has ever moved them: what it says of them is chance. "nice" is in no text and stands for any unknown word.
    train(model, pipeline);
    classify(model, pipeline);
    //> epoch 20, loss: 0.12
    //> epoch 40, loss: 0.01
    //> 1.00  a wonderful plot
    //> 0.17  the cast is boring
    //> 0.06  splendid
    //> 0.09  tedious
    //> 0.35  nice
}

void with_vectors() {
    // The rows of words that have a vector begin with it, and are as wide as the vectors are. Files are read by
    // WordVectors::load("glove.6B.100d.txt").
    const WordVectors vectors = WordVectors::parse(vectors_text, "vectors");
    Rng rng(42);
    const EmbeddingPipeline pipeline = create_embedding_pipeline(texts, labels, rng, {.pretrained = &vectors});
    std::cout << to_string(pipeline.pretrained) << '\n';
    //> Pre-trained coverage: 13/23 (56.5%)

    // "splendid" stands near "lovely" and "tedious" near "boring" from the start. What the model learns of the one word
    // holds for the other, and it is right about words that nobody labelled. That is what vectors are for.
    const Classifier model(pipeline.embedding, 2, rng);
    train(model, pipeline);
    classify(model, pipeline);
    //> epoch 20, loss: 0.40
    //> epoch 40, loss: 0.09
    //> 0.90  a wonderful plot
    //> 0.36  the cast is boring
    //> 0.84  splendid
    //> 0.28  tedious
    //> 0.57  nice
}

}  // namespace

int main() {
    from_texts_to_a_batch();
    texts_as_they_come();
    without_vectors();
    with_vectors();
}
