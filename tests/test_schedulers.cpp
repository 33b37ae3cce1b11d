// Schedules and the scheduler that applies them. (PyTorch's rates: test_optim_reference.cpp.)
#include <embergrad/optim/reduce_lr_on_plateau.hpp>
#include <embergrad/optim/schedulers.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>

#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using State = std::map<std::string, std::string>;

/// Two groups, of rates 0.05 and 0.5, as PyTorch's tests have them.
SGD two_groups() {
    return SGD({ParamGroup{.params = {Parameter(zeros({1}))}, .lr = 0.05}, {.params = {Parameter(zeros({1}))}}},
               {.lr = 0.5});
}

/// The rates of the first group at epochs 0, 1, ..., and those of the second ten times as large.
void check_rates(const Schedule& schedule, const std::vector<double>& expected, double tolerance = 1e-12,
                 int line = __builtin_LINE()) {
    INFO("called from line ", line);
    SGD sgd = two_groups();
    LRScheduler scheduler(sgd, schedule);
    for (std::size_t epoch = 0; epoch < expected.size(); ++epoch) {
        INFO("epoch ", epoch);
        CHECK(std::abs(*sgd.param_groups()[0].lr - expected[epoch]) < tolerance);
        CHECK(std::abs(*sgd.param_groups()[1].lr - 10 * expected[epoch]) < 10 * tolerance);
        scheduler.step();
    }
}

void check_schedule_refused(const Schedule& schedule, const std::string& message, int line = __builtin_LINE()) {
    SGD sgd = two_groups();
    check_refused<std::invalid_argument>([&] { LRScheduler(sgd, schedule); }, message, line);
    CHECK(sgd.param_groups()[0].lr == 0.05);
}

double one(std::int64_t) { return 1; }

/// One of each, of options that are not the defaults.
std::vector<Schedule> every_schedule() {
    return {StepLR{.step_size = 3, .gamma = 0.3},
            MultiStepLR{.milestones = {2, 5, 9}, .gamma = 0.7},
            ExponentialLR{.gamma = 0.9},
            CosineAnnealingLR{.T_max = 7, .eta_min = 0.01},
            CosineAnnealingWarmRestarts{.T_0 = 3, .T_mult = 2, .eta_min = 0.01},
            OneCycleLR{.max_lr = {0.3, 0.6},
                       .epochs = 4,
                       .steps_per_epoch = 5,
                       .pct_start = 0.25,
                       .anneal_strategy = AnnealStrategy::linear,
                       .base_momentum = {0.5, 0.6},
                       .max_momentum = 0.7,
                       .div_factor = 10,
                       .final_div_factor = 100,
                       .three_phase = true},
            LambdaLR{.lr_lambda = {[](std::int64_t e) { return 1 / (1.0 + static_cast<double>(e)); }}},
            LinearLR{.start_factor = 0.3, .end_factor = 0.7, .total_iters = 6},
            ConstantLR{.factor = 0.3, .total_iters = 6},
            SequentialLR{
                .schedules = {LinearLR{.start_factor = 0.1, .total_iters = 3}, StepLR{.step_size = 2},
                              SequentialLR{.schedules = {warm_up(2), ExponentialLR{.gamma = 0.5}}, .milestones = {2}}},
                .milestones = {3, 8}}};
}

}  // namespace

TEST_CASE("schedulers: PyTorch's written targets [10.1] [10.2] [10.3] [10.4] [10.6] [10.7] [10.8]") {
    check_rates(StepLR{.step_size = 3}, {0.05, 0.05, 0.05, 0.005, 0.005, 0.005, 0.0005, 0.0005, 0.0005, 0.00005});
    check_rates(MultiStepLR{.milestones = {2, 5, 9}},
                {0.05, 0.05, 0.005, 0.005, 0.005, 0.0005, 0.0005, 0.0005, 0.0005, 0.00005});
    check_rates(ExponentialLR{.gamma = 0.9}, {0.05, 0.05 * 0.9, 0.05 * 0.81, 0.05 * 0.729});
    check_rates(LinearLR{.start_factor = 0.5, .total_iters = 4}, {0.025, 0.03125, 0.0375, 0.04375, 0.05, 0.05});
    check_rates(ConstantLR{.factor = 0.5, .total_iters = 4}, {0.025, 0.025, 0.025, 0.025, 0.05, 0.05});
    check_rates(CosineAnnealingLR{.T_max = 2}, {0.05, 0.025, 0, 0.025, 0.05, 0.025});  // it rises again
    check_rates(SequentialLR{.schedules = {ExponentialLR{.gamma = 0.9}, ConstantLR{.factor = 0.1, .total_iters = 2},
                                           StepLR{.step_size = 2, .gamma = 0.5}},
                             .milestones = {2, 5}},
                {0.05, 0.045, 0.005, 0.005, 0.05, 0.05, 0.05, 0.025, 0.025});
}

TEST_CASE("schedulers: a warm-up rises from base / n to base, and may come before another schedule [10.8] [10.9]") {
    check_rates(warm_up(4), {0.0125, 0.025, 0.0375, 0.05, 0.05});
    check_rates(warm_up(1), {0.05, 0.05});
    check_rates(SequentialLR{.schedules = {warm_up(2), ExponentialLR{.gamma = 0.5}}, .milestones = {2}},
                {0.025, 0.05, 0.05, 0.025});
    check_refused<std::invalid_argument>([] { warm_up(0); }, "warm_up: it must last at least 1 epoch, not 0");
}

TEST_CASE("schedulers: one function for all groups, or one for each [10.5]") {
    SGD sgd = two_groups();
    LRScheduler scheduler(sgd, LambdaLR{.lr_lambda = {[](std::int64_t e) { return 1 + static_cast<double>(e); }, one}});
    scheduler.step();
    scheduler.step();
    CHECK(scheduler.get_last_lr() == std::vector<double>{0.05 * 3, 0.5});
    check_schedule_refused(LambdaLR{.lr_lambda = {one, one, one}},
                           "LambdaLR: 3 functions for 2 groups; give one for all, or one for each");
    check_schedule_refused(LambdaLR{}, "LambdaLR: 0 functions for 2 groups; give one for all, or one for each");
    check_schedule_refused(LambdaLR{.lr_lambda = {one, nullptr}}, "LambdaLR: a function is empty");
    check_schedule_refused(SequentialLR{.schedules = {StepLR{.step_size = 1}, LambdaLR{}}, .milestones = {2}},
                           "LambdaLR: 0 functions for 2 groups; give one for all, or one for each");
}

TEST_CASE("schedulers: PyTorch's polynomial and multiplicative rates, as functions of the epoch [10.5]") {
    const auto polynomial = [](std::int64_t e) {
        return std::pow(1 - static_cast<double>(std::min<std::int64_t>(e, 5)) / 5, 0.9);
    };
    check_rates(LambdaLR{.lr_lambda = {polynomial}},
                {0.05, 0.05 * 0.8180521461, 0.05 * 0.6314458675, 0.05 * 0.4383832906, 0.05 * 0.2349237886, 0, 0},
                1e-11);
    const auto multiplied = [](std::int64_t e) { return std::pow(0.95, static_cast<double>(e)); };
    check_rates(LambdaLR{.lr_lambda = {multiplied}}, {0.05, 0.0475, 0.045125, 0.04286875});
}

TEST_CASE("schedulers: options out of range are refused at construction [10.11]") {
    check_schedule_refused(StepLR{}, "StepLR: step_size must be at least 1, got 0");
    check_schedule_refused(StepLR{.step_size = 1, .gamma = -1}, "StepLR: gamma must not be negative, got -1");
    check_schedule_refused(MultiStepLR{.milestones = {3, -1}}, "MultiStepLR: a milestone must not be negative, got -1");
    check_schedule_refused(MultiStepLR{.gamma = kNaN}, "MultiStepLR: gamma must not be negative, got nan");
    check_schedule_refused(ExponentialLR{}, "ExponentialLR: gamma is required, got nan");
    check_schedule_refused(ExponentialLR{.gamma = -1}, "ExponentialLR: gamma must not be negative, got -1");
    check_schedule_refused(CosineAnnealingLR{}, "CosineAnnealingLR: T_max must be at least 1, got 0");
    check_schedule_refused(CosineAnnealingLR{.T_max = 1, .eta_min = kInf},
                           "CosineAnnealingLR: eta_min must not be negative, got inf");
    check_schedule_refused(CosineAnnealingWarmRestarts{}, "CosineAnnealingWarmRestarts: T_0 must be at least 1, got 0");
    check_schedule_refused(CosineAnnealingWarmRestarts{.T_0 = 1, .T_mult = 0},
                           "CosineAnnealingWarmRestarts: T_mult must be at least 1, got 0");
    check_schedule_refused(CosineAnnealingWarmRestarts{.T_0 = 1, .eta_min = -1},
                           "CosineAnnealingWarmRestarts: eta_min must not be negative, got -1");
    check_schedule_refused(LinearLR{.start_factor = 1.5}, "LinearLR: start_factor must be between 0 and 1, got 1.5");
    check_schedule_refused(LinearLR{.end_factor = -1}, "LinearLR: end_factor must be between 0 and 1, got -1");
    check_schedule_refused(LinearLR{.total_iters = 0}, "LinearLR: total_iters must be at least 1, got 0");
    check_schedule_refused(ConstantLR{.factor = kNaN}, "ConstantLR: factor must be between 0 and 1, got nan");
    check_schedule_refused(ConstantLR{.total_iters = -3}, "ConstantLR: total_iters must be at least 1, got -3");
    check_schedule_refused(SequentialLR{}, "SequentialLR: 0 schedules need one milestone fewer, not 0");
    const StepLR step{.step_size = 1};
    check_schedule_refused(SequentialLR{.schedules = {step, step}, .milestones = {2, 4}},
                           "SequentialLR: 2 schedules need one milestone fewer, not 2");
    check_schedule_refused(SequentialLR{.schedules = {step, step}, .milestones = {0}},
                           "SequentialLR: milestones must ascend from 1 on, got 0 after 0");
    check_schedule_refused(SequentialLR{.schedules = {step, step, step}, .milestones = {4, 4}},
                           "SequentialLR: milestones must ascend from 1 on, got 4 after 4");
}

TEST_CASE("schedulers: options of one cycle out of range are refused at construction [10.11] [10.15]") {
    const auto refused = [](OneCycleLR cycle, const std::string& message, int line = __builtin_LINE()) {
        if (cycle.total_steps == 0) cycle.total_steps = 10;
        check_schedule_refused(cycle, "OneCycleLR: " + message, line);
    };
    refused({}, "max_lr has 0 values for 2 groups; give one for all, or one for each");
    refused({.max_lr = {1, 2, 3}}, "max_lr has 3 values for 2 groups; give one for all, or one for each");
    refused({.max_lr = {1, -2}}, "max_lr must not be negative, got -2");
    refused({.max_lr = 1, .total_steps = -1}, "total_steps must be at least 1, got -1");
    refused({.max_lr = 1, .pct_start = 1.5}, "pct_start must be between 0 and 1, got 1.5");
    refused({.max_lr = 1, .base_momentum = -1}, "base_momentum must not be negative, got -1");
    refused({.max_lr = 1, .max_momentum = {0.5, kNaN}}, "max_momentum must not be negative, got nan");
    Adam adam({Parameter(zeros({1}))});
    check_refused<std::invalid_argument>(
        [&] { LRScheduler(adam, OneCycleLR{.max_lr = 1, .total_steps = 9, .max_momentum = 1}); },
        "OneCycleLR: max_momentum must be in [0, 1) for betas, got 1");
    refused({.max_lr = 1, .max_momentum = {0.5, 0.5, 0.5}},
            "max_momentum has 3 values for 2 groups; give one for all, or one for each");
    refused({.max_lr = 1, .div_factor = 0}, "div_factor must be above 0, got 0");
    refused({.max_lr = 1, .final_div_factor = kInf}, "final_div_factor must be above 0, got inf");
    const std::string steps =
        "OneCycleLR: give total_steps, or epochs and steps_per_epoch, which must be at least 1, got ";
    check_schedule_refused(OneCycleLR{.max_lr = 1}, steps + "0 and 0");
    check_schedule_refused(OneCycleLR{.max_lr = 1, .epochs = 3}, steps + "3 and 0");
    check_schedule_refused(OneCycleLR{.max_lr = 1, .epochs = std::int64_t{1} << 40, .steps_per_epoch = 1 << 30},
                           "OneCycleLR: epochs times steps_per_epoch must be below 2^53, got 1180591620717411303424");
}

TEST_CASE("schedulers: PyTorch's written targets of one cycle [10.15]") {
    const auto check_cycle = [](const OneCycleLR& cycle, const std::vector<double>& rates,
                                const std::vector<double>& momenta) {
        SGD sgd = two_groups();
        LRScheduler scheduler(sgd, cycle);
        for (std::size_t step = 0; step < rates.size(); ++step) {
            INFO("step ", step);
            for (const HeldGroup& group : sgd.param_groups()) {
                CHECK(*group.lr == doctest::Approx(rates[step]));
                CHECK(*group.momentum == doctest::Approx(momenta[step]));
            }
            scheduler.step();
        }
    };
    check_cycle({.max_lr = 25,
                 .total_steps = 10,
                 .anneal_strategy = AnnealStrategy::linear,
                 .base_momentum = 1,
                 .max_momentum = 22,
                 .final_div_factor = 2},
                {1, 13, 25, 21.5, 18, 14.5, 11, 7.5, 4, 0.5}, {22, 11.5, 1, 4, 7, 10, 13, 16, 19, 22});
    check_cycle({.max_lr = 25,
                 .total_steps = 10,
                 .pct_start = 0.4,
                 .anneal_strategy = AnnealStrategy::linear,
                 .base_momentum = 1,
                 .max_momentum = 22,
                 .final_div_factor = 4,
                 .three_phase = true},
                {1, 9, 17, 25, 17, 9, 1, 0.75, 0.5, 0.25}, {22, 15, 8, 1, 8, 15, 22, 22, 22, 22});
}

TEST_CASE("schedulers: one cycle ends with its last step, and cycles a momentum only where there is one [10.15]") {
    const OneCycleLR cycle{.max_lr = 1, .total_steps = 3, .anneal_strategy = AnnealStrategy::linear};
    SGD sgd = two_groups();
    LRScheduler scheduler(sgd, cycle);
    for (int step = 0; step < 3; ++step) scheduler.step();
    CHECK(sgd.param_groups()[0].lr == doctest::Approx(0.04 / 1e4));  // PyTorch's third step would set one below 0
    CHECK(sgd.param_groups()[0].momentum == doctest::Approx(0.95));
    const State state = scheduler.state_dict();
    check_refused<std::invalid_argument>([&] { scheduler.step(); },
                                         "OneCycleLR: tried to step 4 times, more than the 3 of total_steps");
    CHECK(scheduler.state_dict() == state);

    Adagrad adagrad({Parameter(zeros({1}))}, {.lr = 0.5});
    check_refused<std::invalid_argument>(
        [&] { LRScheduler(adagrad, cycle); },
        "OneCycleLR: the optimizer has no momentum and no betas to cycle; set cycle_momentum = false");
    CHECK(adagrad.param_groups()[0].lr == 0.5);
    CHECK_FALSE(adagrad.param_groups()[0].initial_lr);
    LRScheduler rates_alone(adagrad, OneCycleLR{.max_lr = 1, .total_steps = 9, .cycle_momentum = false});
    CHECK(adagrad.param_groups()[0].lr == doctest::Approx(0.04));
    check_refused<std::invalid_argument>(
        [&] {
            State loaded = rates_alone.state_dict();
            loaded["scheduler.cycle_momentum"] = "true";
            loaded["scheduler.anneal_strategy"] = "sine";
            rates_alone.load_state_dict(loaded);
        },
        "LRScheduler: the state does not fit; nothing was loaded:"
        "\n  unreadable: scheduler.anneal_strategy is 'sine'");
}

TEST_CASE("schedulers: a rise of no steps begins at the top, where PyTorch divides by 0 [10.15]") {
    SGD sgd = two_groups();
    CHECK(LRScheduler(sgd, OneCycleLR{.max_lr = 1, .total_steps = 10, .pct_start = 0.1}).get_last_lr()[0] == 1);
    LRScheduler all_rise(sgd, OneCycleLR{.max_lr = 1, .total_steps = 2, .pct_start = 1});
    all_rise.step();
    CHECK(sgd.param_groups()[0].lr == 1);
    all_rise.step();
    CHECK(sgd.param_groups()[0].lr == doctest::Approx(0.04 / 1e4));
}

TEST_CASE("schedulers: one cycle may be a part of a chain, and moves momentum in its part alone [10.8] [10.15]") {
    SGD sgd({Parameter(zeros({1}))}, {.lr = 0.5, .momentum = 0.6});
    LRScheduler scheduler(
        sgd, SequentialLR{.schedules = {warm_up(2), OneCycleLR{.max_lr = 1, .total_steps = 3, .pct_start = 0.5}},
                          .milestones = {2}});
    CHECK(sgd.param_groups()[0].initial_lr == 0.5);
    scheduler.step();
    CHECK(sgd.param_groups()[0].lr == 0.5);
    CHECK(sgd.param_groups()[0].momentum == 0.6);
    scheduler.step();
    CHECK(sgd.param_groups()[0].lr == doctest::Approx(0.04));
    CHECK(sgd.param_groups()[0].momentum == doctest::Approx(0.95));
}

TEST_CASE("schedulers: restarts never overflow, however long their runs grow [10.14]") {
    SGD sgd = two_groups();
    LRScheduler scheduler(sgd, CosineAnnealingWarmRestarts{.T_0 = 1, .T_mult = std::int64_t{1} << 62});
    State state = scheduler.state_dict();
    state["scheduler.last_epoch"] = "9007199254740992";
    scheduler.load_state_dict(state);
    scheduler.step();
    CHECK(scheduler.get_last_lr()[0] == doctest::Approx(0.05));
}

TEST_CASE("schedulers: the first one's rates are where later ones start from, in a resumed run too [10.17]") {
    SGD sgd = two_groups();
    CHECK_FALSE(sgd.param_groups()[0].initial_lr);
    LRScheduler first(sgd, ExponentialLR{.gamma = 0.5});
    first.step();
    CHECK(sgd.param_groups()[0].initial_lr == 0.05);
    sgd.add_param_group({.params = {Parameter(zeros({1}))}, .lr = 3});

    SGD resumed({ParamGroup{.params = {Parameter(zeros({1}))}},
                 {.params = {Parameter(zeros({1}))}},
                 {.params = {Parameter(zeros({1}))}}},
                {.lr = 9});
    LRScheduler of_another_rate(resumed, StepLR{.step_size = 1});
    resumed.load_state_dict(sgd.state_dict());
    CHECK(resumed.state_dict().metadata == sgd.state_dict().metadata);
    for (SGD* one : {&sgd, &resumed}) {
        LRScheduler second(*one, ExponentialLR{.gamma = 0.5});
        CHECK(second.get_last_lr() == std::vector<double>{0.05, 0.5, 3});
        second.step();
        CHECK(second.get_last_lr() == std::vector<double>{0.025, 0.25, 1.5});
    }
    sgd.param_groups()[0].initial_lr = 0.8;  // as PyTorch users write it
    sgd.param_groups()[1].initial_lr.reset();
    CHECK(LRScheduler(sgd, StepLR{.step_size = 1}).get_last_lr() == std::vector<double>{0.8, 0.25, 3});

    OptimizerState bad = sgd.state_dict();
    bad.metadata["optim.param_groups.0.initial_lr"] = "-1";
    bad.metadata["optim.param_groups.1.initial_lr"] = "fast";
    check_refused<std::invalid_argument>([&] { sgd.load_state_dict(bad); },
                                         "SGD: the state does not fit; nothing was loaded:"
                                         "\n  out of range: optim.param_groups.0.initial_lr is -1"
                                         "\n  unreadable: optim.param_groups.1.initial_lr is 'fast'");
    CHECK(sgd.param_groups()[0].initial_lr == 0.8);
}

TEST_CASE("schedulers: one that is refused leaves no first rate behind [10.17]") {
    SGD sgd = two_groups();
    check_refused<std::invalid_argument>([&] { LRScheduler(sgd, LambdaLR{[](std::int64_t) { return -1.0; }}); },
                                         "LRScheduler: the learning rate of group 0 at epoch 0 would be -0.05");
    CHECK_FALSE(sgd.param_groups()[0].initial_lr);
}

TEST_CASE("schedulers: a rate that no optimizer takes is refused, and nothing has changed [10.5]") {
    SGD sgd = two_groups();
    LRScheduler scheduler(sgd, LambdaLR{.lr_lambda = {one, [](std::int64_t e) {
                                                          if (e == 3) throw std::domain_error("three");
                                                          return 2 - static_cast<double>(e);
                                                      }}});
    scheduler.step();
    scheduler.step();
    check_refused<std::domain_error>([&] { scheduler.step(); }, "three");
    CHECK(scheduler.last_epoch() == 2);
    CHECK(scheduler.get_last_lr() == std::vector<double>{0.05, 0});

    LRScheduler grows(sgd, LambdaLR{.lr_lambda = {one, [](std::int64_t e) { return e == 0 ? 1 : kNaN; }}});
    check_refused<std::invalid_argument>([&] { grows.step(); },
                                         "LRScheduler: the learning rate of group 1 at epoch 1 would be nan");
    CHECK(grows.last_epoch() == 0);
    sgd.param_groups()[0].lr.reset();
    check_refused<std::invalid_argument>([&] { LRScheduler(sgd, StepLR{.step_size = 1}); },
                                         "LRScheduler: the learning rate of group 0 at epoch 0 would be nan");
}

TEST_CASE("schedulers: a rate set by hand lasts until the next step, and a later group keeps its own [10.10] [10.12]") {
    SGD sgd = two_groups();
    LRScheduler scheduler(sgd, ExponentialLR{.gamma = 0.5});
    sgd.param_groups()[0].lr = 7;
    CHECK(scheduler.get_last_lr()[0] == 0.05);
    sgd.add_param_group({.params = {Parameter(zeros({1}))}, .lr = 3});
    scheduler.step();
    CHECK(sgd.param_groups()[0].lr == 0.025);
    CHECK(sgd.param_groups()[1].lr == 0.25);
    CHECK(sgd.param_groups()[2].lr == 3);
    CHECK(scheduler.get_last_lr().size() == 2);
    LRScheduler second(sgd, ExponentialLR{.gamma = 0.5});  // what a group has now is its base
    second.step();
    CHECK(sgd.param_groups()[2].lr == 1.5);
}

// PyTorch's CheckLRChange_StepLR_Adam.
TEST_CASE("schedulers: StepLR halves Adam's rate after 20 epochs [10.1]") {
    const Parameter p(zeros({1}));
    Adam adam({p});
    LRScheduler scheduler(adam, StepLR{.step_size = 20, .gamma = 0.5});
    p.add_grad(ones({1}));
    for (int epoch = 0; epoch < 20; ++epoch) {
        CHECK(adam.param_groups()[0].lr == 1e-3);
        adam.step();
        scheduler.step();
    }
    CHECK(adam.param_groups()[0].lr == 5e-4);
    const double before = element(p.value(), 0);
    adam.step();
    CHECK(before - element(p.value(), 0) == doctest::Approx(5e-4).epsilon(1e-4));
}

TEST_CASE("schedulers: a saved state goes on with the same bits, its options included [10.13]") {
    const std::vector<Schedule> all = every_schedule();
    const std::vector<Schedule> others = {
        StepLR{.step_size = 1},  // other options, which loading replaces
        MultiStepLR{},
        ExponentialLR{.gamma = 0.1},
        CosineAnnealingLR{.T_max = 2},
        CosineAnnealingWarmRestarts{.T_0 = 1},
        OneCycleLR{.max_lr = 1, .total_steps = 3, .cycle_momentum = false},
        all[6],  // functions are not saved
        LinearLR{},
        ConstantLR{},
        SequentialLR{
            .schedules = {LinearLR{.start_factor = 0.1, .total_iters = 3}, StepLR{.step_size = 2},
                          SequentialLR{.schedules = {warm_up(2), ExponentialLR{.gamma = 0.6}}, .milestones = {3}}},
            .milestones = {1, 2}}};
    for (std::size_t i = 0; i < all.size(); ++i) {
        INFO("schedule ", i);
        SGD sgd = two_groups(), resumed = two_groups();
        LRScheduler scheduler(sgd, all[i]);
        for (int epoch = 0; epoch < 4; ++epoch) scheduler.step();
        const State state = scheduler.state_dict();
        resumed.param_groups()[0].lr = 9;  // the bases are in the state
        LRScheduler restored(resumed, others[i]);
        restored.load_state_dict(state);
        CHECK(restored.state_dict() == state);
        for (int epoch = 4; epoch < 15; ++epoch) {
            CHECK(restored.last_epoch() == epoch);
            CHECK(restored.get_last_lr() == scheduler.get_last_lr());
            for (std::size_t g = 0; g < 2; ++g) {
                CHECK(resumed.param_groups()[g].lr == sgd.param_groups()[g].lr);
                CHECK(resumed.param_groups()[g].momentum == sgd.param_groups()[g].momentum);
            }
            scheduler.step();
            restored.step();
        }
    }
}

TEST_CASE("schedulers: a rate set by hand is there again, in whichever order states are loaded [10.12] [10.13]") {
    SGD sgd = two_groups();
    LRScheduler scheduler(sgd, StepLR{.step_size = 3, .gamma = 0.5});
    scheduler.step();
    sgd.param_groups()[0].lr = 0.25;
    for (const bool optimizer_first : {true, false}) {
        SGD resumed = two_groups();
        LRScheduler restored(resumed, StepLR{.step_size = 3, .gamma = 0.5});
        if (optimizer_first) resumed.load_state_dict(sgd.state_dict());
        restored.load_state_dict(scheduler.state_dict());
        if (!optimizer_first) resumed.load_state_dict(sgd.state_dict());
        CHECK(resumed.param_groups()[0].lr == 0.25);
        restored.step();
        CHECK(resumed.param_groups()[0].lr == 0.05);
    }
}

TEST_CASE("schedulers: a rate of 0 lets SparseAdam go on, as PyTorch's does [9.4] [10.4]") {
    const Parameter table(ones({4, 2}));
    SparseAdam adam({table}, {.lr = 0.5});
    LRScheduler scheduler(adam, CosineAnnealingLR{.T_max = 2});
    for (int epoch = 0; epoch < 4; ++epoch) {
        const Array before = table.value();
        table.add_grad(RowGradient({1}, ones({1, 2})));
        adam.step();
        CHECK((table.value()(1, 0) == before(1, 0)) == (adam.param_groups()[0].lr == 0.0));
        SparseAdam resumed({table}, {.lr = 0.5});
        resumed.load_state_dict(adam.state_dict());
        CHECK(resumed.param_groups()[0].lr == adam.param_groups()[0].lr);
        adam.zero_grad();
        scheduler.step();
    }
}

TEST_CASE("schedulers: what a state holds [10.13]") {
    SGD sgd = two_groups();
    LRScheduler scheduler(
        sgd,
        SequentialLR{.schedules = {LinearLR{.total_iters = 3}, MultiStepLR{.milestones = {4, 2}}}, .milestones = {3}});
    scheduler.step();
    sgd.param_groups()[0].lr = 0.25;  // by hand
    sgd.param_groups()[1].lr = 0.5;
    const State expected{{"scheduler.base_lrs", "0.05,0.5"},
                         {"scheduler.last_epoch", "1"},
                         {"scheduler.lrs", "0.25,0.5"},
                         {"scheduler.milestones", "3"},
                         {"scheduler.schedules.0.end_factor", "1"},
                         {"scheduler.schedules.0.start_factor", "0.3333333333333333"},
                         {"scheduler.schedules.0.total_iters", "3"},
                         {"scheduler.schedules.1.gamma", "0.1"},
                         {"scheduler.schedules.1.milestones", "4,2"}};
    CHECK(scheduler.state_dict() == expected);
}

TEST_CASE("schedulers: a state that does not fit is refused with every reason, and nothing is loaded [10.13]") {
    SGD sgd = two_groups();
    LRScheduler scheduler(sgd, StepLR{.step_size = 3, .gamma = 0.5});
    scheduler.step();
    const State good = scheduler.state_dict();
    const auto refuses = [&](const State& changes, const std::string& problems) {
        State state = good;
        for (const auto& [name, value] : changes) {
            state[name] = value;
            if (value.empty()) state.erase(name);
        }
        check_refused<std::invalid_argument>([&] { scheduler.load_state_dict(state); },
                                             "LRScheduler: the state does not fit; nothing was loaded:" + problems);
        CHECK(scheduler.state_dict() == good);
        CHECK(sgd.param_groups()[0].lr == 0.05);
    };
    refuses({{"scheduler.last_epoch", "-1"}, {"scheduler.base_lrs", "0.05"}, {"scheduler.step_size", "0"}},
            "\n  out of range: last_epoch is -1\n  out of range: base_lrs are 1, for 2 groups here"
            "\n  out of range: StepLR: step_size must be at least 1, got 0");
    refuses({{"scheduler.last_epoch", ""}, {"scheduler.gamma", "x"}, {"scheduler.factor", "2"}},
            "\n  missing: scheduler.last_epoch\n  unreadable: scheduler.gamma is 'x'\n  unexpected: scheduler.factor");
    refuses({{"scheduler.last_epoch", "9223372036854775807"}}, "\n  out of range: last_epoch is 9223372036854775807");
    refuses({{"scheduler.last_epoch", "9223372036854775808"}},
            "\n  unreadable: scheduler.last_epoch is '9223372036854775808'");
    for (const std::string bad : {"0.05,", ",0.05", "0.05,,0.5", "0.05 0.5", "0.05,0.5,", "a,b"})
        refuses({{"scheduler.base_lrs", bad}}, "\n  unreadable: scheduler.base_lrs is '" + bad + "'");
    refuses({{"scheduler.base_lrs", "0.05,-1"}}, "\n  out of range: one of the base_lrs must not be negative, got -1");
    refuses({{"scheduler.base_lrs", "nan,1"}}, "\n  out of range: one of the base_lrs must not be negative, got nan");
    refuses({{"scheduler.lrs", "0.05"}}, "\n  out of range: lrs are 1, for 2 groups here");

    State more = good;
    more["optim.param_groups"] = "1";  // somebody else's
    scheduler.load_state_dict(more);
    CHECK(scheduler.last_epoch() == 1);
}

TEST_CASE("schedulers: LambdaLR of a single function needs no list") {
    SGD sgd(Parameter(ones({1})), {.lr = 0.5});
    LRScheduler scheduler(sgd, LambdaLR{[](std::int64_t e) { return 1.0 / static_cast<double>(e + 1); }});
    scheduler.step();
    CHECK(sgd.param_groups()[0].lr == 0.25);
}

TEST_CASE("schedulers: one that is moved to itself stays as it is") {
    SGD sgd({Parameter(ones({1}))}, {.lr = 1});
    LRScheduler scheduler(sgd, StepLR{.step_size = 1, .gamma = 0.5});
    ReduceLROnPlateau plateau(sgd, {.factor = 0.1, .patience = 0});
    LRScheduler& same = scheduler;
    ReduceLROnPlateau& same_plateau = plateau;
    scheduler = std::move(same);
    plateau = std::move(same_plateau);
    scheduler.step();
    CHECK(scheduler.get_last_lr() == std::vector{0.5});
    plateau.step(1);
    plateau.step(1);
    CHECK(plateau.get_last_lr() == std::vector{0.05});
}
