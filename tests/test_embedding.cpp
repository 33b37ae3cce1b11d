// The Embedding layer: its table, its padding row, its options. What a lookup computes is tested with the op.
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/init.hpp>
#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/adamw.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Ids = std::vector<std::int64_t>;

Array row(const Embedding& layer, std::size_t i) {
    Array values(Shape{layer.embedding_dim()});
    std::copy_n(layer.weight().value().data() + i * layer.embedding_dim(), layer.embedding_dim(), values.data());
    return values;
}

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(std::vector<Parameter>)>;

template <class Opt, class Options>
MakeOptimizer maker(const Options& options) {
    return [options](std::vector<Parameter> p) { return std::make_unique<Opt>(std::move(p), options); };
}

/// Five steps over ids of which 2 is the padding.
void train(const Embedding& layer, const MakeOptimizer& make) {
    const auto optimizer = make(layer.parameters());
    for (int step = 0; step < 5; ++step) {
        optimizer->zero_grad();
        Tape tape;
        const Var y = layer(tape, {2, 0, 1, 2, 1});
        tape.backward(sum(y * y + y));
        optimizer->step();
    }
}

}  // namespace

TEST_CASE("embedding layer: a table from N(0, 1) whose padding row is zero [1.2]") {
    Rng rng(1);
    const Embedding layer(2000, 5, rng, {.padding_idx = 3});
    CHECK(layer.num_embeddings() == 2000);
    CHECK(layer.embedding_dim() == 5);
    CHECK(layer.padding_idx() == 3);
    CHECK(layer.weight().requires_grad());
    check_same(row(layer, 3), zeros({5}));
    double sum = 0, squares = 0;
    for (Real x : layer.weight().value()) {
        sum += static_cast<double>(x);
        squares += static_cast<double>(x * x);
    }
    CHECK(std::abs(sum / 10'000) < 0.05);
    CHECK(std::abs(squares / 10'000 - 1) < 0.07);
    REQUIRE(layer.named_parameters().size() == 1);
    CHECK(layer.named_parameters()[0].first == "weight");
    CHECK(layer.parameter_count() == 10'000);
}

TEST_CASE("embedding layer: looks up any shape of ids, of 32 or 64 bits [1.3]") {
    Rng rng(2);
    const Embedding layer(10, 3, rng);
    Tape tape(Mode::eval);
    CHECK(layer(tape, {1, 2}).shape() == Shape{2, 3});
    CHECK(layer(tape, {{1, 2}, {3, 4}}).shape() == Shape{2, 2, 3});
    CHECK(layer(tape, IdArray::scalar(4)).shape() == Shape{3});
    CHECK(layer(tape, IdArray(Shape{2, 0})).shape() == Shape{2, 0, 3});
    const Var narrow = layer(tape, std::vector<std::int32_t>{9, 0});
    check_same(narrow.value(), layer(tape, {9, 0}).value());
    check_refused<std::out_of_range>(
        [&] {
            layer(tape, {{1, 2}, {3, 10}});
        },
        "embedding: id 10 at position (1, 1) is outside a table of 10 rows");
    check_refused<std::out_of_range>([&] { layer(tape, {-1}); },
                                     "embedding: id -1 at position 0 is outside a table of 10 rows");
}

TEST_CASE("embedding layer: a negative padding_idx counts from the end [1.1] [1.4]") {
    Rng rng(3);
    const Embedding layer(10, 2, rng, {.padding_idx = -2});
    CHECK(layer.padding_idx() == 8);
    check_same(row(layer, 8), zeros({2}));
    Tape tape;
    tape.backward(sum(layer(tape, {8, 8, 1})));
    check_same(dense_gradient(layer.weight()),
               array({10, 2}, {0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_CASE("embedding layer: what it cannot be [1.1] [13.4] [13.5]") {
    Rng rng(4);
    for (std::int64_t padding : {-6, -5, -4, 0, 3, 4, 5}) {
        CAPTURE(padding);
        const auto make = [&] { Embedding(4, 2, rng, {.padding_idx = padding}); };
        if (padding >= -4 && padding < 4) {
            CHECK_NOTHROW(make());
        } else {
            check_refused<std::invalid_argument>(
                make, "embedding: padding_idx " + std::to_string(padding) + " must be within a table of 4 rows");
        }
    }
    check_refused<std::invalid_argument>([&] { Embedding(0, 2, rng, {.padding_idx = 0}); },
                                         "embedding: padding_idx 0 must be within a table of 0 rows");
    check_refused<std::invalid_argument>(
        [&] { Embedding(-1, 2, rng); },
        "Embedding: num_embeddings and embedding_dim must not be negative, but got -1 and 2");
    check_refused<std::invalid_argument>(
        [&] { Embedding(3, -2, rng); },
        "Embedding: num_embeddings and embedding_dim must not be negative, but got 3 and -2");
    check_refused<std::invalid_argument>([&] { Embedding(4, 2, rng, {.max_norm = -0.5}); },
                                         "embedding: max_norm must not be negative or NaN, but got -0.5");
    check_refused<std::invalid_argument>([&] { Embedding(4, 2, rng, {.max_norm = kNaN}); },
                                         "embedding: max_norm must not be negative or NaN, but got nan");
    CHECK_NOTHROW(Embedding(4, 2, rng, {.scale_grad_by_freq = true, .sparse = true}));  // torch fails in backward
    CHECK_THROWS_AS(Embedding(std::int64_t{1} << 40, std::int64_t{1} << 40, rng), std::invalid_argument);
    CHECK(rng() != Rng(4)());  // the legal ones did draw
}

TEST_CASE("embedding layer: no rows or no columns are legal [1.1]") {
    Rng rng(5);
    const Embedding no_rows(0, 3, rng), no_columns(4, 0, rng, {.padding_idx = 0, .sparse = true});
    Tape tape;
    const Var none = no_rows(tape, IdArray());
    CHECK(none.shape() == Shape{0, 3});
    const Var flat = no_columns(tape, {1, 2, 0});
    CHECK(flat.shape() == Shape{3, 0});
    tape.backward(sum(flat) + sum(none));
    CHECK(no_columns.weight().row_grad().rows() == Ids{1, 2});
    CHECK(no_rows.weight().grad().shape() == Shape{0, 3});
    CHECK_THROWS_AS(no_rows(tape, {0}), std::out_of_range);
}

TEST_CASE("embedding layer: from_pretrained takes the table as it is [1.9]") {
    Array table = array({2, 3}, {1, 2.5, 3, 4, 5, 6.5});
    const Embedding layer = Embedding::from_pretrained(table, true, {.padding_idx = 0});
    CHECK_FALSE(layer.weight().requires_grad());
    check_near(row(layer, 0), {1, 2.5, 3}, 0);  // not zeroed
    Tape tape(Mode::eval);
    check_same(layer(tape, {0, 1}).value(), table);
    table(0, 0) = 100;  // ours is a copy
    CHECK(layer.weight().value()(0, 0) == 1);

    const Real* storage = table.data();
    const Embedding moved = Embedding::from_pretrained(std::move(table), false);
    CHECK(moved.weight().requires_grad());
    CHECK(moved.weight().value().data() == storage);

    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3, 1}}) {
        check_refused<std::invalid_argument>(
            [&] { Embedding::from_pretrained(zeros(shape), true); },
            "Embedding::from_pretrained: the table must be (V, D), not " + to_string(shape));
    }
    check_refused<std::invalid_argument>(
        [] {
            Embedding::from_pretrained(zeros({2, 3}), true, {.padding_idx = 2});
        },
        "embedding: padding_idx 2 must be within a table of 2 rows");
}

TEST_CASE("embedding layer: a frozen table still obeys max_norm while training [1.5] [1.9]") {
    const Embedding layer = Embedding::from_pretrained(array({2, 2}, {3, 4, 6, 8}), true, {.max_norm = 1});
    {
        Tape tape(Mode::eval);
        check_near(layer(tape, {0}).value(), {0.6, 0.8}, 1e-6);
        check_near(layer.weight().value(), {3, 4, 6, 8}, 0);  // evaluation never writes
        CHECK(layer.weight().version() == 0);
    }
    Tape tape;
    check_near(layer(tape, {0}).value(), {0.6, 0.8}, 1e-6);
    check_near(layer.weight().value(), {0.6, 0.8, 6, 8}, 1e-6);
}

TEST_CASE("embedding layer: init through the layer keeps the padding row zero, the free function does not [1.2]") {
    Rng rng(6);
    const Embedding layer(50, 4, rng, {.padding_idx = 2});
    layer.init_uniform(rng, 1, 2);
    check_same(row(layer, 2), zeros({4}));
    for (std::size_t i = 0; i < 200; ++i) {
        const double x = element(layer.weight().value(), i);
        const bool in_range = x >= 1 && x < 2;
        CHECK((i / 4 == 2 || in_range));
    }
    layer.init_normal(rng, 100, 0.5);
    check_same(row(layer, 2), zeros({4}));
    CHECK(std::abs(element(layer.weight().value(), 0) - 100) < 5);
    init::ones(layer.weight());
    check_same(row(layer, 2), ones({4}));
    check_refused<std::invalid_argument>([&] { layer.init_uniform(rng, 2, 1); },
                                         "init::uniform: low 2 must not be above high 1");
    check_refused<std::invalid_argument>([&] { layer.init_normal(rng, 0, -1); },
                                         "init::normal: std must not be negative, but got -1");
    check_same(row(layer, 0), ones({4}));
}

TEST_CASE("embedding layer: every init through the layer draws as the free function and zeroes the padding row [1.2]") {
    Rng seed(1);
    const Embedding layer(50, 4, seed, {.padding_idx = 2});
    const Parameter twin(zeros({50, 4}));
    const auto check_alike = [&](auto through_layer, auto free_function) {
        Rng first(5), second(5);
        through_layer(first);
        free_function(second);
        std::fill_n(twin.mutable_value().data() + 2 * 4, 4, Real{0});
        check_same(layer.weight().value(), twin.value());
    };
    check_alike([&](Rng& rng) { layer.init_normal(rng, 1, 2); }, [&](Rng& rng) { init::normal(twin, rng, 1, 2); });
    check_alike([&](Rng& rng) { layer.init_uniform(rng, 1, 2); }, [&](Rng& rng) { init::uniform(twin, rng, 1, 2); });
    check_alike([&](Rng& rng) { layer.init_xavier_uniform(rng, 3); },
                [&](Rng& rng) { init::xavier_uniform(twin, rng, 3); });
    check_alike([&](Rng& rng) { layer.init_xavier_normal(rng, 3); },
                [&](Rng& rng) { init::xavier_normal(twin, rng, 3); });
    check_alike([&](Rng& rng) { layer.init_fan_in_uniform(rng); }, [&](Rng& rng) { init::fan_in_uniform(twin, rng); });
    check_alike([&](Rng&) { layer.init_zeros(); }, [&](Rng&) { init::zeros(twin); });
    check_alike([&](Rng& rng) { layer.init_with([&](const Parameter& table) { init::kaiming_normal(table, rng); }); },
                [&](Rng& rng) { init::kaiming_normal(twin, rng); });
}

TEST_CASE("embedding layer: gradient, dense and by rows, with duplicates and padding [1.4] [1.7]") {
    Rng rng(7);
    for (bool sparse : {false, true}) {
        const Embedding layer(6, 3, rng, {.padding_idx = 0, .sparse = sparse});
        // The padding row is read but receives nothing: no gradient check of it, so its ids stay out.
        const Embedding plain(6, 3, rng, {.sparse = sparse});
        check_gradient(plain.parameters(), [&](Tape& tape) { return plain(tape, {{1, 1, 2}, {3, 5, 0}}); });
        Tape tape;
        tape.backward(sum(layer(tape, {{0, 1, 1}, {5, 0, 1}})));
        CHECK(layer.weight().gradient_kind() == (sparse ? GradientKind::rows : GradientKind::dense));
        check_same(dense_gradient(layer.weight()),
                   array({6, 3}, {0, 0, 0, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1}));
    }
}

TEST_CASE("embedding layer: the row gradients of two backwards stand one behind the other [1.8]") {
    Rng rng(8);
    const Embedding layer(10, 3, rng, {.sparse = true});
    for (int i = 0; i < 2; ++i) {
        Tape tape;
        tape.backward(sum(layer(tape, {7, 1, 3})));
    }
    CHECK(layer.weight().row_grad().rows() == Ids{7, 1, 3, 7, 1, 3});
    check_same(layer.weight().row_grad().values(), ones({6, 3}));
    CHECK_FALSE(layer.weight().row_grad().coalesced());
}

TEST_CASE("embedding layer: ids are copied at the lookup [1.10]") {
    Rng rng(9);
    const Embedding layer(10, 1, rng);
    IdArray ids = {4, 5};
    Tape tape;
    const Var loss = sum(layer(tape, ids));
    ids(0) = 9;
    ids(1) = 99;
    tape.backward(loss);
    check_same(layer.weight().grad(), array({10, 1}, {0, 0, 0, 0, 1, 1, 0, 0, 0, 0}));
}

TEST_CASE("embedding layer: sizes of any integer type") {
    Rng rng(1);
    const std::size_t v = 3;
    const short d = 2;
    CHECK(Embedding(v, d, rng).weight().shape() == Shape{3, 2});
    CHECK(Embedding(std::uint8_t{200}, 1u, rng).weight().shape() == Shape{200, 1});
    CHECK_THROWS_AS(Embedding(std::numeric_limits<std::size_t>::max(), 2, rng), std::invalid_argument);
}

TEST_CASE("embedding layer: a padding row of zeros stays zero under every optimizer, weight decay and all [1.4]") {
    const std::vector<std::pair<bool, MakeOptimizer>> all = {
        {false, maker<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true})},
        {true, maker<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9})},
        {false, maker<Adam>(AdamOptions{.lr = 0.1, .weight_decay = 0.1, .amsgrad = true})},
        {true, maker<Adam>(AdamOptions{.lr = 0.1, .lazy_rows = true})},
        {false, maker<AdamW>(AdamWOptions{.lr = 0.1, .weight_decay = 0.1})},
        {true, maker<SparseAdam>(SparseAdamOptions{.lr = 0.1})},
        {false, maker<Adagrad>(AdagradOptions{.lr = 0.1, .weight_decay = 0.1})},
        {true, maker<Adagrad>(AdagradOptions{.lr = 0.1})}};
    for (std::size_t k = 0; k < all.size(); ++k) {
        CAPTURE(k);
        Rng rng(10);
        const Embedding layer(4, 3, rng, {.padding_idx = 2, .sparse = all[k].first});
        const Array before = layer.weight().value();
        train(layer, all[k].second);
        check_same(row(layer, 2), zeros({3}));
        CHECK(layer.weight().value()(1, 0) != before(1, 0));
    }
}

TEST_CASE("embedding layer: a padding row that is not zero moves by weight decay alone [1.4]") {
    const auto trained = [](const MakeOptimizer& make) {
        const Embedding layer = Embedding::from_pretrained(full({3, 2}, 8), false, {.padding_idx = 2});
        train(layer, make);
        return row(layer, 2);
    };
    check_same(trained(maker<SGD>(SGDOptions{.lr = 0.5, .momentum = 0.9})), full({2}, 8));
    check_same(trained(maker<Adam>(AdamOptions{.lr = 0.1})), full({2}, 8));
    check_near(trained(maker<SGD>(SGDOptions{.lr = 0.5, .weight_decay = 1})), {8 / 32.0, 8 / 32.0});
    check_near(trained(maker<AdamW>(AdamWOptions{.lr = 0.5, .weight_decay = 1})), {8 / 32.0, 8 / 32.0});
}

TEST_CASE("embedding layer: it is the op, under all options together [1.4] [1.5] [1.6] [1.7]") {
    const EmbeddingOptions options{
        .padding_idx = -1, .max_norm = 1, .norm_type = 1, .scale_grad_by_freq = true, .sparse = true};
    const Array values = array({3, 2}, {3, -1, 0.25, 0.5, 6, 2});
    const Embedding layer = Embedding::from_pretrained(values, false, options);
    const Parameter table(values);
    const IdArray ids = {{2, 0, 1}, {0, 0, 2}};
    Tape tape;
    const Var y = layer(tape, ids), twin = embedding(tape, table, ids, options);
    check_near(slice(flatten(y), 0, 0, 6).value(), {0.75, 0.25, 0.75, -0.25, 0.25, 0.5}, 1e-6);
    check_same(y.value(), twin.value());
    tape.backward(sum(y * tape.constant(wave({2, 3, 2}))) + sum(twin * tape.constant(wave({2, 3, 2}))));
    CHECK(layer.weight().row_grad().rows() == Ids{0, 1, 0, 0});
    const Array g = wave({6, 2});
    check_near(layer.weight().row_grad().values(),
               {element(g, 2) / 3, element(g, 3) / 3, element(g, 4), element(g, 5), element(g, 6) / 3,
                element(g, 7) / 3, element(g, 8) / 3, element(g, 9) / 3});
    check_same(layer.weight().row_grad().values(), table.row_grad().values());
}

TEST_CASE("embedding layer: from_pretrained scales its own table to max_norm, not the caller's [1.5] [1.9]") {
    const Array given = array({2, 3}, {1, 2, 3, 4, 5, 6});
    Array callers = given;
    const Embedding layer =
        Embedding::from_pretrained(callers, true, {.max_norm = 2, .norm_type = 0.5, .sparse = true});
    Tape tape;
    const Var y = layer(tape, {0, 1});
    check_same(y.value(), layer.weight().value());
    check_same(callers, given);
    for (std::size_t r = 0; r < 2; ++r) {
        double norm = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            CHECK(layer.weight().value()(r, j) < given(r, j));
            norm += std::sqrt(static_cast<double>(y.value()(r, j)));
        }
        CHECK(norm * norm == doctest::Approx(2).epsilon(1e-5));
    }
}

TEST_CASE("embedding layer: around a parameter that is there already, which it shares as it is") {
    const Parameter table(ones({4, 3}), false);
    table.freeze_rows({1});
    const Embedding layer(table, {.padding_idx = -1, .max_norm = 5}), again(layer.weight());
    CHECK(layer.weight() == table);
    CHECK(again.weight() == table);
    CHECK(layer.padding_idx() == 3);
    CHECK(layer.options().max_norm == 5);
    check_same(row(layer, 3), ones({3}));  // the padding row too
    CHECK_FALSE(layer.weight().requires_grad());
    CHECK(layer.weight().frozen_rows() == Ids{1});
    init::constant(layer.weight(), 2);
    Tape tape;
    check_same(again(tape, {0}).value(), full({1, 3}, 2));
}

TEST_CASE("embedding layer: a parameter that is no table is refused") {
    check_refused<std::invalid_argument>([&] { Embedding{Parameter()}; },
                                         "Embedding: the weight is an empty handle; construct it from an array");
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{1, 2, 3}}) {
        check_refused<std::invalid_argument>([&] { Embedding(Parameter(zeros(shape))); },
                                             "Embedding: the weight must be (V, D), not " + to_string(shape));
    }
    CHECK_THROWS_AS(Embedding(Parameter(zeros({2, 3})), {.padding_idx = 2}), std::invalid_argument);
}
