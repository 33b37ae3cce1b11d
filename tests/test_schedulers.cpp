// Schedules and the scheduler that applies them. (PyTorch's rates: test_optim_reference.cpp.)
#include <embergrad/optim/schedulers.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>

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
    check_schedule_refused(ExponentialLR{}, "ExponentialLR: gamma must not be negative, got nan");
    check_schedule_refused(CosineAnnealingLR{}, "CosineAnnealingLR: T_max must be at least 1, got 0");
    check_schedule_refused(CosineAnnealingLR{.T_max = 1, .eta_min = kInf},
                           "CosineAnnealingLR: eta_min must not be negative, got inf");
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
        all[4],  // functions are not saved
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
            for (std::size_t g = 0; g < 2; ++g) CHECK(resumed.param_groups()[g].lr == sgd.param_groups()[g].lr);
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
