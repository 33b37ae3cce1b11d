// Adagrad: closed forms, a naive twin, and gradients by rows against dense ones.
#include <embergrad/optim/adagrad.hpp>

#include <map>
#include <memory>

#include <embergrad/optim/schedulers.hpp>

#include "rosenbrock.hpp"
#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

TEST_CASE("adagrad: under a constant gradient the t-th step is lr / sqrt(t) [9.5]") {
    const Parameter p(zeros({3}));
    Adagrad adagrad({p}, {.lr = 0.5});
    p.add_grad(array({3}, {1e-3, -2, 5e4}));
    double moved = 0;
    for (int t = 1; t <= 20; ++t) {
        adagrad.step();
        moved += 0.5 / std::sqrt(t);
    }
    check_near(p.value(), {-moved, moved, -moved}, 1e-5);
}

TEST_CASE("adagrad: by hand, with lr_decay and sums that do not begin with 0 [9.5]") {
    const Parameter p(zeros({1}));
    Adagrad adagrad({p}, {.lr = 1, .lr_decay = 0.5, .initial_accumulator_value = 7, .eps = 0});
    p.add_grad(full({1}, 3));
    adagrad.step();
    check_near(p.value(), {-0.75});  // 3 / sqrt(7 + 9)
    adagrad.step();
    check_near(p.value(), {-0.75 - 3 / 5.0 / 1.5});  // 3 / sqrt(16 + 9), lr / (1 + 1 * 0.5)
}

TEST_CASE("adagrad: a naive twin in double [9.5]") {
    const AdagradOptions all[] = {{.lr = 0.05},
                                  {.lr = 0.05, .lr_decay = 0.1, .weight_decay = 0.2, .initial_accumulator_value = 0.3},
                                  {.lr = 0.05, .weight_decay = 0.1, .eps = 0.1, .maximize = true}};
    for (const AdagradOptions& o : all) {
        Rng rng(11);
        const Parameter p = random_parameter({19}, rng);
        std::vector<double> twin(p.value().begin(), p.value().end()), sums(19, o.initial_accumulator_value);
        Adagrad adagrad({p}, o);
        for (int t = 1; t <= 50; ++t) {
            const Array g = random_array({19}, rng);
            adagrad.zero_grad();
            p.add_grad(g);
            adagrad.step();
            for (std::size_t i = 0; i < 19; ++i) {
                const double slope = (o.maximize ? -1 : 1) * element(g, i) + o.weight_decay * twin[i];
                sums[i] += slope * slope;
                twin[i] -= o.lr / (1 + (t - 1) * o.lr_decay) * slope / (std::sqrt(sums[i]) + o.eps);
            }
        }
        check_near(p.value(), twin);
    }
}

TEST_CASE("adagrad: gradients by rows give the dense numbers, bit for bit, and a dense one may come between [9.5]") {
    const AdagradOptions all[] = {{.lr = 0.1},
                                  {.lr = 0.1, .lr_decay = 0.1, .maximize = true},
                                  {.lr = 0.1, .initial_accumulator_value = 0.5, .eps = 0.01}};
    for (const AdagradOptions& options : all) {
        Rng rng(7);
        const Parameter by_rows = random_parameter({7, 3}, rng), dense = by_rows.clone();
        Adagrad ours({by_rows}, options), twin({dense}, options);
        for (int step = 0; step < 50; ++step) {
            ours.zero_grad();
            twin.zero_grad();
            std::vector<std::int64_t> rows(rng.below(5));
            for (std::int64_t& row : rows) row = static_cast<std::int64_t>(rng.below(6));
            const RowGradient g(rows, random_array({rows.size(), 3}, rng));
            Array sum = zeros({7, 3});
            g.add_to(sum);
            dense.add_grad(sum);
            if (step == 20)
                by_rows.add_grad(sum);
            else
                by_rows.add_grad(g);
            ours.step();
            twin.step();
            REQUIRE(by_rows.value() == dense.value());
        }
    }
}

TEST_CASE("adagrad: a gradient of no rows is a step that moves nothing [9.5]") {
    const Parameter p(zeros({2, 1}));
    Adagrad adagrad({p}, {.lr = 1, .lr_decay = 1, .eps = 0});
    p.add_grad(RowGradient());
    adagrad.step();
    CHECK(p.version() == 0);
    p.add_grad(RowGradient({1}, full({1, 1}, 4)));
    adagrad.step();
    check_near(p.value(), {0, -0.5});  // lr / (1 + 1)
}

TEST_CASE("adagrad: options out of range, and weight decay by rows, are refused [9.5] [9.6]") {
    const Parameter p(ones({3, 2}));
    const auto make = [&](AdagradOptions o) { return [=] { Adagrad({p}, o); }; };
    check_refused<std::invalid_argument>(make({.lr = -1}), "Adagrad: Invalid learning rate: -1");
    check_refused<std::invalid_argument>(make({.lr_decay = -0.5}), "Adagrad: Invalid lr_decay value: -0.5");
    check_refused<std::invalid_argument>(make({.weight_decay = -1}), "Adagrad: Invalid weight_decay value: -1");
    check_refused<std::invalid_argument>(make({.initial_accumulator_value = -1}),
                                         "Adagrad: Invalid initial_accumulator_value value: -1");
    check_refused<std::invalid_argument>(make({.eps = kNaN}), "Adagrad: Invalid epsilon value: nan");
    Adagrad adagrad({p}, {.weight_decay = 0.5});
    p.add_grad(RowGradient({1}, ones({1, 2})));
    check_refused<std::logic_error>([&] { adagrad.step(); },
                                    "Adagrad, group 0: parameter 0 of shape (3, 2) has a gradient by rows, for which "
                                    "weight_decay must be 0, not 0.5");
    CHECK(p.value() == ones({3, 2}));
}

// PyTorch's test_adagrad_sparse, with and without its StepLR.
TEST_CASE("adagrad: Rosenbrock's valley, by rows and dense [9.5]") {
    const auto make = [](AdagradOptions options) {
        return [options](Parameter p) { return std::make_unique<Adagrad>(std::vector{p}, options); };
    };
    check_rosenbrock(make({.lr = 0.1}), make({.lr = 0.1}), Twin::dense);
    check_rosenbrock(make({.lr = 0.1, .maximize = true}), make({.lr = 0.1, .maximize = true}), Twin::dense, {}, true);
    std::map<Optimizer*, LRScheduler> schedulers;
    const auto scheduled = [&](Optimizer& optimizer, int) {
        schedulers.try_emplace(&optimizer, optimizer, StepLR{.step_size = 500, .gamma = 0.9}).first->second.step();
    };
    check_rosenbrock(make({.lr = 0.1}), make({.lr = 0.1}), Twin::dense, scheduled);
}

TEST_CASE("adagrad: a warm step allocates nothing, and counts as one change of the values") {
    const Parameter dense(ones({50, 8})), table(ones({50, 8}));
    Adagrad adagrad({dense, table});
    dense.add_grad(ones({50, 8}));
    table.add_grad(RowGradient({3, 1, 40}, ones({3, 8})));
    adagrad.step();
    const std::uint64_t before = memory_stats().system_allocations;
    for (int step = 0; step < 10; ++step) adagrad.step();
    CHECK(memory_stats().system_allocations == before);
    CHECK(dense.version() == 11);
    CHECK(table.version() == 11);
}
