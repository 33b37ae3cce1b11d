// Lesson 2: the numbers a table starts with.
//
// Before training, a word's vector is drawn at random: words must differ, or the network could not tell them apart. How
// far apart they start is a choice, and it matters: on the TREC questions the classifier of lesson 5 reaches 82 % from
// the default N(0, 1) and 87 % from N(0, 0.1). This lesson draws tables in all the usual ways and measures them.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <string>

#include <embergrad/embergrad.hpp>

#include "lesson.hpp"
#include "number_text.hpp"

using namespace embergrad;
using namespace examples;

namespace {

struct Spread {
    double mean = 0, std = 0, largest = 0;  // the largest |x|
};

Spread spread_of(const Array& values) {
    const auto n = static_cast<double>(values.size());
    Spread spread;
    for (const Real x : values) spread.mean += static_cast<double>(x) / n;
    for (const Real x : values) {
        const double distance = static_cast<double>(x) - spread.mean;
        spread.std += distance * distance / (n - 1);
        spread.largest = std::max(spread.largest, std::abs(static_cast<double>(x)));
    }
    spread.std = std::sqrt(spread.std);
    return spread;
}

void print_spread(const std::string& name, const Embedding& embedding) {
    const Spread spread = spread_of(embedding.weight().value());
    std::cout << left(name, 20) << "std " << fixed(spread.std, 4) << ", largest " << fixed(spread.largest, 4) << '\n';
}

void default_initialization() {
    // A new table comes from the normal distribution N(0, 1): mean 0, standard deviation 1. The 128,000 numbers drawn
    // here have nearly that.
    Rng rng(42);
    const Embedding embedding(1000, 128, rng);
    const Spread spread = spread_of(embedding.weight().value());
    std::cout << "Mean: " << fixed(spread.mean, 4) << "\nStd: " << fixed(spread.std, 4) << '\n';
    //> Mean: 0.0003
    //> Std: 1.0009
    check(near(spread.mean, 0, 0.02) && near(spread.std, 1, 0.02), "the default is N(0, 1)");
}

void custom_initialization() {
    // init:: holds functions that fill a parameter in place, as torch.nn.init does: a table's or any other one.
    Rng rng(42);
    const Embedding embedding(1000, 128, rng);
    const Parameter& table = embedding.weight();

    init::uniform(table, rng, -0.1, 0.1);  // each number between -0.1 and 0.1 is as likely as the other
    print_spread("uniform", embedding);
    init::xavier_uniform(table, rng);  // within sqrt(6 / (V + D)) = 0.0729: the larger the table, the smaller
    print_spread("xavier_uniform", embedding);
    init::normal(table, rng, 0, 0.01);  // a bell around 0, narrow
    print_spread("normal, std 0.01", embedding);
    init::fan_in_uniform(table, rng);  // within 1 / sqrt(D) = 0.0884: vectors of about one length, whatever D is
    print_spread("1 / sqrt(D)", embedding);
    //> uniform             std 0.0577, largest 0.1000
    //> xavier_uniform      std 0.0422, largest 0.0729
    //> normal, std 0.01    std 0.0100, largest 0.0436
    //> 1 / sqrt(D)         std 0.0509, largest 0.0884

    check(spread_of(table.value()).largest <= 1 / std::sqrt(128.0), "fan_in_uniform stays within 1 / sqrt(D)");
}

void zeros() {
    // Zeros are no start for training: all words are the same word. At worst nothing is ever learned: below, two tables
    // score a word in a context by the product of their vectors, as word2vec does. The gradient of each table is the
    // other's vector, which is zero, at every step, for good.
    Rng rng(42);
    const Embedding words(10, 4, rng), contexts(10, 4, rng);
    words.init_zeros();
    contexts.init_zeros();
    Tape tape(Mode::train);
    tape.backward(sum(words(tape, {1, 2}) * contexts(tape, {3, 4})));
    std::cout << "zeros: the largest gradient is " << fixed(spread_of(words.weight().grad()).largest, 1) << '\n';
    //> zeros: the largest gradient is 0.0
}

void padding_row() {
    // The functions of init:: overwrite every row, the padding row too. The layer has the same draws as functions of
    // its own, init_normal, init_uniform and so on: they make the padding row zero again.
    Rng rng(42);
    const Embedding embedding(1000, 128, rng, {.padding_idx = 0});
    init::normal(embedding.weight(), rng, 0, 0.1);
    std::cout << "padding row after init::normal: " << to_text(row(embedding.weight().value(), 0).first(3), 3) << '\n';
    embedding.init_normal(rng, 0, 0.1);
    std::cout << "padding row after init_normal:  " << to_text(row(embedding.weight().value(), 0).first(3), 3) << '\n';
    //> padding row after init::normal: -0.058 0.076 -0.162
    //> padding row after init_normal:  0.000 0.000 0.000

    // With the same seed the other rows are the same numbers, whichever way they were drawn.
    const Embedding other(1000, 128, rng);
    Rng one(7), two(7);
    embedding.init_normal(one, 0, 0.1);
    init::normal(other.weight(), two, 0, 0.1);
    check(same_row(embedding.weight().value(), other.weight().value(), 1), "the layer draws what the function draws");
}

void your_own() {
    // Any function that fills a table will do: init_with calls it and then makes the padding row zero. This one gives
    // each vector the length 1.
    Rng rng(42);
    const Embedding embedding(1000, 128, rng, {.padding_idx = 0});
    embedding.init_with([&](const Parameter& table) {
        init::normal(table, rng);
        const std::size_t d = embedding.embedding_dim();
        Real* x = table.mutable_value().data();
        for (std::size_t i = 0; i < embedding.num_embeddings(); ++i, x += d) {
            double squares = 0;
            for (std::size_t j = 0; j < d; ++j) squares += static_cast<double>(x[j]) * static_cast<double>(x[j]);
            for (std::size_t j = 0; j < d; ++j) x[j] /= static_cast<Real>(std::sqrt(squares));
        }
    });

    Tape tape(Mode::eval);
    const Var vectors = embedding(tape, {0, 1, 2});
    std::cout << "lengths of rows 0 1 2: " << to_text(sqrt(sum(vectors * vectors, 1)).value(), 4) << '\n';
    //> lengths of rows 0 1 2: 0.0000 1.0000 1.0000
}

}  // namespace

int main() {
    default_initialization();
    custom_initialization();
    zeros();
    padding_row();
    your_own();
}
