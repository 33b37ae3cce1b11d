// Lesson 1: the embedding layer, a table of vectors that are looked up by id.
//
// A network computes with vectors, a text consists of words. An embedding joins the two: it is a table with a row for
// each word, a word is its row's number, and the rows are learned like any other weight. This lesson makes tables,
// looks rows up, and meets each option a table has. Lines that begin with //> are what the program prints.
#include <iostream>
#include <limits>
#include <stdexcept>

#include <embergrad/embergrad.hpp>

#include "lesson.hpp"
#include "number_text.hpp"

using namespace embergrad;
using namespace examples;

namespace {

void basic_usage() {
    // num_embeddings V = 1000 words, embedding_dim D = 128 numbers for each. All that is random comes from a generator
    // that we pass: the same seed gives the same table.
    Rng rng(42);
    const Embedding embedding(1000, 128, rng);
    std::cout << embedding.describe() << " has a weight of shape " << to_string(embedding.weight().shape()) << '\n';
    //> Embedding(1000, 128) has a weight of shape (1000, 128)

    // A tape holds the values of one run. An eval tape records nothing to go back through: all we want is to look.
    Tape tape(Mode::eval);
    const Var vectors = embedding(tape, {1, 5, 3, 7});
    std::cout << "four ids give " << to_string(vectors.shape()) << '\n';
    //> four ids give (4, 128)

    // Ids may have any shape; the result has one axis more. A batch of 2 texts of 3 words:
    const Var batch = embedding(tape, {{1, 2, 3}, {4, 5, 6}});
    std::cout << "ids of shape (2, 3) give " << to_string(batch.shape()) << '\n';
    //> ids of shape (2, 3) give (2, 3, 128)
    std::cout << "one id gives " << to_string(embedding(tape, IdArray::scalar(7)).shape()) << '\n';
    //> one id gives (128,)

    check(batch.value()(0, 2, 5) == embedding.weight().value()(3, 5), "a looked-up vector is the table's row");
}

void id_outside_the_table() {
    // An id that is no row is refused before anything has happened, and the message says which one it was and where:
    // most often a vocabulary and a table that do not belong together. Negative ids do not count from the end.
    Rng rng(42);
    const Embedding embedding(1000, 128, rng);
    Tape tape(Mode::eval);
    std::cout << refusal([&] { embedding(tape, {{1, 2, 3}, {4, 1000, 6}}); }) << '\n';
    //> embedding: id 1000 at position (1, 1) is outside a table of 1000 rows
}

// ---- padding_idx ---------------------------------------------------------------------------------------------------

void train_a_little(const Embedding& embedding, const IdArray& ids) {
    // Any loss will do here: the mean of the squares. Lesson 5 trains for a reason.
    Adam optimizer(embedding.parameters(), {.lr = 0.1, .weight_decay = 0.01});
    for (int step = 0; step < 5; ++step) {
        Tape tape(Mode::train);
        const Var vectors = embedding(tape, ids);
        optimizer.zero_grad();
        tape.backward(mean(vectors * vectors));
        optimizer.step();
    }
}

void padding_row() {
    // Texts of a batch are made equally long by an id that means nothing, the padding. Its row starts as zeros and gets
    // no gradient, so it stays zero however long we train. The row of any other word moves.
    Rng rng(42);
    const Embedding embedding(1000, 128, rng, {.padding_idx = 0});
    const Array before = embedding.weight().value();
    std::cout << "padding row: " << to_text(row(before, 0).first(3), 4) << " ...\n";
    //> padding row: 0.0000 0.0000 0.0000 ...

    const IdArray ids = {0, 1, 2, 0, 3};
    train_a_little(embedding, ids);
    Tape tape(Mode::eval);
    const Var sums = sum(embedding(tape, ids), 1);
    std::cout << "after 5 steps, sums of the vectors of 0 1 2 0 3: " << to_text(sums.value(), 2) << '\n';
    //> after 5 steps, sums of the vectors of 0 1 2 0 3: 0.00 4.69 -0.15 0.00 8.05
    check(same_row(before, embedding.weight().value(), 0), "the padding row has not moved");
    check(!same_row(before, embedding.weight().value(), 1), "the row of a word has");

    // A negative padding_idx counts from the end, as in Python: -1 is the last row.
    const Embedding last(1000, 128, rng, {.padding_idx = -1});
    std::cout << "padding_idx = -1 is row " << *last.padding_idx() << '\n';
    //> padding_idx = -1 is row 999
}

// ---- max_norm and norm_type ----------------------------------------------------------------------------------------

void limited_norm() {
    // max_norm bounds the length of vectors: a row that is longer is scaled to it when it is looked up, a shorter one
    // stays. On an eval tape only the copy that we get is scaled, on a training tape the table itself.
    const Array table = {{3, 4}, {Real(0.3), Real(0.4)}};  // of lengths 5 and 0.5
    const Embedding embedding = Embedding::from_pretrained(table, false, {.max_norm = 1});
    Tape eval(Mode::eval), train(Mode::train);
    const Var looked_at = embedding(eval, {0, 1});
    std::cout << "handed out: " << to_text(row(looked_at.value(), 0), 2) << " and "
              << to_text(row(looked_at.value(), 1), 2) << '\n';
    std::cout << "row 0 of the table after eval: " << to_text(row(embedding.weight().value(), 0), 2);
    embedding(train, {0, 1});
    std::cout << ", after train: " << to_text(row(embedding.weight().value(), 0), 2) << '\n';
    //> handed out: 0.60 0.80 and 0.30 0.40
    //> row 0 of the table after eval: 3.00 4.00, after train: 0.60 0.80

    // norm_type says what "long" means: p = 2 is Euclid's length, 1 the sum of |x|, infinity the largest |x|.
    for (const double p : {1.0, 2.0, std::numeric_limits<double>::infinity()}) {
        const Embedding other = Embedding::from_pretrained(table, false, {.max_norm = 1, .norm_type = p});
        std::cout << "(3, 4) with the " << fixed(p, 0)
                  << "-norm at most 1: " << to_text(row(other(eval, {0}).value(), 0), 2) << '\n';
    }
    //> (3, 4) with the 1-norm at most 1: 0.43 0.57
    //> (3, 4) with the 2-norm at most 1: 0.60 0.80
    //> (3, 4) with the inf-norm at most 1: 0.75 1.00
}

// ---- scale_grad_by_freq and sparse ---------------------------------------------------------------------------------

/// The table's gradient after a lookup of 1 1 1 2, when each number that was looked up has gradient 1.
void go_back_once(const Embedding& embedding) {
    Tape tape(Mode::train);
    tape.backward(sum(embedding(tape, {1, 1, 1, 2})));
}

void gradient_by_frequency() {
    // A word that occurs three times in a batch gets the sum of three gradients, so frequent words learn fastest. With
    // scale_grad_by_freq the sum is divided by the count: each word of the batch gets a mean.
    Rng rng(42);
    for (const bool scaled : {false, true}) {
        const Embedding embedding(4, 2, rng, {.scale_grad_by_freq = scaled});
        go_back_once(embedding);
        const Array& gradient = embedding.weight().grad();
        std::cout << (scaled ? "scaled:  " : "as it is:") << " row 1 " << to_text(row(gradient, 1), 1) << ", row 2 "
                  << to_text(row(gradient, 2), 1) << ", row 3 " << to_text(row(gradient, 3), 1) << '\n';
    }
    //> as it is: row 1 3.0 3.0, row 2 1.0 1.0, row 3 0.0 0.0
    //> scaled:   row 1 1.0 1.0, row 2 1.0 1.0, row 3 0.0 0.0
}

void sparse_gradient() {
    // Most of a gradient like that is zeros: only the rows of the batch have one. With sparse = true those rows are all
    // there is, which matters when V is a million. SGD and SparseAdam take such a gradient.
    Rng rng(42);
    const Embedding dense(10'000, 128, rng), sparse(10'000, 128, rng, {.sparse = true});
    go_back_once(dense);
    go_back_once(sparse);
    const RowGradient& gradient = sparse.weight().row_grad();
    std::cout << "dense gradient: " << thousands(dense.weight().grad().size())
              << " numbers, sparse: " << thousands(gradient.values().size()) << " in rows";
    for (const std::int64_t id : gradient.rows()) std::cout << ' ' << id;
    std::cout << '\n';
    //> dense gradient: 1,280,000 numbers, sparse: 512 in rows 1 1 1 2
}

}  // namespace

int main() {
    basic_usage();
    id_outside_the_table();
    padding_row();
    limited_norm();
    gradient_by_frequency();
    sparse_gradient();
}
