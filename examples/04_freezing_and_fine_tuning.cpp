// Lesson 4: which weights are trained, and how fast.
//
// Vectors that somebody else has trained on billions of words are spoilt quickly by a few thousand texts of one's own.
// One can keep them as they are (freeze), let them follow slowly (fine-tune with a small learning rate), or keep the
// rows of known words and train those of new ones. This lesson does each and looks at what has moved.
#include <cmath>
#include <cstddef>
#include <iostream>

#include <embergrad/embergrad.hpp>

#include "lesson.hpp"
#include "number_text.hpp"

using namespace embergrad;
using namespace examples;

namespace {

/// A pre-trained (V, D) table: here, random numbers in its place.
Array pretrained_weights(std::size_t v, std::size_t d) {
    Rng rng(7);
    const Parameter table(Array(Shape{v, d}));
    init::normal(table, rng);
    return table.value();
}

/// One step forward and back: gradients of the mean of the squares of what these ids give.
template <class Layer>
void go_back(const Layer& layer, const IdArray& ids) {
    Tape tape(Mode::train);
    const Var vectors = layer(tape, ids);
    tape.backward(mean(vectors * vectors));
}

void freeze() {
    // Three ways to freeze a table; they do the same. A frozen table gets no gradient, and no optimizer moves it.
    Rng rng(42);
    const Embedding trained_before(1000, 128, rng);
    trained_before.weight().set_requires_grad(false);  // 1: at any time, before or between steps

    const Embedding from_the_start(1000, 128, rng);
    from_the_start.set_requires_grad(false);  // 2: all parameters of a layer or of a model, as soon as it is made

    const bool freeze = true;
    const Embedding pretrained = Embedding::from_pretrained(pretrained_weights(1000, 128), freeze);  // 3: as it comes

    for (const Embedding& embedding : {trained_before, from_the_start, pretrained}) {
        std::cout << "requires_grad: " << embedding.weight().requires_grad()
                  << ", trained: " << embedding.trainable_parameter_count() << " of "
                  << thousands(embedding.parameter_count()) << '\n';
    }
    //> requires_grad: false, trained: 0 of 128,000
    //> requires_grad: false, trained: 0 of 128,000
    //> requires_grad: false, trained: 0 of 128,000
}

void unfreeze() {
    // A common plan: train the new layers on top of a frozen table, then let the table follow. The optimizer is given
    // all parameters from the beginning; it passes over those that have no gradient.
    Rng rng(42);
    const bool freeze = true;
    const Embedding embedding = Embedding::from_pretrained(pretrained_weights(1000, 128), freeze);
    const Linear linear(128, 5, rng);
    Adam optimizer({ParamGroup{.params = embedding.parameters()}, ParamGroup{.params = linear.parameters()}});
    const auto step = [&] {
        Tape tape(Mode::train);
        optimizer.zero_grad();
        tape.backward(cross_entropy(linear(embedding(tape, {1, 2, 3})), {0, 1, 2}));
        optimizer.step();
    };

    const Array before = embedding.weight().value();
    step();
    check(same_row(embedding.weight().value(), before, 1), "a frozen table stays");
    embedding.weight().set_requires_grad(true);
    step();
    check(!same_row(embedding.weight().value(), before, 1), "an unfrozen one is trained");
    std::cout << "requires_grad: " << embedding.weight().requires_grad() << ", row 1 has moved\n";
    //> requires_grad: true, row 1 has moved
}

// ---- single rows ---------------------------------------------------------------------------------------------------

const IdArray kAllRows = {0, 1, 2, 3, 4, 5};

void train(const Embedding& embedding, int steps) {
    Adam optimizer(embedding.parameters(), {.lr = 0.1, .weight_decay = 0.01});
    for (int step = 0; step < steps; ++step) {
        optimizer.zero_grad();
        go_back(embedding, kAllRows);
        optimizer.step();
    }
}

void print_moved(const Embedding& embedding, const Array& before) {
    for (std::size_t i = 0; i < embedding.num_embeddings(); ++i)
        std::cout << (same_row(embedding.weight().value(), before, i) ? " same" : " moved");
    std::cout << '\n';
}

void frozen_rows() {
    // Some rows of a table can be frozen while the others are trained: common words keep their vectors, the words of
    // one's own field learn theirs. The bits of a frozen row stay the same whatever an optimizer adds to a step: Adam's
    // momentum and weight decay too.
    const bool freeze = false;
    const Array pretrained = pretrained_weights(6, 4);
    const Embedding embedding = Embedding::from_pretrained(pretrained, freeze);
    embedding.freeze_rows({5, 1, 3});
    std::cout << "trained: " << embedding.trainable_parameter_count() << " of " << embedding.parameter_count() << '\n';
    train(embedding, 10);
    std::cout << "rows 0 to 5 after 10 steps:";
    print_moved(embedding, pretrained);
    embedding.unfreeze_rows({3});  // without an argument: all
    train(embedding, 10);
    std::cout << "with row 3 unfrozen, after 10 more:";
    print_moved(embedding, pretrained);
    //> trained: 12 of 24
    //> rows 0 to 5 after 10 steps: moved same moved same moved same
    //> with row 3 unfrozen, after 10 more: moved same moved moved moved same
}

void gradients_of_frozen_rows() {
    // A frozen row has no gradient either. That matters for clipping, which scales all gradients by their common norm:
    // rows that do not move anyway must not slow the others down.
    const bool freeze = false;
    const Embedding embedding = Embedding::from_pretrained(pretrained_weights(6, 4), freeze);
    embedding.freeze_rows({5, 1, 3});
    go_back(embedding, kAllRows);
    const Array& gradient = embedding.weight().grad();
    std::cout << "gradient of row 3: " << to_text(row(gradient, 3), 3) << '\n';
    std::cout << "gradient of row 4: " << to_text(row(gradient, 4), 3) << '\n';

    double squares = 0;
    for (const std::size_t trained : {0u, 2u, 4u}) {
        for (const Real g : row(gradient, trained)) squares += static_cast<double>(g) * static_cast<double>(g);
    }
    const double norm = clip_grad_norm(embedding.parameters(), 0.1);
    std::cout << "norm of rows 0 2 4: " << fixed(std::sqrt(squares), 3) << ", that is clipped: " << fixed(norm, 3)
              << '\n';
    //> gradient of row 3: 0.000 0.000 0.000 0.000
    //> gradient of row 4: 0.020 0.046 0.010 -0.039
    //> norm of rows 0 2 4: 0.283, that is clipped: 0.283
}

void partially_frozen_embedding() {
    // The document's class for the same purpose. It adds one thing to freeze_rows: the frozen rows are saved beside the
    // table, under the names that the document's class gives them, so that files travel both ways.
    const PartiallyFrozenEmbedding embedding(pretrained_weights(1000, 128), {5, 1, 3});
    std::cout << embedding;
    for (const auto& [name, array] : embedding.state_dict())
        std::cout << "saved: " << name << ' ' << to_string(array.shape()) << '\n';
    //> PartiallyFrozenEmbedding(3 of 1000 rows frozen)                        128,000 (384 frozen)
    //>   embedding                                      Embedding(1000, 128)  128,000 (384 frozen)
    //> saved: frozen_weights (3, 128)
    //> saved: embedding.weight (1000, 128)

    const Array before = embedding.embedding().weight().value();
    Adam optimizer(embedding.parameters(), {.weight_decay = 0.01});
    go_back(embedding, {1, 2, 3, 4, 5});
    optimizer.step();
    const Array& after = embedding.embedding().weight().value();
    check(same_row(after, before, 1) && same_row(after, before, 3) && same_row(after, before, 5), "frozen rows stay");
    check(!same_row(after, before, 2), "the others are trained");
}

// ---- learning rates ------------------------------------------------------------------------------------------------

void differential_learning_rates() {
    // Between frozen and free: a pre-trained table that follows slowly. Each group of parameters has its own options;
    // what it does not say, it takes from the optimizer's. Adam's first step moves every number by its group's lr.
    Rng rng(42);
    const Embedding embedding(1000, 128, rng);
    const Linear other_layer(128, 64, rng);
    Adam optimizer({ParamGroup{.params = embedding.parameters(), .lr = 1e-5},  // slow for the embeddings
                    ParamGroup{.params = other_layer.parameters()}},           // the optimizer's own for the rest
                   {.lr = 1e-3});

    const Real table = embedding.weight().value()(1, 0), weight = other_layer.weight().value()(0, 0);
    Tape tape(Mode::train);
    tape.backward(mean(other_layer(embedding(tape, {1, 5, 3, 7}))));
    optimizer.step();
    const Real table_move = embedding.weight().value()(1, 0) - table;
    const Real weight_move = other_layer.weight().value()(0, 0) - weight;
    std::cout << "one step moves the table by " << fixed(std::abs(table_move), 5) << ", the linear layer by "
              << fixed(std::abs(weight_move), 5) << '\n';
    //> one step moves the table by 0.00001, the linear layer by 0.00100

    // Options may change between steps: here the table is allowed more from now on.
    optimizer.param_groups()[0].lr = 1e-4;
}

}  // namespace

int main() {
    std::cout << std::boolalpha;  // true and false, not 1 and 0
    freeze();
    unfreeze();
    frozen_rows();
    gradients_of_frozen_rows();
    partially_frozen_embedding();
    differential_learning_rates();
}
