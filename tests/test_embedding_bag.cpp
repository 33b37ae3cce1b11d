// The EmbeddingBag layer: its table, its padding row, its options. What a bag computes is tested with the op.
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/layers/embedding_bag.hpp>
#include <embergrad/layers/init.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

Array row(const EmbeddingBag& layer, std::size_t i) {
    Array values(Shape{layer.embedding_dim()});
    std::copy_n(layer.weight().value().data() + i * layer.embedding_dim(), layer.embedding_dim(), values.data());
    return values;
}

}  // namespace

TEST_CASE("embedding bag layer: a table from N(0, 1) whose padding row is zero, named weight [1.2]") {
    Rng rng(1), twin(1);
    const EmbeddingBag layer(2000, 5, rng, {.padding_idx = -1997});
    CHECK(layer.num_embeddings() == 2000);
    CHECK(layer.embedding_dim() == 5);
    CHECK(layer.padding_idx() == 3);
    CHECK(layer.options().padding_idx == 3);
    CHECK(layer.options().mode == BagMode::mean);
    CHECK(layer.weight().requires_grad());
    const Parameter drawn(zeros({2000, 5}));
    init::normal(drawn, twin);
    std::fill_n(drawn.mutable_value().data() + 15, 5, Real{0});
    check_same(layer.weight().value(), drawn.value());
    REQUIRE(layer.named_parameters().size() == 1);
    CHECK(layer.named_parameters()[0].first == "weight");
    CHECK(layer.state_dict().size() == 1);
    CHECK(layer.parameter_count() == 10'000);

    const EmbeddingBag other(2000, 5, rng, {.padding_idx = 3});
    other.load_state_dict(layer.state_dict());
    check_same(other.weight().value(), layer.weight().value());
}

TEST_CASE("embedding bag layer: every way to call it is the op's [2.1] [2.4]") {
    Rng rng(2);
    const EmbeddingBagOptions options{.mode = BagMode::sum, .padding_idx = 2, .include_last_offset = true};
    const EmbeddingBag layer(6, 3, rng, options);
    const IdArray flat = {3, 1, 2, 4, 0}, offsets = {0, 2, 5}, square = {{3, 1}, {2, 4}};
    const Array three = wave({5}), four = wave({2, 2});
    Tape tape(Mode::eval);
    const Parameter& table = layer.weight();
    check_same(layer(tape, square).value(), embedding_bag(tape, table, square, options).value());
    check_same(layer(tape, flat, offsets).value(), embedding_bag(tape, table, flat, offsets, options).value());
    check_same(layer(tape, square, four).value(), embedding_bag(tape, table, square, four, options).value());
    check_same(layer(tape, flat, offsets, three).value(),
               embedding_bag(tape, table, flat, offsets, three, options).value());
    check_same(layer(tape, square, tape.constant(four)).value(), layer(tape, square, four).value());
    check_same(layer(tape, flat, offsets, tape.constant(three)).value(), layer(tape, flat, offsets, three).value());
    check_same(layer(tape, {3, 1, 2}, {0, 3}).value(), layer(tape, {{3, 1, 2}}).value());
    check_same(layer(tape, std::vector<int>{3, 1}, std::vector<std::int64_t>{0, 2}).value(),
               layer(tape, {{3, 1}}).value());
}

TEST_CASE("embedding bag layer: PyTorch's numbers from a given table [2.6]") {
    const EmbeddingBag layer = EmbeddingBag::from_pretrained(array({2, 3}, {1, 2.3, 3, 4, 5.1, 6.3}), true);
    Tape tape;
    check_near(layer(tape, {{1, 0}}).value(), {2.5, 3.7, 4.65});  // mean, as PyTorch's C++ test has it
    check_near(layer(tape, {1, 0}, {0}).value(), {2.5, 3.7, 4.65});
    CHECK(!layer(tape, {{0, 1}}).needs_grad());
}

TEST_CASE("embedding bag layer: from_pretrained takes the table as it is, padding row included [1.9] [2.6]") {
    Array table = full({4, 3}, 7);
    const EmbeddingBag layer = EmbeddingBag::from_pretrained(table, true, {.padding_idx = 1});
    CHECK_FALSE(layer.weight().requires_grad());
    check_same(row(layer, 1), full({3}, 7));  // not zeroed
    table(0, 0) = 100;                        // ours is a copy
    CHECK(layer.weight().value()(0, 0) == 7);

    const Real* storage = table.data();
    const EmbeddingBag moved = EmbeddingBag::from_pretrained(std::move(table), false);
    CHECK(moved.weight().requires_grad());
    CHECK(moved.weight().value().data() == storage);
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3, 1}}) {
        check_refused<std::invalid_argument>(
            [&] { EmbeddingBag::from_pretrained(zeros(shape), true); },
            "EmbeddingBag::from_pretrained: the table must be (V, D), not " + to_string(shape));
    }
}

TEST_CASE("embedding bag layer: the largest of rows that max_norm has scaled, for a norm of one half [2.6]") {
    const EmbeddingBag layer = EmbeddingBag::from_pretrained(array({2, 3}, {1, 2, 3, 4, 5, 6}), true,
                                                             {.mode = BagMode::max, .max_norm = 2, .norm_type = 0.5});
    Tape tape;
    const Var y = layer(tape, {{0, 1}});
    const Array& table = layer.weight().value();  // scaled in place
    for (std::size_t j = 0; j < 3; ++j) {
        CHECK(table(0, j) < static_cast<Real>(j + 1));
        CHECK(y.value()(0, j) == std::max(table(0, j), table(1, j)));
    }
    for (std::size_t i = 0; i < 2; ++i) {
        double norm = 0;
        for (std::size_t j = 0; j < 3; ++j) norm += std::sqrt(static_cast<double>(table(i, j)));
        CHECK(norm * norm == doctest::Approx(2).epsilon(1e-5));
    }
}

TEST_CASE("embedding bag layer: what it cannot be [1.1] [2.2] [13.4]") {
    Rng rng(4);
    const auto refused = [&](const auto& make, const std::string& text) {
        check_refused<std::invalid_argument>(make, text);
    };
    for (std::int64_t padding = -6; padding <= 5; ++padding) {
        CAPTURE(padding);
        const auto make = [&] { EmbeddingBag(4, 2, rng, {.padding_idx = padding}); };
        if (padding >= -4 && padding < 4)
            CHECK_NOTHROW(make());
        else
            refused(make,
                    "embedding_bag: padding_idx " + std::to_string(padding) + " must be within a table of 4 rows");
    }
    refused([&] { EmbeddingBag(0, 2, rng, {.padding_idx = 0}); },
            "embedding_bag: padding_idx 0 must be within a table of 0 rows");
    refused([&] { EmbeddingBag(-1, 2, rng); },
            "EmbeddingBag: num_embeddings and embedding_dim must not be negative, but got -1 and 2");
    refused([&] { EmbeddingBag(4, 2, rng, {.max_norm = -0.5}); },
            "embedding_bag: max_norm must not be negative or NaN, but got -0.5");
    refused([&] { EmbeddingBag(4, 2, rng, {.mode = BagMode::max, .scale_grad_by_freq = true}); },
            "embedding_bag: scale_grad_by_freq is for modes sum and mean, not max");
    refused(
        [&] {
            EmbeddingBag::from_pretrained(zeros({2, 3}), true, {.padding_idx = 2});
        },
        "embedding_bag: padding_idx 2 must be within a table of 2 rows");
    CHECK_NOTHROW(EmbeddingBag(4, 2, rng, {.mode = BagMode::max, .sparse = true}));  // PyTorch refuses it
    CHECK_NOTHROW(EmbeddingBag(4, 2, rng, {.scale_grad_by_freq = true, .sparse = true}));
    CHECK_NOTHROW(EmbeddingBag(0, 0, rng));
}

TEST_CASE("embedding bag layer: init and frozen rows are those of Embedding") {
    Rng rng(6);
    const EmbeddingBag layer(50, 4, rng, {.mode = BagMode::sum, .padding_idx = 2, .sparse = true});
    layer.init_uniform(rng, 1, 2);
    check_same(row(layer, 2), zeros({4}));
    CHECK(layer.weight().value()(3, 0) >= 1);
    layer.freeze_rows({3});
    Tape tape;
    tape.backward(sum(layer(tape, {{3, 2, 4, 4}})));
    CHECK(layer.weight().row_grad().rows() == std::vector<std::int64_t>{4, 4});
    layer.unfreeze_rows();
    CHECK(!layer.weight().has_frozen_rows());
    init::ones(layer.weight());  // the free function overwrites every row
    check_same(row(layer, 2), ones({4}));
}

TEST_CASE("embedding bag layer: describes itself by its mode and what is not the default") {
    Rng rng(7);
    CHECK(EmbeddingBag(10, 3, rng).describe() == "EmbeddingBag(10, 3, mode=mean)");
    CHECK(EmbeddingBag(10, 3, rng, {.mode = BagMode::max, .padding_idx = -1, .sparse = true}).describe() ==
          "EmbeddingBag(10, 3, mode=max, padding_idx=9, sparse=true)");
    const EmbeddingBagOptions all{
        .mode = BagMode::sum, .max_norm = 1.5, .norm_type = 1, .scale_grad_by_freq = true, .include_last_offset = true};
    CHECK(
        EmbeddingBag(10, 3, rng, all).describe() ==
        "EmbeddingBag(10, 3, mode=sum, max_norm=1.5, norm_type=1, scale_grad_by_freq=true, include_last_offset=true)");
}

TEST_CASE("embedding bag layer: around a parameter that is there already, which it shares as it is") {
    const Parameter table(ones({4, 3}));
    const EmbeddingBag layer(table, {.mode = BagMode::sum, .padding_idx = 0});
    CHECK(layer.weight() == table);
    CHECK(layer.padding_idx() == 0);
    check_same(row(layer, 0), ones({3}));  // the padding row too
    Tape tape;
    check_same(layer(tape, {{1, 2, 0}}).value(), full({1, 3}, 2));
    check_refused<std::invalid_argument>([&] { EmbeddingBag{Parameter()}; },
                                         "EmbeddingBag: the weight is an empty handle; construct it from an array");
    check_refused<std::invalid_argument>([&] { EmbeddingBag(Parameter(zeros({3}))); },
                                         "EmbeddingBag: the weight must be (V, D), not (3,)");
    CHECK_THROWS_AS(EmbeddingBag(table, {.padding_idx = 4}), std::invalid_argument);
}
