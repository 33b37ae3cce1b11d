// Adam and AdamW over dense gradients and those by rows side by side.
#include <embergrad/optim/adam_family.hpp>

#include <memory>

#include <embergrad/layers/embedding.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/adamw.hpp>
#include <embergrad/optim/sparse_adam.hpp>
#include <embergrad/tests/threads.hpp>

#include "rosenbrock.hpp"
#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

RowGradient random_rows(std::size_t v, std::size_t d, Rng& rng) {
    std::vector<std::int64_t> rows(rng.below(6));
    for (std::int64_t& row : rows) row = static_cast<std::int64_t>(rng.below(v));
    return RowGradient(rows, random_array({rows.size(), d}, rng));
}

/// A table stepped by rows and a matrix stepped densely, by one optimizer or by two.
struct Pair {
    Parameter table, matrix;

    explicit Pair(std::uint64_t seed) {
        Rng rng(seed);
        table = random_parameter({7, 3}, rng);
        matrix = random_parameter({4, 4}, rng);
    }

    template <class... Optimizers>
    void train(Optimizers&... optimizers) const {
        Rng rng(23);
        for (int step = 0; step < 30; ++step) {
            (optimizers.zero_grad(), ...);
            table.add_grad(random_rows(7, 3, rng));
            matrix.add_grad(random_array({4, 4}, rng));
            (optimizers.step(), ...);
        }
    }
};

template <class Both, class Dense>
void check_side_by_side(const Both& both_options, const Dense& dense_options) {
    const Pair one(5), two(5);
    using Opt = std::conditional_t<std::is_same_v<Both, AdamOptions>, Adam, AdamW>;
    Opt both({ParamGroup{.params = {one.table}, .lr = 0.01, .weight_decay = 0.0, .amsgrad = false, .lazy_rows = true},
              ParamGroup{.params = {one.matrix}}},
             both_options);
    one.train(both);
    SparseAdam sparse({two.table}, {.lr = 0.01, .betas = both_options.betas, .maximize = both_options.maximize});
    Opt dense({two.matrix}, dense_options);
    two.train(sparse, dense);
    check_same(one.table.value(), two.table.value());
    check_same(one.matrix.value(), two.matrix.value());
}

}  // namespace

TEST_CASE("adam family: one optimizer for both kinds gives the bits of SparseAdam and Adam or AdamW [9.2] [9.4]") {
    check_side_by_side(AdamOptions{.lr = 0.02}, AdamOptions{.lr = 0.02});
    const AdamOptions adam{.lr = 0.02, .betas = {0.8, 0.9}, .weight_decay = 0.1, .amsgrad = true, .maximize = true};
    check_side_by_side(adam, adam);
    const AdamWOptions adamw{.lr = 0.02, .betas = {0.8, 0.9}, .weight_decay = 0.1, .amsgrad = true, .maximize = true};
    check_side_by_side(adamw, adamw);
}

TEST_CASE("adam family: dense and by rows in turn move the same moments and the same count of steps [9.4]") {
    const Parameter p(zeros({2, 1}));
    Adam adam({p}, {.lr = 1, .betas = {0.5, 0.75}, .eps = 0, .lazy_rows = true});
    p.add_grad(array({2, 1}, {2, -4}));
    adam.step();
    check_near(p.value(), {-1, 1});
    p.zero_grad();
    p.add_grad(RowGradient({1}, full({1, 1}, 4)));
    adam.step();
    const double m = 0.5 * (0.5 * -4) + 0.5 * 4, v = 0.75 * (0.25 * 16) + 0.25 * 16;  // of row 1, at t = 2
    check_near(p.value(), {-1, 1 - std::sqrt(1 - 0.75 * 0.75) / (1 - 0.25) * m / std::sqrt(v)});
}

TEST_CASE("adam family: rows are refused with the remedy, before anything moves [9.2] [9.3]") {
    const Parameter dense(ones({2})), table(ones({3, 2}));
    const auto refused_by = [&](auto&& optimizer, const std::string& problem) {
        dense.zero_grad();
        table.zero_grad();
        dense.add_grad(ones({2}));
        table.add_grad(RowGradient({1, 1}, ones({2, 2})));
        check_refused<std::logic_error>([&] { optimizer.step(); },
                                        problem.substr(0, problem.find(':')) +
                                            ", group 1: parameter 0 of shape (3, 2) has a gradient by rows, " +
                                            problem.substr(problem.find(':') + 2));
        CHECK(dense.value() == ones({2}));
        CHECK(table.value() == ones({3, 2}));
        CHECK(!table.row_grad().coalesced());
    };
    const std::vector<ParamGroup> plain{{.params = {dense}}, {.params = {table}}};
    const std::vector<ParamGroup> lazy{{.params = {dense}}, {.params = {table}, .lazy_rows = true}};
    refused_by(Adam(plain),
               "Adam: which Adam does not support; set lazy_rows = true in its group, or consider "
               "SparseAdam instead");
    refused_by(AdamW(plain),
               "AdamW: which AdamW does not support; set lazy_rows = true in its group, or consider "
               "SparseAdam instead");
    refused_by(AdamW(lazy), "AdamW: for which weight_decay must be 0, not 0.01; give it a group of its own");
    refused_by(Adam(lazy, {.weight_decay = 0.5}),
               "Adam: for which weight_decay must be 0, not 0.5; give it a group of its own");
    refused_by(Adam(lazy, {.amsgrad = true}), "Adam: for which amsgrad must be off; give it a group of its own");
    check_refused<std::invalid_argument>([&] { SparseAdam({ParamGroup{.params = {table}, .lazy_rows = true}}); },
                                         "SparseAdam, group 0: SparseAdam has no option lazy_rows");
}

TEST_CASE("adam family: a group with lazy_rows takes a dense gradient by Adam's rule, weight decay and all [9.2]") {
    Rng rng(3);
    const Parameter a = random_parameter({3, 2}, rng), b = a.clone();
    AdamW lazy({a}, {.lr = 0.1, .weight_decay = 0.5, .amsgrad = true, .lazy_rows = true});
    AdamW plain({b}, {.lr = 0.1, .weight_decay = 0.5, .amsgrad = true});
    for (int step = 0; step < 5; ++step) {
        const Array g = random_array({3, 2}, rng);
        a.add_grad(g);
        b.add_grad(g);
        lazy.step();
        plain.step();
    }
    check_same(a.value(), b.value());
}

TEST_CASE("adam family: a gradient of no rows counts as a step and moves nothing [9.4]") {
    const Parameter p(zeros({2, 1}));
    Adam adam({p}, {.lr = 1, .lazy_rows = true});
    p.add_grad(RowGradient());
    adam.step();
    CHECK(p.version() == 0);
    p.add_grad(RowGradient({1}, full({1, 1}, Real(0.5))));
    adam.step();
    check_near(p.value(), {0, -0.7441363529338291});  // a row first touched at step 2
}

// PyTorch's test_sparse_adam; its dense twin is SparseAdam with the gradient whole.
TEST_CASE("adam family: Rosenbrock's valley, lazily in pieces as SparseAdam whole [9.4]") {
    for (const bool maximize : {false, true}) {
        const auto lazy = [=](Parameter p) {
            return std::make_unique<Adam>(std::vector{p},
                                          AdamOptions{.lr = 4e-2, .maximize = maximize, .lazy_rows = true});
        };
        const auto sparse = [=](Parameter p) {
            return std::make_unique<SparseAdam>(std::vector{p}, SparseAdamOptions{.lr = 4e-2, .maximize = maximize});
        };
        check_rosenbrock(lazy, sparse, Twin::whole_row, {}, maximize);
    }
}

TEST_CASE("adam family: a table by rows and a layer behind it train with one optimizer, the same bits on any threads") {
    std::vector<Array> first;
    for (const int threads : {1, 2, 3}) {
        const Threads scope(threads);
        Rng rng(9);
        constexpr std::size_t kRows = 2'100;  // enough for threads
        const Embedding table(4'000, 128, rng, {.sparse = true});
        const Parameter w = random_parameter({3, 128}, rng);
        Adam adam({ParamGroup{.params = table.parameters(), .lazy_rows = true}, ParamGroup{.params = {w}}},
                  {.lr = 0.1});
        double loss_before = 0, loss_after = 0;
        for (int step = 0; step < 20; ++step) {
            IdArray ids(Shape{kRows}), labels(Shape{kRows});
            for (std::size_t i = 0; i < kRows; ++i) {
                ids.data()[i] = static_cast<std::int64_t>((i * 37 + 5) % 4'000);
                labels.data()[i] = ids.data()[i] % 3;
            }
            Tape tape(Mode::train, rng);
            const Var loss = cross_entropy(linear(table(tape, ids), tape.leaf(w)), labels);
            adam.zero_grad();
            tape.backward(loss);
            adam.step();
            (step == 0 ? loss_before : loss_after) = static_cast<double>(loss.item());
        }
        CHECK(loss_after < loss_before / 4);
        CHECK(scope.has_shared() == (threads > 1));
        if (first.empty()) first = {table.weight().value(), w.value()};
        check_same(table.weight().value(), first[0]);
        check_same(w.value(), first[1]);
    }
}
