// The masked mean of a lookup in one op: the same numbers, gradients and refusals as the two ops it stands for.
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "support.hpp"
#include "threads.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

Var two_ops(Tape& tape, const Parameter& table, const IdArray& ids, const IdArray& lengths,
            const EmbeddingOptions& options) {
    return masked_mean(embedding(tape, table, ids, options), lengths);
}

/// A table, a batch of texts and their lengths, and how to look them up.
struct Case {
    Array table;
    IdArray ids, lengths;
    EmbeddingOptions options = {};
    IdArray frozen = {};
    TapeOptions tape = {};
    std::string text = {};  // of what was drawn
};

Case random_case(std::uint64_t seed) {
    Rng rng(seed);
    const auto below = [&](std::uint64_t n) { return static_cast<std::size_t>(rng.below(n)); };
    const std::size_t v = 1 + below(12), b = below(6), l = below(3) == 0 ? below(80) : below(6),
                      d = below(4) == 0 ? 0 : 1 + below(140);
    Case c{.table = random_array({v, d}, rng, -2, 2), .ids = IdArray(Shape{b, l}), .lengths = IdArray(Shape{b})};
    for (std::int64_t& id : c.ids) id = static_cast<std::int64_t>(below(v));
    for (std::int64_t& length : c.lengths)
        length = static_cast<std::int64_t>(below(3) == 0 ? below(2) * l : below(l + 1));
    if (below(3) > 0) c.options.padding_idx = static_cast<std::int64_t>(below(2 * v)) - static_cast<std::int64_t>(v);
    if (below(3) == 0) c.options.max_norm = rng.uniform(0, 3);
    if (below(2) == 0) c.options.norm_type = rng.uniform(0.5, 3);
    c.options.scale_grad_by_freq = below(3) == 0;
    c.options.sparse = below(2) == 0;
    if (below(3) == 0) c.frozen = {static_cast<std::int64_t>(below(v))};
    c.tape = {.record = below(4) > 0, .training = below(3) > 0};
    c.text =
        "seed " + std::to_string(seed) + ": table " + to_string(c.table.shape()) + ", ids " + to_string(c.ids.shape());
    return c;
}

struct Outcome {
    Array value;
    Parameter table;  // with its gradient
};

template <class Op>
Outcome outcome(const Case& c, Op op) {
    const Parameter table(c.table);
    table.freeze_rows(c.frozen);
    Tape tape(c.tape);
    const Var y = op(tape, table, c.ids, c.lengths, c.options);
    if (c.tape.record) tape.backward(y, wave(y.shape(), 10));
    return {y.value(), table};
}

void check_same_gradient(const Parameter& actual, const Parameter& expected) {
    REQUIRE(actual.gradient_kind() == expected.gradient_kind());
    if (expected.gradient_kind() == GradientKind::dense) check_same(actual.grad(), expected.grad());
    if (expected.gradient_kind() != GradientKind::rows) return;
    CHECK(actual.row_grad().rows() == expected.row_grad().rows());
    check_same(actual.row_grad().values(), expected.row_grad().values());
    CHECK(actual.row_grad().coalesced() == expected.row_grad().coalesced());
}

void check_as_two_ops(const Case& c) {
    INFO(c.text);
    const Outcome one = outcome(c, embedding_masked_mean), two = outcome(c, two_ops);
    check_arrays_near(one.value, two.value);  // the sums are added up in blocks of other sizes
    check_same(one.table.value(), two.table.value());
    check_same_gradient(one.table, two.table);
    CHECK(one.table.version() == two.table.version());
}

/// What is thrown, by type and text; "" if nothing is.
template <class F>
std::string thrown(F f) {
    try {
        f();
    } catch (const std::exception& error) {
        return std::string(typeid(error).name()) + ": " + error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("embedding_masked_mean: random lookups with every option are the two ops, the gradients bit for bit") {
    for (std::uint64_t seed = 1; seed <= 600; ++seed) check_as_two_ops(random_case(seed));
}

TEST_CASE("embedding_masked_mean: many texts, the same bits with one thread as with three") {
    for (const bool sparse : {false, true}) {
        Rng rng(7);
        Case c{.table = random_array({90, 33}, rng), .ids = IdArray(Shape{330, 100}), .lengths = IdArray(Shape{330})};
        for (std::int64_t& id : c.ids) id = static_cast<std::int64_t>(rng.below(90));
        for (std::int64_t& length : c.lengths) length = static_cast<std::int64_t>(rng.below(101));
        c.options = {.padding_idx = 4, .scale_grad_by_freq = true, .sparse = sparse};
        std::optional<Array> alone;
        for (const int threads : {1, 3}) {
            const Threads scope(threads);
            const Array value = outcome(c, embedding_masked_mean).value;
            CHECK(scope.has_shared() == (threads > 1));
            check_as_two_ops(c);
            if (alone) check_same(value, *alone);
            alone = value;
        }
    }
}

TEST_CASE("embedding_masked_mean: the gradient over all rows, padding within a length and texts of length 0 included") {
    for (const bool sparse : {false, true}) {
        for (const IdArray& lengths : {IdArray{3, 0, 2}, IdArray{1, 3, 3}, IdArray{0, 0, 0}}) {
            Rng rng(1);
            const IdArray ids = {{1, 4, 1}, {2, 2, 0}, {3, 1, 0}};
            const Parameter table = random_parameter({5, 3}, rng);
            check_gradient({table}, [&](Tape& tape) {
                return embedding_masked_mean(tape, table, ids, lengths, {.sparse = sparse});
            });
        }
    }
}

TEST_CASE("embedding_masked_mean: padding within a length counts in the mean and gets no gradient") {
    const Parameter table(array({3, 2}, {8, 9, 1, 2, 3, 6}));
    Tape tape;
    const Var y = embedding_masked_mean(tape, table, {{1, 0, 2, 2}, {2, 1, 0, 0}}, {3, 0}, {.padding_idx = 0});
    check_near(y.value(), {4, 17.0 / 3, 0, 0});
    tape.backward(y, array({2, 2}, {3, 6, 1, 1}));
    check_near(table.grad(), {0, 0, 1, 2, 1, 2});
}

TEST_CASE("embedding_masked_mean: by rows, positions behind a length have zeros and padding has no row") {
    const Parameter table(wave({3, 2}));
    Tape tape;
    tape.backward(embedding_masked_mean(tape, table, {{1, 0, 2, 2}}, {3}, {.padding_idx = 0, .sparse = true}),
                  array({1, 2}, {3, 6}));
    CHECK(table.row_grad().rows() == std::vector<std::int64_t>{1, 2, 2});
    check_near(table.row_grad().values(), {1, 2, 1, 2, 0, 0});
}

TEST_CASE("embedding_masked_mean: a table that is looked up twice, and ids and lengths that change after the call") {
    const auto gradient = [](auto op) {
        const Parameter table(wave({4, 3}));
        Tape tape;
        IdArray ids = {{1, 3, 0}, {2, 1, 1}}, lengths = {2, 3};
        const Var a = op(tape, table, ids, lengths, {.padding_idx = 3});
        ids.fill(0), lengths.fill(0);
        const Var b = embedding(tape, table, {1, 2});
        tape.backward(sum(a * b));
        return table.grad();
    };
    check_arrays_near(gradient(embedding_masked_mean), gradient(two_ops));
}

TEST_CASE("embedding_masked_mean: refuses what the two ops refuse, in their words, before max_norm has changed a row") {
    const EmbeddingOptions options{.max_norm = 0.1};
    const auto check = [](const Shape& shape, const IdArray& ids, const IdArray& lengths, const EmbeddingOptions& o,
                          const std::string& text) {
        const Parameter table(wave(shape));
        Tape tape;
        const std::string one = thrown([&] { embedding_masked_mean(tape, table, ids, lengths, o); });
        CHECK(table.version() == 0);
        CHECK(one == thrown([&] { two_ops(tape, table, ids, lengths, o); }));
        CHECK(one.ends_with(": " + text));
    };
    const IdArray ids = {{1, 2, 0}, {2, 1, 0}};
    check({3, 2}, ids, {1, 4}, options, "masked_mean: length 4 at position 1 is outside 0..3");
    check({3, 2}, ids, {-1, 4}, options, "masked_mean: length -1 at position 0 is outside 0..3");
    check({3, 2}, ids, {1}, options, "masked_mean: lengths must be of shape (2,) for x (2, 3, 2), not (1,)");
    check({3, 2}, ids, {{1, 2}}, options, "masked_mean: lengths must be of shape (2,) for x (2, 3, 2), not (1, 2)");
    check({3, 2}, {1, 2}, {1, 2}, options, "masked_mean: x must be (B, L, D), not (2, 2)");
    check({3, 2}, {{1, 3}}, {9}, options, "embedding: id 3 at position (0, 1) is outside a table of 3 rows");
    check({3}, ids, {1, 1}, options, "embedding: the table must be (V, D), not (3,)");
    check({3, 2}, ids, {1, 1}, {.padding_idx = 3}, "embedding: padding_idx 3 must be within a table of 3 rows");
    check({3, 2}, ids, {1, 1}, {.max_norm = -1}, "embedding: max_norm must not be negative or NaN, but got -1");
    check({3, 2}, ids, {1, 1}, {.norm_type = kNaN}, "embedding: norm_type must not be NaN");
}
