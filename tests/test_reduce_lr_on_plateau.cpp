// ReduceLROnPlateau: when it lowers rates, what it refuses, its state. (PyTorch's rates: test_optim_reference.cpp.)
#include <embergrad/optim/reduce_lr_on_plateau.hpp>

#include <cmath>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/optim/schedulers.hpp>
#include <embergrad/optim/sgd.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using State = std::map<std::string, std::string>;

SGD two_groups() {
    return SGD({ParamGroup{.params = {Parameter(zeros({1}))}, .lr = 0.25}, {.params = {Parameter(zeros({1}))}}},
               {.lr = 0.5});
}

void check_options_refused(const ReduceLROnPlateauOptions& options, const std::string& message,
                           int line = __builtin_LINE()) {
    SGD sgd = two_groups();
    check_refused<std::invalid_argument>([&] { ReduceLROnPlateau(sgd, options); }, "ReduceLROnPlateau: " + message,
                                         line);
    CHECK(sgd.param_groups()[0].lr == 0.25);
}

}  // namespace

TEST_CASE("plateau: a rate is lowered when more than `patience` epochs in a row are no better [10.16]") {
    SGD sgd = two_groups();
    ReduceLROnPlateau scheduler(sgd, {.factor = 0.5, .patience = 2});
    CHECK(scheduler.get_last_lr() == std::vector<double>{0.25, 0.5});
    for (const double loss : {3.0, 2.0, 2.0, 2.5}) scheduler.step(loss);
    CHECK(scheduler.best() == 2);
    CHECK(scheduler.num_bad_epochs() == 2);
    CHECK(sgd.param_groups()[0].lr == 0.25);
    scheduler.step(1.99995);  // less than a threshold of 1e-4 below the best
    CHECK(sgd.param_groups()[0].lr == 0.125);
    CHECK(scheduler.num_bad_epochs() == 0);
    CHECK(scheduler.get_last_lr() == std::vector<double>{0.125, 0.25});
}

TEST_CASE("plateau: PyTorch's written targets [10.16]") {
    const auto series = [](std::size_t n, auto f) {
        std::vector<double> values;
        for (std::size_t i = 0; i < n; ++i) values.push_back(f(static_cast<double>(i)));
        return values;
    };
    /// Runs of equal rates: how many, and which.
    using Runs = std::vector<std::pair<int, double>>;
    const auto check_rates = [](const ReduceLROnPlateauOptions& options, const std::vector<double>& metrics,
                                const Runs& runs, std::size_t group = 0) {
        SGD sgd = two_groups();
        for (HeldGroup& each : sgd.param_groups()) each.lr = 0.5;
        ReduceLROnPlateau scheduler(sgd, options);
        std::size_t epoch = 0;
        for (const auto& [count, rate] : runs) {
            for (int i = 0; i < count; ++i, ++epoch) {
                scheduler.step(metrics.at(epoch));
                INFO("epoch ", epoch);
                CHECK(*sgd.param_groups()[group].lr == doctest::Approx(rate));
            }
        }
    };
    const auto max = PlateauMode::max;
    const auto abs = ThresholdMode::abs;
    check_rates({.patience = 5, .threshold = 0.01, .threshold_mode = abs, .cooldown = 5},
                series(20, [](double i) { return 10 - i * 0.0167; }), {{20, 0.5}});
    check_rates({.patience = 5, .threshold = 0.1, .threshold_mode = abs},
                series(22, [](double i) { return 10 - i * 0.0165; }), {{6, 0.5}, {7, 0.05}, {7, 0.005}, {2, 0.0005}});
    check_rates({.mode = max, .patience = 5, .threshold_mode = abs, .cooldown = 5},
                series(22, [](double i) { return i < 2 ? -0.8 : -0.234; }), {{8, 0.5}, {11, 0.05}, {3, 0.005}});
    check_rates({.mode = max, .patience = 3, .threshold = 0.1},
                series(20, [](double i) { return 1.5 * std::pow(1.025, i); }), {{20, 0.5}});
    const auto slow = series(20, [](double i) { return 1.5 * std::pow(1.005, i); });
    check_rates({.mode = max, .patience = 5, .threshold = 0.1, .cooldown = 5}, slow,
                {{6, 0.5}, {11, 0.05}, {3, 0.005}});
    check_rates({.threshold = 0.1}, series(20, [](double i) { return 1.5 * std::pow(0.85, i); }), {{20, 0.5}});
    check_rates({.patience = 5, .threshold = 0.1, .cooldown = 5},
                series(20, [](double i) { return i < 7   ? 1
                                                 : i < 8 ? 0.6
                                                         : 0.5; }), {{6, 0.5}, {11, 0.05}, {3, 0.005}});
    const ReduceLROnPlateauOptions bounded{
        .mode = max, .patience = 5, .threshold = 0.1, .cooldown = 5, .min_lr = {0.4, 0.3}};
    check_rates(bounded, slow, {{6, 0.5}, {14, 0.4}}, 0);
    check_rates(bounded, slow, {{6, 0.5}, {14, 0.3}}, 1);
}

TEST_CASE("plateau: NaN is never better, and the rate goes down for it [10.16]") {
    for (const PlateauMode mode : {PlateauMode::min, PlateauMode::max}) {
        SGD sgd = two_groups();
        ReduceLROnPlateau scheduler(sgd, {.mode = mode, .factor = 0.5, .patience = 1});
        scheduler.step(1);
        scheduler.step(kNaN);
        scheduler.step(kNaN);
        CHECK(scheduler.best() == 1);
        CHECK(sgd.param_groups()[0].lr == 0.125);
    }
}

TEST_CASE("plateau: it starts from the rate of the moment, whoever set it [10.16]") {
    SGD sgd = two_groups();
    ReduceLROnPlateau scheduler(sgd, {.factor = 0.5, .patience = 0});
    scheduler.step(1);
    sgd.param_groups()[0].lr = 8;
    scheduler.step(1);
    CHECK(sgd.param_groups()[0].lr == 4);
    CHECK_FALSE(sgd.param_groups()[0].initial_lr);
    LRScheduler warm(sgd, warm_up(2));
    CHECK(sgd.param_groups()[0].initial_lr == 4);
}

TEST_CASE("plateau: groups added later take part, unless min_lr is a list [10.16]") {
    SGD sgd = two_groups();
    ReduceLROnPlateau all(sgd, {.factor = 0.5, .patience = 0}), listed(sgd, {.patience = 0, .min_lr = {0.1, 0.2}});
    sgd.add_param_group({.params = {Parameter(zeros({1}))}, .lr = 4});
    all.step(1);
    all.step(1);
    CHECK(all.get_last_lr() == std::vector<double>{0.125, 0.25, 2});
    check_refused<std::invalid_argument>(
        [&] { listed.step(1); },
        "ReduceLROnPlateau: min_lr has 2 values, and the optimizer 3 groups by now; give one for all");
    CHECK(listed.last_epoch() == 0);
    sgd.param_groups()[1].lr.reset();
    check_refused<std::invalid_argument>([&] { all.step(1); },
                                         "ReduceLROnPlateau: the learning rate of group 1 is nan");
    CHECK(all.last_epoch() == 2);
    CHECK(sgd.param_groups()[0].lr == 0.125);
}

TEST_CASE("plateau: options out of range are refused at construction [10.16]") {
    check_options_refused({.factor = 1}, "factor must be in [0, 1), got 1");
    check_options_refused({.factor = -0.5}, "factor must be in [0, 1), got -0.5");
    check_options_refused({.factor = kNaN}, "factor must be in [0, 1), got nan");
    check_options_refused({.patience = -1}, "patience must not be negative, got -1");
    check_options_refused({.threshold = -1}, "threshold must not be negative, got -1");
    check_options_refused({.threshold = kNaN}, "threshold must not be negative, got nan");
    check_options_refused({.threshold = 1}, "threshold must be below 1 for min and rel, got 1");
    check_options_refused({.cooldown = -2}, "cooldown must not be negative, got -2");
    check_options_refused({.min_lr = -1}, "min_lr must not be negative, got -1");
    check_options_refused({.min_lr = {0.1, kInf}}, "min_lr must not be negative, got inf");
    check_options_refused({.min_lr = {0.1, 0.1, 0.1}},
                          "min_lr has 3 values for 2 groups; give one for all, or one for each");
    check_options_refused({.eps = -1e-8}, "eps must not be negative, got -1e-08");
    SGD sgd = two_groups();
    CHECK_NOTHROW(ReduceLROnPlateau(sgd, {.mode = PlateauMode::max, .threshold = 2}));
    CHECK_NOTHROW(ReduceLROnPlateau(sgd, {.threshold = 2, .threshold_mode = ThresholdMode::abs}));
}

TEST_CASE("plateau: a saved state goes on as the first would have, its options included [10.16]") {
    SGD sgd = two_groups(), resumed = two_groups();
    const std::vector<double> metrics{1, 2, 1, 1, 3, 2, 2, 2, 2, 2, 5, 2, 2, 2};
    ReduceLROnPlateau scheduler(sgd, {.mode = PlateauMode::max,
                                      .factor = 0.5,
                                      .patience = 1,
                                      .threshold = 0.25,
                                      .threshold_mode = ThresholdMode::abs,
                                      .cooldown = 2,
                                      .min_lr = {0.01, 0.3},
                                      .eps = 0});
    ReduceLROnPlateau restored(resumed);
    for (std::size_t epoch = 0; epoch < metrics.size(); ++epoch) {
        INFO("epoch ", epoch);
        restored.load_state_dict(scheduler.state_dict());
        CHECK(restored.state_dict() == scheduler.state_dict());
        CHECK(restored.get_last_lr() == scheduler.get_last_lr());
        scheduler.step(metrics[epoch]);
        restored.step(metrics[epoch]);
        for (std::size_t g = 0; g < 2; ++g) CHECK(resumed.param_groups()[g].lr == sgd.param_groups()[g].lr);
    }
    CHECK(sgd.param_groups()[0].lr < 0.1);
    CHECK(sgd.param_groups()[1].lr == 0.3);
}

TEST_CASE("plateau: what a state holds, and which states are refused as a whole [10.16]") {
    SGD sgd = two_groups();
    ReduceLROnPlateau scheduler(sgd);
    State expected{{"plateau.best", "inf"},          {"plateau.cooldown", "0"},      {"plateau.cooldown_counter", "0"},
                   {"plateau.eps", "1e-08"},         {"plateau.factor", "0.1"},      {"plateau.last_epoch", "0"},
                   {"plateau.lrs", "0.25,0.5"},      {"plateau.min_lr", "0"},        {"plateau.mode", "min"},
                   {"plateau.patience", "10"},       {"plateau.threshold", "1e-04"}, {"plateau.num_bad_epochs", "0"},
                   {"plateau.threshold_mode", "rel"}};
    CHECK(scheduler.state_dict() == expected);
    const auto refuses = [&](const State& changes, const std::string& problems) {
        State state = expected;
        for (const auto& [name, value] : changes) {
            state[name] = value;
            if (value.empty()) state.erase(name);
        }
        check_refused<std::invalid_argument>(
            [&] { scheduler.load_state_dict(state); },
            "ReduceLROnPlateau: the state does not fit; nothing was loaded:" + problems);
        CHECK(scheduler.state_dict() == expected);
    };
    refuses({{"plateau.last_epoch", "-1"}, {"plateau.best", ""}, {"plateau.mode", "least"}, {"plateau.gamma", "1"}},
            "\n  out of range: last_epoch is -1\n  missing: plateau.best\n  unreadable: plateau.mode is 'least'"
            "\n  unexpected: plateau.gamma");
    refuses({{"plateau.lrs", "0.25"}, {"plateau.best", "nan"}, {"plateau.factor", "2"}},
            "\n  out of range: lrs are 1, for 2 groups here"
            "\n  out of range: ReduceLROnPlateau: factor must be in [0, 1), got 2\n  out of range: best is nan");
    refuses({{"plateau.num_bad_epochs", "x"}, {"plateau.cooldown_counter", "-1"}},
            "\n  unreadable: plateau.num_bad_epochs is 'x'\n  out of range: cooldown_counter is -1");

    State more = expected;
    more["optim.param_groups"] = more["scheduler.last_epoch"] = "1";  // somebody else's
    CHECK_NOTHROW(scheduler.load_state_dict(more));
    LRScheduler other(sgd, StepLR{.step_size = 1});
    CHECK_THROWS_AS(scheduler.load_state_dict(other.state_dict()), std::invalid_argument);
}

TEST_CASE("plateau: the optimizer may be moved; one that has ended is named [10.16]") {
    auto sgd = std::make_unique<SGD>(two_groups());
    ReduceLROnPlateau scheduler(*sgd, {.factor = 0.5, .patience = 0});
    auto moved = std::make_unique<SGD>(std::move(*sgd));
    scheduler.step(1);
    scheduler.step(1);
    CHECK(moved->param_groups()[0].lr == 0.125);
    moved.reset();
    constexpr const char* kGone = "ReduceLROnPlateau: its optimizer has ended, or another one was assigned to it";
    CHECK_THROWS_WITH_AS(scheduler.step(1), kGone, std::logic_error);
    CHECK_THROWS_WITH_AS(scheduler.state_dict(), kGone, std::logic_error);
    CHECK_THROWS_WITH_AS(scheduler.load_state_dict({}), kGone, std::logic_error);
    CHECK_THROWS_WITH_AS(ReduceLROnPlateau{*sgd}, "Optimizer: this one was moved from; use the one it was moved to",
                         std::logic_error);
}
