// Lesson 1: the embedding layer, a table of vectors that are looked up by id.
//
// A network computes with vectors, a text consists of words. An embedding joins the two: it is a table with a row for
// each word, a word is its row's number, and the rows are learned like any other weight. This lesson makes tables,
// looks rows up, and meets the options a table has. Lines that begin with //> are what the program prints.
#include <iostream>

#include <embergrad/embergrad.hpp>

#include "lesson.hpp"
#include "number_text.hpp"

using namespace embergrad;
using namespace examples;

namespace {

void basic_usage() {
    // V = 1000 words, each with a vector of D = 128 numbers. All that is random comes from a generator that we pass:
    // the same seed gives the same table.
    Rng rng(42);
    const Embedding embedding(1000, 128, rng);
    std::cout << "weight: " << to_string(embedding.weight().shape()) << '\n';
    //> weight: (1000, 128)

    // A tape holds the values of one run. An eval tape records nothing to go back through: all we want is to look.
    Tape tape(Mode::eval);
    const Var vectors = embedding(tape, {1, 5, 3, 7});
    std::cout << "four ids: " << to_string(vectors.shape()) << '\n';
    //> four ids: (4, 128)

    // Ids may have any shape; the result has one axis more. A batch of 2 texts of 3 words:
    const Var batch = embedding(tape, {{1, 2, 3}, {4, 5, 6}});
    std::cout << "a batch of ids (2, 3): " << to_string(batch.shape()) << '\n';
    //> a batch of ids (2, 3): (2, 3, 128)
    std::cout << "one id: " << to_string(embedding(tape, IdArray::scalar(7)).shape()) << '\n';
    //> one id: (128,)

    check(batch.value()(0, 2, 5) == embedding.weight().value()(3, 5), "a looked-up vector is the table's row");
}

}  // namespace

int main() { basic_usage(); }
