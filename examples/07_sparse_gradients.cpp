// Lesson 7: gradients by rows, for tables so large that a step must not look at all of them.
//
// A batch looks up some thousand rows of a table that may have millions. The gradient of all other rows is zero, and
// to write those zeros, and to step over them, costs far more than the batch itself. `sparse = true` keeps the rows
// that were looked up and nothing else. This lesson takes the document's table, 1,000,000 x 128, and shows what a
// gradient by rows weighs, what SGD and SparseAdam do with it, and where SparseAdam is not Adam.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include <embergrad/embergrad.hpp>

#include "lesson.hpp"
#include "number_text.hpp"

using namespace embergrad;
using namespace examples;

namespace {

// In a build with real = double a number takes twice the room: half the rows keep this program below 2 GB.
constexpr std::size_t kRows = sizeof(Real) == 4 ? 1'000'000 : 500'000;
constexpr std::size_t kWidth = 128;
constexpr Real kStart = 0.5;  // every number of the table

// The document's line is Embedding(1'000'000, 128, rng, {.sparse = true}). It draws 128 million normal numbers, which
// takes some seconds. A table that starts with one number everywhere is there at once, and easy to watch: whatever is
// not 0.5 has moved.
Embedding make_table() { return Embedding::from_pretrained(full({kRows, kWidth}, kStart), false, {.sparse = true}); }

// 32 texts of 50 words. As in real texts, low ids (frequent words) come more often than high ones.
IdArray make_batch(Rng& rng) {
    IdArray ids(Shape{32, 50});
    for (std::int64_t& id : ids) {
        const double u = rng.uniform();
        id = static_cast<std::int64_t>(u * u * u * u * static_cast<double>(kRows));
    }
    return ids;
}

std::set<std::int64_t> different(const IdArray& ids) { return {ids.begin(), ids.end()}; }

// The sum of all vectors as a loss: each lookup then adds a gradient of 1 to each number of its row.
void backward_through(const Embedding& embedding, const IdArray& ids) {
    Tape tape(Mode::train);
    tape.backward(sum(embedding(tape, ids)));
}

void a_gradient_by_rows(const Embedding& embedding, const IdArray& ids) {
    std::cout << "table: " << to_string(embedding.weight().shape()) << ", " << thousands(embedding.weight().size())
              << " numbers\n";
    std::cout << "lookups: " << thousands(ids.size()) << ", of " << thousands(different(ids).size()) << " rows\n";
    //> table: (1000000, 128), 128,000,000 numbers
    //> lookups: 1,600, of 1,482 rows

    // The gradient is a list of rows and their values. A row that was looked up twice is in it twice.
    backward_through(embedding, ids);
    check(embedding.weight().gradient_kind() == GradientKind::rows, "sparse = true leaves a gradient by rows");
    RowGradient gradient = embedding.weight().row_grad();
    std::cout << "values of the gradient: " << to_string(gradient.values().shape()) << '\n';
    //> values of the gradient: (1600, 128)

    // To coalesce it is to sum those up. An optimizer does so by itself.
    gradient.coalesce();
    std::cout << "coalesced: " << to_string(gradient.values().shape()) << '\n';
    //> coalesced: (1482, 128)
    check(gradient.size() == different(ids).size(), "each row is there once");

    // Each row takes 128 numbers of 4 bytes and an id of 8; a dense gradient is as large as the table.
    const std::size_t by_rows = ids.size() * (kWidth * sizeof(Real) + sizeof(std::int64_t));
    const std::size_t dense = embedding.weight().size() * sizeof(Real);
    std::cout << "bytes by rows: " << thousands(by_rows) << ", dense: " << thousands(dense) << '\n';
    //> bytes by rows: 832,000, dense: 512,000,000
}

// How many rows hold a number that is not the one the table began with: equal is equal to the last bit here.
std::size_t rows_that_moved(const Embedding& embedding) {
    const Real* row = embedding.weight().value().data();
    std::size_t moved = 0;
    for (std::size_t i = 0; i < kRows; ++i, row += kWidth) {
        if (std::any_of(row, row + kWidth, [](Real x) { return x != kStart; })) ++moved;
    }
    return moved;
}

void sgd_touches_the_batch(const Embedding& embedding, const IdArray& ids) {
    // SGD without momentum subtracts lr times the gradient: nothing to do for a row that has none. The numbers are
    // those of a dense gradient, bit for bit. (With momentum they are too; then every row that ever had a gradient
    // keeps moving, and steps grow dearer.)
    SGD optimizer(embedding.parameters(), {.lr = 0.01});
    optimizer.step();
    optimizer.zero_grad();
    const std::size_t moved = rows_that_moved(embedding);
    std::cout << "SGD moved " << thousands(moved) << " rows of " << thousands(kRows) << '\n';
    //> SGD moved 1,482 rows of 1,000,000
    check(moved == different(ids).size(), "SGD moves the rows of the batch and no other");

    // A row that came c times moved by lr * c.
    const std::int64_t id = ids(0, 0);
    const auto times = static_cast<double>(std::count(ids.begin(), ids.end(), id));
    const double expected = kStart - 0.01 * times;
    check(near(embedding.weight().value()(static_cast<std::size_t>(id), 0), expected, 1e-6), "by its count times lr");
}

void sparse_adam_touches_the_batch(const Embedding& embedding, const IdArray& ids) {
    // Adam keeps two moments of each number, so SparseAdam holds three tables in all: that is its price. But a step
    // reads and writes the rows of the batch only.
    embedding.init_with([](const Parameter& table) { init::constant(table, kStart); });
    backward_through(embedding, ids);
    SparseAdam optimizer(embedding.parameters(), {.lr = 0.001});
    optimizer.step();
    const std::size_t moved = rows_that_moved(embedding);
    std::cout << "SparseAdam moved " << thousands(moved) << " rows of " << thousands(kRows) << '\n';
    //> SparseAdam moved 1,482 rows of 1,000,000
    check(moved == different(ids).size(), "SparseAdam moves the rows of the batch and no other");
    check(near(embedding.weight().value()(static_cast<std::size_t>(ids(0, 0)), 0), kStart - 0.001, 1e-6),
          "the first step is lr long, whatever the gradient");
}

// How far row 0 of a small table has moved after 10 steps, in units of lr, if only the first looks it up.
template <class Optimizer>
double path_of_row_0(bool sparse) {
    const Embedding embedding = Embedding::from_pretrained(zeros({2, 4}), false, {.sparse = sparse});
    Optimizer optimizer(embedding.parameters(), {.lr = 0.001});
    for (int step = 0; step < 10; ++step) {
        optimizer.zero_grad();
        backward_through(embedding, step == 0 ? IdArray{0} : IdArray{1});
        optimizer.step();
    }
    return -embedding.weight().value()(0, 0) / 0.001;
}

void sparse_adam_is_not_adam() {
    // Adam goes on with its momentum where the gradient has become zero: a word that was met once drifts for many
    // steps. SparseAdam lets it stand, and its moments too, until the word is met again.
    std::cout << "a row met once, 10 steps later: Adam " << fixed(path_of_row_0<Adam>(false), 2) << " lr, SparseAdam "
              << fixed(path_of_row_0<SparseAdam>(true), 2) << " lr\n";
    //> a row met once, 10 steps later: Adam 4.19 lr, SparseAdam 1.00 lr
}

void what_does_not_fit_is_refused() {
    // Adam would have to move rows that the gradient does not even name. It says so, and nothing has changed.
    const Embedding embedding = Embedding::from_pretrained(zeros({3, 4}), false, {.sparse = true});
    backward_through(embedding, {0, 2});
    Adam adam(embedding.parameters());
    check(refusal([&] { adam.step(); }).ends_with("consider SparseAdam instead"), "Adam names what to use");
    check(embedding.weight().value() == zeros({3, 4}), "nothing has changed");

    // SparseAdam is as strict with a dense gradient. Weight decay moves every row at every step, so SGD has none for a
    // gradient by rows.
}

void rows_divided_by_their_counts() {
    // A frequent word collects a large gradient. scale_grad_by_freq divides it by how often the word came: a mean. (In
    // PyTorch only a dense gradient can be divided.)
    const Embedding embedding =
        Embedding::from_pretrained(zeros({3, 4}), false, {.scale_grad_by_freq = true, .sparse = true});
    backward_through(embedding, {2, 0, 2, 2, 2});
    RowGradient gradient = embedding.weight().row_grad();
    std::cout << "one of four lookups of row 2: " << fixed(gradient.values()(0, 0), 2) << '\n';
    //> one of four lookups of row 2: 0.25
    gradient.coalesce();
    check(gradient.values() == ones({2, 4}), "rows that came once and four times have the same gradient");
}

}  // namespace

int main() {
    Rng rng(42);
    const Embedding embedding = make_table();
    const IdArray ids = make_batch(rng);
    a_gradient_by_rows(embedding, ids);
    sgd_touches_the_batch(embedding, ids);
    sparse_adam_touches_the_batch(embedding, ids);
    sparse_adam_is_not_adam();
    what_does_not_fit_is_refused();
    rows_divided_by_their_counts();
}
