// Padding, lengths, and the batches of an epoch.
#include <doctest/doctest.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/text/batch.hpp>

using namespace embergrad;

namespace {

using Ids = std::vector<std::int64_t>;
using Sequences = std::vector<Ids>;

Ids values(const IdArray& array) { return {array.begin(), array.end()}; }

/// Sequence i holds i times the id i.
Sequences counted(std::size_t count) {
    Sequences sequences;
    for (std::size_t i = 0; i < count; ++i) sequences.emplace_back(i, static_cast<std::int64_t>(i));
    return sequences;
}

Ids numbered(std::size_t count) {
    Ids labels;
    for (std::size_t i = 0; i < count; ++i) labels.push_back(static_cast<std::int64_t>(i));
    return labels;
}

Ids labels_in_order(const Batches& batches) {
    Ids labels;
    for (const Batch& batch : batches) labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
    return labels;
}

}  // namespace

TEST_CASE("pad_batch: rows are padded with the given id, lengths say how far they go") {
    const Batch batch = pad_batch(Sequences{{5, 6, 7}, {}, {8}}, 9);
    CHECK(batch.tokens.shape() == Shape{3, 3});
    CHECK(values(batch.tokens) == Ids{5, 6, 7, 9, 9, 9, 8, 9, 9});
    CHECK(batch.lengths.shape() == Shape{3});
    CHECK(values(batch.lengths) == Ids{3, 0, 1});
    CHECK(batch.labels.shape() == Shape{0});
}

TEST_CASE("pad_batch: all sequences empty, or no sequences") {
    const Batch empty = pad_batch(Sequences(2), 0);
    CHECK(empty.tokens.shape() == Shape{2, 0});
    CHECK(values(empty.lengths) == Ids{0, 0});
    const Batch none = pad_batch(Sequences{}, 0);
    CHECK(none.tokens.shape() == Shape{0, 0});
    CHECK(none.lengths.shape() == Shape{0});
}

TEST_CASE("pad_batch: max_length cuts, and does not lengthen") {
    const Batch batch = pad_batch(Sequences{{1, 2, 3}, {4}}, 0, 2);
    CHECK(values(batch.tokens) == Ids{1, 2, 4, 0});
    CHECK(values(batch.lengths) == Ids{2, 1});
    CHECK(pad_batch(Sequences{{1}}, 0, 10).tokens.shape() == Shape{1, 1});
    CHECK_THROWS_WITH_AS(pad_batch(Sequences{{1}}, 0, 0), "pad_batch: max_length is 0", std::invalid_argument);
}

TEST_CASE("batches: in order, each padded to its own longest, the last one smaller") {
    const Sequences sequences = counted(5);
    const Ids labels = {10, 11, 12, 13, 14};
    const Batches batches(sequences, labels, 7, {.batch_size = 2});
    CHECK(batches.size() == 3);
    CHECK(values(batches[0].tokens) == Ids{7, 1});
    CHECK(values(batches[1].tokens) == Ids{2, 2, 7, 3, 3, 3});
    CHECK(values(batches[1].lengths) == Ids{2, 3});
    CHECK(values(batches[2].tokens) == Ids{4, 4, 4, 4});
    CHECK(values(batches[2].labels) == Ids{14});
    CHECK(labels_in_order(batches) == labels);
}

TEST_CASE("batches: shuffled, each sequence once and with its own label") {
    const Sequences sequences = counted(100);
    const Ids labels = numbered(100);
    Rng rng(1), same(1);
    const Batches batches(sequences, labels, 0, {.batch_size = 8}, rng);
    const Ids order = labels_in_order(batches);
    CHECK(order != labels);
    CHECK(std::is_permutation(order.begin(), order.end(), labels.begin(), labels.end()));
    for (const Batch& batch : batches) CHECK(values(batch.lengths) == values(batch.labels));
    CHECK(labels_in_order(batches) == order);  // the same when asked again
    CHECK(labels_in_order(Batches(sequences, labels, 0, {.batch_size = 8}, same)) == order);
    CHECK(labels_in_order(Batches(sequences, labels, 0, {.batch_size = 8}, rng)) != order);  // the next epoch
}

TEST_CASE("batches: max_length cuts every batch") {
    const Sequences sequences = counted(5);
    const Ids labels = numbered(5);
    for (const Batch& batch : Batches(sequences, labels, 0, {.batch_size = 2, .max_length = 2}))
        CHECK(batch.tokens.shape()[1] <= 2);
}

TEST_CASE("batches: no sequences, no batches; one batch larger than all") {
    const Sequences none, few = counted(3);
    const Ids no_labels, labels = numbered(3);
    CHECK(Batches(none, no_labels, 0).size() == 0);
    CHECK(labels_in_order(Batches(none, no_labels, 0)).empty());
    CHECK(Batches(few, labels, 0, {.batch_size = static_cast<std::size_t>(-1)}).size() == 1);
    CHECK(Batches(few, labels, 0, {.batch_size = 3}).size() == 1);
}

TEST_CASE("batches: refusals") {
    const Sequences sequences = counted(3);
    const Ids labels = numbered(2), enough = numbered(3);
    CHECK_THROWS_WITH_AS(Batches(sequences, labels, 0), "Batches: 3 sequences, but 2 labels", std::invalid_argument);
    CHECK_THROWS_WITH_AS(Batches(sequences, enough, 0, {.batch_size = 0}), "Batches: batch_size is 0",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(Batches(sequences, enough, 0, {.max_length = 0}), "Batches: max_length is 0",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(Batches(sequences, enough, 0)[1], "Batches: there is no batch 1 of 1", std::out_of_range);
}

TEST_CASE("batches: temporary sequences or labels do not compile") {
    static_assert(std::constructible_from<Batches, Sequences&, Ids&, int>);
    static_assert(!std::constructible_from<Batches, Sequences, Ids&, int>);
    static_assert(!std::constructible_from<Batches, Sequences&, Ids, int>);
    static_assert(!std::constructible_from<Batches, Sequences&, Ids, int, BatchOptions, Rng&>);
    static_assert(std::constructible_from<Batches, Sequences&, const IdArray&, int>);
    static_assert(!std::constructible_from<Batches, Sequences&, IdArray, int>);
    static_assert(!std::constructible_from<Batches, Sequences&, IdArray, int, BatchOptions, Rng&>);
    static_assert(!std::constructible_from<Batches, Sequences, Ids&, int, BatchOptions, Rng&>);
}

TEST_CASE("batches: a run that goes on in mid-epoch sees the batches of the uninterrupted one") {
    const Sequences sequences = counted(50);
    const Ids labels = numbered(50);
    const BatchOptions options{.batch_size = 8, .max_length = 30};
    Rng uninterrupted(3);
    std::vector<Ids> expected;  // of three epochs
    for (int epoch = 0; epoch < 3; ++epoch) {
        for (const Batch& batch : Batches(sequences, labels, 0, options, uninterrupted)) {
            expected.push_back(values(batch.tokens));
            expected.push_back(values(batch.labels));
            uninterrupted.normal();  // as dropout draws
        }
    }
    for (std::size_t stop = 0; stop <= 7; ++stop) {  // within the second epoch, at its ends too
        std::vector<Ids> seen;
        std::map<std::string, std::string> state;
        const auto see = [&](const Batch& batch, Rng& rng) {
            seen.push_back(values(batch.tokens));
            seen.push_back(values(batch.labels));
            rng.normal();
        };
        {
            Rng rng(3);
            for (const Batch& batch : Batches(sequences, labels, 0, options, rng)) see(batch, rng);
            const Batches batches(sequences, labels, 0, options, rng);
            for (std::size_t i = 0; i < stop; ++i) see(batches[i], rng);
            state = batches.state_dict(stop);
            state["rng"] = rng.state();
        }
        Rng rng(99);
        Batches batches(sequences, labels, 0, options);
        batches.load_state_dict(state);
        rng.set_state(state.at("rng"));
        CHECK(batches.position() == stop);
        CHECK(batches.size() == 7);
        for (const Batch& batch : batches) see(batch, rng);
        CHECK(batches.state_dict(3) == Batches(batches).state_dict(3));
        for (const Batch& batch : Batches(sequences, labels, 0, options, rng)) see(batch, rng);
        CHECK(seen == expected);
    }
}

TEST_CASE("batches: a state in the order given, loaded where it was shuffled") {
    const Sequences sequences = counted(5);
    const Ids labels = numbered(5);
    Rng rng(1);
    Batches batches(sequences, labels, 0, {.batch_size = 2}, rng);
    batches.load_state_dict(Batches(sequences, labels, 0, {.batch_size = 2}).state_dict(1));
    CHECK(labels_in_order(batches) == Ids{2, 3, 4});
    CHECK(values(batches[0].labels) == Ids{0, 1});
    CHECK(batches.state_dict(1).at("batches.shuffled_by") == "nothing");
}

TEST_CASE("batches: a state that does not fit is refused with all that is wrong, and nothing is loaded") {
    const Sequences sequences = counted(5), more = counted(6);
    const Ids labels = numbered(5), more_labels = numbered(6);
    Rng rng(1), other(2);
    Batches batches(sequences, labels, 0, {.batch_size = 2}, rng);
    const Ids order = labels_in_order(batches);
    const auto refused = [&](const std::map<std::string, std::string>& state, const std::string& problems) {
        const std::string message = "Batches: the state does not fit; nothing was loaded:" + problems;
        CHECK_THROWS_WITH_AS(batches.load_state_dict(state), message.c_str(), std::invalid_argument);
        CHECK(batches.position() == 0);
        CHECK(labels_in_order(batches) == order);
    };
    refused(Batches(more, more_labels, 0, {.batch_size = 3, .max_length = 4}, other).state_dict(1),
            "\n  mismatch: batches.batch_size is 2 here and 3 in the state"
            "\n  mismatch: batches.max_length is none here and 4 in the state"
            "\n  mismatch: batches.sequences is 5 here and 6 in the state");
    refused({{"epoch", "3"}},
            "\n  missing: batches.batch_size\n  missing: batches.max_length\n  missing: batches.sequences"
            "\n  missing: batches.position\n  missing: batches.shuffled_by");
    std::map<std::string, std::string> state = Batches(sequences, labels, 0, {.batch_size = 2}, other).state_dict(3);
    for (const std::string wrong : {"4", "-1", "", "1x", " 1", "99999999999999999999"}) {
        state["batches.position"] = wrong;
        refused(state, "\n  batches.position is '" + wrong + "', no number up to 3");
    }
    state["batches.position"] = "3";
    state["batches.epoch"] = "1";
    refused(state, "\n  unexpected: batches.epoch");
    state.erase("batches.epoch");
    state["batches.shuffled_by"] = "42";
    refused(state,
            "\n  batches.shuffled_by: Rng::set_state: needs 4 or 5 words of 16 hexadecimal digits, as state() gives "
            "them, but got 2 characters: 42");
    CHECK_THROWS_WITH_AS(batches.state_dict(4), "Batches: 4 batches cannot be done of 3", std::out_of_range);
}

TEST_CASE("pad_batch: sequences in braces") {
    const Ids three = {1, 2, 3};
    CHECK(values(pad_batch({{1, 2}, {5}}, 0).tokens) == Ids{1, 2, 5, 0});
    CHECK(values(pad_batch({{1, 2}}, 0).tokens) == Ids{1, 2});
    CHECK(values(pad_batch({{7}}, 0).tokens) == Ids{7});
    CHECK(values(pad_batch({three, {}, {4}}, 9, 2).tokens) == Ids{1, 2, 9, 9, 4, 9});
    CHECK(pad_batch({}, 0).tokens.shape() == Shape{0, 0});
    const Sequences sequences = {{1}, {2}};
    CHECK(values(pad_batch({sequences}, 0).tokens) == Ids{1, 2});
}
