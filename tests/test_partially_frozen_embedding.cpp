// PartiallyFrozenEmbedding: which rows stay, and what files hold. That no optimizer moves them: test_frozen_rows.cpp.
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/layers/partially_frozen_embedding.hpp>
#include <embergrad/layers/sequential.hpp>
#include <embergrad/optim/adam.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

std::vector<double> row(const Array& table, std::size_t r) {
    const std::size_t d = table.shape()[1];
    return {table.data() + r * d, table.data() + (r + 1) * d};
}

void train(const PartiallyFrozenEmbedding& layer, int steps) {
    Adam optimizer(layer.parameters(), {.lr = 0.1, .weight_decay = 0.1});
    for (int step = 0; step < steps; ++step) {
        Tape tape;
        const Var rows = layer(tape, {0, 1, 2, 3, 4, 5});
        optimizer.zero_grad();
        tape.backward(rows, wave(rows.shape(), step));
        optimizer.step();
    }
}

/// A user's model around one.
class Around : public Module {
public:
    explicit Around(PartiallyFrozenEmbedding layer) : layer_(std::move(layer)) {}
    void visit(const Visitor& visit) const override { visit.child("words", layer_); }
    PartiallyFrozenEmbedding layer_;
};

}  // namespace

TEST_CASE("partially frozen embedding: frozen rows stay, in training, evaluation and when saved; others learn [12.5]") {
    const Array start = wave({6, 2});
    const PartiallyFrozenEmbedding layer(start, {5, 1, 3});
    train(layer, 4);
    Tape eval(Mode::eval);
    const Array looked_up = layer(eval, {0, 1, 2, 3, 4, 5}).value();
    const StateDict state = layer.state_dict();
    for (std::size_t r = 0; r < 6; ++r) {
        INFO("row ", r);
        CHECK((row(looked_up, r) == row(start, r)) == (r % 2 == 1));
        CHECK(row(state[1].second, r) == row(looked_up, r));
    }
    CHECK(row(state[0].second, 0) == row(start, 5));  // in the order of the indices
    CHECK(row(state[0].second, 1) == row(start, 1));
    CHECK(row(state[0].second, 2) == row(start, 3));
}

TEST_CASE("partially frozen embedding: names, counts and description [12.5]") {
    const PartiallyFrozenEmbedding layer(wave({6, 2}), {{5, 1}, {3, 5}});
    CHECK(layer.state_dict()[0].first == "frozen_weights");
    CHECK(layer.state_dict()[1].first == "embedding.weight");
    CHECK(layer.state_dict().size() == 2);
    CHECK(layer.parameter_count() == 12);
    CHECK(layer.trainable_parameter_count() == 6);
    check_ids(layer.frozen_indices(), {4}, {5, 1, 3, 5});
    CHECK(layer.embedding().weight().frozen_rows() == std::vector<std::int64_t>{1, 3, 5});
    CHECK(to_string(layer) ==
          "PartiallyFrozenEmbedding(3 of 6 rows frozen)                   12 (6 frozen)\n"
          "  embedding                                   Embedding(6, 2)  12 (6 frozen)\n");
}

TEST_CASE("partially frozen embedding: a file of the document's class, with rows that have drifted, is put right") {
    const PartiallyFrozenEmbedding layer(wave({6, 2}), {5, 1});
    const Array drifted = wave({6, 2}, 3), kept = wave({2, 2}, 7);
    layer.load_state_dict({{"frozen_weights", kept}, {"embedding.weight", drifted}});
    const Array& table = layer.embedding().weight().value();
    CHECK(row(table, 5) == row(kept, 0));
    CHECK(row(table, 1) == row(kept, 1));
    CHECK(row(table, 2) == row(drifted, 2));

    const Around model(PartiallyFrozenEmbedding(wave({6, 2}), {5, 1}));  // as a child too
    model.load_state_dict({{"words.frozen_weights", kept}, {"words.embedding.weight", drifted}});
    check_same(model.layer_.embedding().weight().value(), table);

    check_refused<std::invalid_argument>(
        [&] {
            layer.load_state_dict({{"frozen_weights", wave({3, 2})}, {"embedding.weight", drifted}});
        },
        "load_state_dict: the state does not fit; nothing was loaded:\n  size mismatch: frozen_weights is (2, 2) here "
        "and (3, 2) in the state");
}

TEST_CASE("partially frozen embedding: the caller's table is not trained") {
    const Array mine = wave({6, 2});
    const PartiallyFrozenEmbedding layer(mine, {0});
    train(layer, 1);
    check_same(mine, wave({6, 2}));
    CHECK(row(layer.embedding().weight().value(), 2) != row(mine, 2));
}

TEST_CASE("partially frozen embedding: no rows, all rows, and rows that are not there") {
    const PartiallyFrozenEmbedding none(wave({6, 2}), IdArray()), all(wave({6, 2}), {0, 1, 2, 3, 4, 5});
    CHECK(none.trainable_parameter_count() == 12);
    CHECK(all.trainable_parameter_count() == 0);
    train(all, 2);
    check_same(all.embedding().weight().value(), wave({6, 2}));
    check_refused<std::out_of_range>(
        [] {
            PartiallyFrozenEmbedding(wave({6, 2}), {1, 6});
        },
        "Parameter: row 6 at position 1 cannot be frozen: there are 6 rows");
    check_refused<std::invalid_argument>([] { PartiallyFrozenEmbedding(wave({6}), {1}); },
                                         "Embedding::from_pretrained: the table must be (V, D), not (6,)");
}

TEST_CASE("partially frozen embedding: options are the embedding's") {
    const PartiallyFrozenEmbedding layer(ones({6, 2}), {1}, {.padding_idx = 0, .sparse = true});
    Tape tape;
    tape.backward(sum(layer(tape, {0, 1, 2})));
    CHECK(layer.embedding().weight().row_grad().rows() == std::vector<std::int64_t>{2});
}

TEST_CASE("partially frozen embedding: what was unfrozen and learned, or written, survives saving and loading") {
    const PartiallyFrozenEmbedding layer(wave({6, 2}), {5, 1});
    layer.embedding().unfreeze_rows({1});
    train(layer, 2);
    const Array learned = layer.embedding().weight().value();
    CHECK(row(learned, 1) != row(wave({6, 2}), 1));
    CHECK(row(layer.state_dict()[0].second, 1) == row(learned, 1));  // the buffer says what the table says
    layer.load_state_dict(layer.state_dict());
    check_same(layer.embedding().weight().value(), learned);

    layer.embedding().init_zeros();
    layer.load_state_dict(layer.state_dict());
    check_same(layer.embedding().weight().value(), zeros({6, 2}));

    layer.load_state_dict({{"embedding.weight", wave({6, 2}, 3)}}, false);  // of a plain Embedding: taken whole
    check_same(layer.embedding().weight().value(), wave({6, 2}, 3));
}
