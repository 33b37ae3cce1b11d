// Frozen rows: no optimizer, clipping or max_norm moves them, and nothing is kept for them.
#include "support.hpp"

#include <functional>
#include <memory>

#include <embergrad/layers/embedding.hpp>
#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/adamw.hpp>
#include <embergrad/optim/clip.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>

using namespace embergrad;
using namespace embergrad::testing;

namespace {

constexpr std::size_t kV = 9, kD = 5;

std::vector<Real> row(const Array& table, std::size_t r) {
    const std::size_t d = table.shape()[1];
    return {table.data() + r * d, table.data() + (r + 1) * d};
}

std::vector<std::int64_t> ids_of(const std::vector<std::int64_t>& rows) { return rows; }

/// Every optimizer with every option that could move a row without a gradient.
struct Case {
    std::string name;
    bool sparse;
    std::function<std::unique_ptr<Optimizer>(std::vector<Parameter>)> make;
};

template <class Opt, class Options>
Case make_case(const std::string& name, bool sparse, const Options& options) {
    return {name + (sparse ? ", by rows" : ", dense"), sparse, [options](std::vector<Parameter> parameters) {
                return std::make_unique<Opt>(std::move(parameters), options);
            }};
}

std::vector<Case> cases() {
    return {
        make_case<SGD>("SGD", false, SGDOptions{.lr = 0.1}),
        make_case<SGD>("SGD", true, SGDOptions{.lr = 0.1}),
        make_case<SGD>("SGD with weight decay", false, SGDOptions{.lr = 0.1, .weight_decay = 0.1}),
        make_case<SGD>("SGD with momentum", false, SGDOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1}),
        make_case<SGD>("SGD with momentum", true, SGDOptions{.lr = 0.1, .momentum = 0.9}),
        make_case<SGD>("SGD with Nesterov", false, SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true}),
        make_case<SGD>("SGD with Nesterov", true, SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true}),
        make_case<Adam>("Adam", false, AdamOptions{.lr = 0.1}),
        make_case<Adam>("Adam with weight decay", false, AdamOptions{.lr = 0.1, .weight_decay = 0.1}),
        make_case<Adam>("amsgrad", false, AdamOptions{.lr = 0.1, .weight_decay = 0.1, .amsgrad = true}),
        make_case<Adam>("Adam, maximize", false, AdamOptions{.lr = 0.1, .maximize = true}),
        make_case<AdamW>("AdamW", false, AdamWOptions{.lr = 0.1, .weight_decay = 0.1}),
        make_case<AdamW>("AdamW with amsgrad", false, AdamWOptions{.lr = 0.1, .amsgrad = true, .maximize = true}),
        make_case<Adam>("Adam, lazy", true, AdamOptions{.lr = 0.1, .lazy_rows = true}),
        make_case<AdamW>("AdamW, lazy", true, AdamWOptions{.lr = 0.1, .weight_decay = 0, .lazy_rows = true}),
        make_case<Adagrad>("Adagrad", false, AdagradOptions{.lr = 0.1}),
        make_case<Adagrad>("Adagrad", true, AdagradOptions{.lr = 0.1}),
        make_case<Adagrad>("Adagrad with weight decay", false,
                           AdagradOptions{.lr = 0.1, .weight_decay = 0.1, .initial_accumulator_value = 0.5}),
        make_case<Adagrad>("Adagrad that begins with 0.5", true,
                           AdagradOptions{.lr = 0.1, .lr_decay = 0.1, .initial_accumulator_value = 0.5}),
        make_case<SparseAdam>("SparseAdam", true, SparseAdamOptions{.lr = 0.1}),
    };
}

/// A gradient at every row, some of them twice.
void backward_everywhere(const Embedding& table, double phase) {
    const IdArray ids = {0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 1, 0};
    Tape tape;
    const Var rows = table(tape, ids);
    tape.backward(rows, wave(rows.shape(), phase));
}

Embedding make_table(bool sparse) {
    Rng rng(7);
    return Embedding(kV, kD, rng, {.sparse = sparse});
}

/// The table after `steps` steps; `before_step(i)` may freeze.
Array train(const Case& c, std::size_t steps, const std::function<void(std::size_t, const Embedding&)>& before_step) {
    const Embedding table = make_table(c.sparse);
    const auto optimizer = c.make(table.parameters());
    for (std::size_t i = 0; i < steps; ++i) {
        before_step(i, table);
        optimizer->zero_grad();
        backward_everywhere(table, static_cast<double>(i));
        optimizer->step();
    }
    return table.weight().value();
}

const IdArray kFrozen = {5, 1, 3, 1};  // in no order, one twice
bool is_frozen_here(std::size_t r) { return r == 1 || r == 3 || r == 5; }

}  // namespace

TEST_CASE(
    "frozen rows: bit-identical after every step of every optimizer, the others as if nothing was frozen [12.5]") {
    for (const Case& c : cases()) {
        INFO(c.name);
        const Array start = make_table(c.sparse).weight().value();
        const Array free = train(c, 5, [](std::size_t, const Embedding&) {});
        const Array frozen = train(c, 5, [](std::size_t i, const Embedding& table) {
            if (i == 0) table.freeze_rows(kFrozen);
        });
        for (std::size_t r = 0; r < kV; ++r) {
            INFO("row ", r);
            CHECK(row(free, r) != row(start, r));
            CHECK(row(frozen, r) == row(is_frozen_here(r) ? start : free, r));
        }
    }
}

TEST_CASE("frozen rows: frozen in mid-training they stop at once, momentum or not") {
    for (const Case& c : cases()) {
        INFO(c.name);
        Array at_freezing;
        const Array end = train(c, 6, [&](std::size_t i, const Embedding& table) {
            if (i != 3) return;
            at_freezing = table.weight().value();
            table.freeze_rows(kFrozen);
        });
        for (std::size_t r = 0; r < kV; ++r) CHECK((row(end, r) == row(at_freezing, r)) == is_frozen_here(r));
    }
}

TEST_CASE("frozen rows: a row that is trained again has no state from before [12.5]") {
    for (const Case& c : cases()) {
        INFO(c.name);
        // Row 3 is frozen for one step in the middle. Its values are put back to what they were at the start of a
        // second run, where it was frozen from the beginning: from there both must move alike.
        const auto set_row = [](const Embedding& table) {
            std::fill_n(table.weight().mutable_value().data() + 3 * kD, kD, Real{1});
        };
        const Array once = train(c, 4, [&](std::size_t i, const Embedding& table) {
            if (i == 1) table.freeze_rows({3});
            if (i == 2) table.unfreeze_rows({3});
            if (i == 2) set_row(table);
        });
        const Array always = train(c, 4, [&](std::size_t i, const Embedding& table) {
            if (i == 0) table.freeze_rows({3});
            if (i == 2) table.unfreeze_rows();
            if (i == 2) set_row(table);
        });
        CHECK(row(once, 3) == row(always, 3));
        CHECK(row(once, 3) != std::vector<Real>(kD, Real{1}));
    }
}

TEST_CASE("frozen rows: no gradient arrives, dense or by rows, and freezing drops what is there") {
    for (const bool sparse : {false, true}) {
        INFO("sparse ", sparse);
        const Embedding table = make_table(sparse);
        backward_everywhere(table, 1);
        table.freeze_rows({2});  // after backward
        Array gradient = dense_gradient(table.weight());
        CHECK(row(gradient, 2) == std::vector<Real>(kD));
        CHECK(row(gradient, 1) != std::vector<Real>(kD));

        table.freeze_rows({4});  // before backward
        backward_everywhere(table, 1);
        gradient = dense_gradient(table.weight());
        CHECK(row(gradient, 2) == std::vector<Real>(kD));
        CHECK(row(gradient, 4) == std::vector<Real>(kD));
        CHECK(table.weight().gradient_kind() == (sparse ? GradientKind::rows : GradientKind::dense));
        if (!sparse) continue;
        for (const std::int64_t id : table.weight().row_grad().rows()) CHECK((id != 2 && id != 4));
    }
}

TEST_CASE("frozen rows: frozen between forward and backward they get nothing") {
    const Embedding table = make_table(false);
    Tape tape;
    const Var rows = table(tape, {0, 1, 1});
    table.freeze_rows({1});
    tape.backward(rows, ones(rows.shape()));
    CHECK(row(table.weight().grad(), 1) == std::vector<Real>(kD));
    CHECK(row(table.weight().grad(), 0) == std::vector<Real>(kD, Real{1}));
}

TEST_CASE("frozen rows: other ops give them no gradient either") {
    Rng rng(3);
    const Parameter w = random_parameter({4, 3}, rng), x = random_parameter({2, 3}, rng);
    w.freeze_rows({0, 3});
    Tape tape;
    tape.backward(sum(linear(tape.leaf(x), tape.leaf(w))));
    for (std::size_t r = 0; r < 4; ++r) CHECK((row(w.grad(), r) == std::vector<Real>(3)) == (r == 0 || r == 3));
    // gradcheck takes them for constants
    check_gradient({w, x}, [&](Tape& t) { return linear(t.leaf(x), t.leaf(w)); });
}

TEST_CASE("frozen rows: out of the clipped norm, and not scaled [9.7]") {
    for (const bool sparse : {false, true}) {
        INFO("sparse ", sparse);
        const Embedding table = make_table(sparse), twin = make_table(sparse);
        table.freeze_rows(kFrozen);
        backward_everywhere(table, 2);
        const auto all_but_frozen = [&] {
            Tape tape;
            const Var rows = twin(tape, {0, 2, 4, 6, 7, 8});
            Array upstream = dense_gradient(table.weight());
            Array picked(rows.shape());
            const std::vector<std::size_t> ids = {0, 2, 4, 6, 7, 8};
            for (std::size_t i = 0; i < ids.size(); ++i)
                std::copy_n(upstream.data() + ids[i] * kD, kD, picked.data() + i * kD);
            tape.backward(rows, picked);
        };
        all_but_frozen();
        for (const double q : {2.0, 1.0, 3.0, kInf}) {
            INFO("norm type ", q);
            CHECK(clip_grad_norm(table.parameters(), 1e9, q) ==
                  doctest::Approx(clip_grad_norm(twin.parameters(), 1e9, q)).epsilon(kNear));
        }
        // whatever the user wrote there
        if (!sparse) {
            table.weight().mutable_grad().data()[1 * kD] = 1000;
            const double norm = clip_grad_norm(table.parameters(), 0.5);
            CHECK(norm == doctest::Approx(clip_grad_norm(twin.parameters(), 0.5)).epsilon(kNear));
            CHECK(table.weight().grad().data()[1 * kD] == 1000);
        }
    }
}

TEST_CASE("frozen rows: a gradient that the user wrote there moves nothing") {
    for (const Case& c : cases()) {
        INFO(c.name);
        const Embedding table = make_table(c.sparse);
        table.freeze_rows({1});
        const Array start = table.weight().value();
        const auto optimizer = c.make(table.parameters());
        backward_everywhere(table, 1);
        if (c.sparse)
            table.weight().mutable_row_grad() = RowGradient({1, 2}, ones({2, kD}));
        else
            table.weight().mutable_grad() = ones({kV, kD});
        optimizer->step();
        CHECK(row(table.weight().value(), 1) == row(start, 1));
        CHECK(row(table.weight().value(), 2) != row(start, 2));
    }
}

TEST_CASE("frozen rows: max_norm scales the copy and leaves the row [1.5]") {
    Rng rng(1);
    const Embedding table(4, 2, rng, {.max_norm = 1.0});
    table.weight().assign(array({4, 2}, {3, 4, 3, 4, 0.3, 0.4, 6, 8}));
    table.freeze_rows({0, 2});
    Tape tape;
    const Var rows = table(tape, {0, 1, 2, 0});
    check_near(rows.value(), {0.6, 0.8, 0.6, 0.8, 0.3, 0.4, 0.6, 0.8}, 1e-6);
    check_near(table.weight().value(), {3, 4, 0.6, 0.8, 0.3, 0.4, 6, 8}, 1e-6);
}

TEST_CASE("frozen rows: what is said of them") {
    const Parameter p(zeros({5, 2}));
    CHECK(!p.has_frozen_rows());
    CHECK(p.frozen_rows().empty());
    CHECK(p.trainable_size() == 10);
    p.freeze_rows({4, 0, 0});
    p.freeze_rows({1});
    CHECK(p.frozen_rows() == ids_of({0, 1, 4}));
    CHECK(p.is_frozen(1));
    CHECK(!p.is_frozen(2));
    CHECK(p.trainable_size() == 4);
    REQUIRE(p.trainable_runs().size() == 1);
    CHECK(p.trainable_runs()[0].begin == 4);
    CHECK(p.trainable_runs()[0].end == 8);
    CHECK(p.clone().frozen_rows() == ids_of({0, 1, 4}));
    p.unfreeze_rows({1, 2});
    CHECK(p.frozen_rows() == ids_of({0, 4}));
    p.unfreeze_rows();
    CHECK(!p.has_frozen_rows());
    p.freeze_rows({0, 1, 2, 3, 4});
    CHECK(p.trainable_size() == 0);
    p.unfreeze_rows({0, 1, 2, 3, 4});
    CHECK(!p.has_frozen_rows());
    const std::uint64_t version = p.frozen_version();
    p.freeze_rows(IdArray());
    p.unfreeze_rows();
    CHECK(p.frozen_version() == version);
}

TEST_CASE("frozen rows: bad rows are refused and nothing is changed") {
    const Parameter p(zeros({5, 2}));
    p.freeze_rows({2});
    check_refused<std::out_of_range>(
        [&] {
            p.freeze_rows({1, 5});
        },
        "Parameter: row 5 at position 1 cannot be frozen: there are 5 rows");
    check_refused<std::out_of_range>(
        [&] {
            p.freeze_rows({{1, 2}, {-1, 0}});
        },
        "Parameter: row -1 at position (1, 0) cannot be frozen: there are 5 rows");
    check_refused<std::out_of_range>(
        [&] {
            p.unfreeze_rows({2, 7});
        },
        "Parameter: row 7 at position 1 cannot be unfrozen: there are 5 rows");
    check_refused<std::invalid_argument>([&] { Parameter(zeros({})).freeze_rows({0}); },
                                         "Parameter: a scalar has no rows to freeze");
    CHECK(p.frozen_rows() == ids_of({2}));
    check_refused<std::invalid_argument>(
        [&] {
            Array other = zeros({5, 3});
            p.zero_frozen_rows(other);
        },
        "Parameter: an array of shape (5, 3) does not have the rows of a parameter of shape (5, 2)");
}

TEST_CASE("frozen rows: a gradient that does not fit is refused before anything is frozen") {
    const Parameter p(zeros({5, 2}));
    p.add_grad(ones({5, 2}));
    p.mutable_grad() = ones({4, 2});
    check_refused<std::invalid_argument>([&] { p.freeze_rows({1}); },
                                         "Parameter: the gradient of a parameter of shape (5, 2) was replaced by one "
                                         "of shape (4, 2)");
    CHECK(!p.has_frozen_rows());
    CHECK(p.frozen_version() == 0);
}

TEST_CASE("frozen rows: unfreezing leaves a gradient by rows as it is") {
    const Parameter p(zeros({5, 2}));
    p.freeze_rows({1, 2});
    p.add_grad(RowGradient({0, 1, 4}, ones({3, 2})));
    CHECK(p.row_grad().rows() == ids_of({0, 4}));
    p.unfreeze_rows();
    CHECK(p.row_grad().rows() == ids_of({0, 4}));
}
