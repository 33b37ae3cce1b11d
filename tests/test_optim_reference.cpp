// PyTorch's numbers for every optimizer over its options, for schedules and for clipping (reference/optim.py).
#include <memory>

#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/adamw.hpp>
#include <embergrad/optim/clip.hpp>
#include <embergrad/optim/reduce_lr_on_plateau.hpp>
#include <embergrad/optim/schedulers.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>

#include "reference/optim_says.hpp"
#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

Array gradient(int step) {
    Array g(Shape{3, 2});
    for (int i = 0; i < 6; ++i) g.data()[i] = static_cast<Real>((7 * step + 5 * (i / 2) + 3 * (i % 2)) % 11 - 5) / 4;
    return g;
}

std::unique_ptr<Optimizer> make(std::string_view name, const std::vector<ParamGroup>& groups) {
    if (name == "SGD") return std::make_unique<SGD>(groups);
    if (name == "Adam") return std::make_unique<Adam>(groups);
    if (name == "AdamW") return std::make_unique<AdamW>(groups);
    if (name == "SparseAdam") return std::make_unique<SparseAdam>(groups);
    REQUIRE(name == "Adagrad");
    return std::make_unique<Adagrad>(groups);
}

/// Of rates 0.05 and 0.5.
std::unique_ptr<Optimizer> two_groups(std::string_view name) {
    return make(name,
                {{.params = {Parameter(zeros({1}))}, .lr = 0.05}, {.params = {Parameter(zeros({1}))}, .lr = 0.5}});
}

Array values_after_5_steps(std::string_view optimizer, bool by_rows, ParamGroup group) {
    const Parameter p(array({3, 2}, {0.5, -1.25, 2, 0.75, -0.125, 3}));
    group.params = {p};
    const auto made = make(optimizer, {group});
    for (int step = 1; step <= 5; ++step) {
        made->zero_grad();
        if (by_rows)
            p.add_grad(RowGradient({step % 3, (step + 1) % 3, step % 3}, gradient(step)));
        else if (step != 3)
            p.add_grad(gradient(step));
        made->step();
    }
    return p.value();
}

/// A 2-3-1 net that learns exclusive or, as `trajectory` of optim.py has it.
struct SmallNet {
    std::vector<Parameter> weights{Parameter(zeros({3, 2})), Parameter(zeros({3})), Parameter(zeros({1, 3})),
                                   Parameter(zeros({1}))};

    SmallNet() { assign_waves(weights); }

    void backward() const {
        Tape tape;
        const Var x = tape.constant(array({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1}));
        const Var y = tape.constant(array({4, 1}, {0, 1, 1, 0}));
        const Var hidden = tanh(linear(x, tape.leaf(weights[0]), tape.leaf(weights[1])));
        const Var error = linear(hidden, tape.leaf(weights[2]), tape.leaf(weights[3])) - y;
        tape.backward(mean(error * error));
    }

    Array all() const {
        std::vector<double> values;
        for (const Parameter& w : weights) values.insert(values.end(), w.value().begin(), w.value().end());
        return array({values.size()}, values);
    }
};

std::vector<double> listed(const auto& values) { return {values.begin(), values.end()}; }

}  // namespace

TEST_CASE("optimizers: PyTorch's numbers over all options [9.0] [9.1] [9.2] [9.3] [9.4] [9.5]") {
    CHECK(kStepped.size() > 140);
    for (std::size_t i = 0; i < kStepped.size(); ++i) {
        INFO(std::string(kStepped[i].optimizer), ", case ", i);
        const Stepped& says = kStepped[i];
        check_near(values_after_5_steps(says.optimizer, says.by_rows, says.options), listed(says.values));
    }
}

TEST_CASE("optimizers: Adam and AdamW give SparseAdam's numbers for rows, where their group says so [9.4]") {
    for (std::size_t i = 0; i < kStepped.size(); ++i) {
        const Stepped& says = kStepped[i];
        if (says.optimizer != "SparseAdam") continue;
        INFO("case ", i);
        ParamGroup group = says.options;
        group.lazy_rows = true;
        group.weight_decay = 0;
        const Array sparse = values_after_5_steps("SparseAdam", true, says.options);
        check_same(values_after_5_steps("Adam", true, group), sparse);
        check_same(values_after_5_steps("AdamW", true, group), sparse);
    }
}

TEST_CASE("optimizers: PyTorch's weights after a thousand steps of a small net [9.1] [9.2] [9.3] [9.5]") {
    const double tolerance = kDouble ? 1e-9 : 1e-3;  // PyTorch's own test allows 1e-3
    for (std::size_t i = 0; i < kTrajectories.size(); ++i) {
        const Trajectory& says = kTrajectories[i];
        INFO(std::string(says.optimizer), ", case ", i);
        const SmallNet net;
        ParamGroup group = says.options;
        group.params = net.weights;
        const auto optimizer = make(says.optimizer, {group});
        for (int step = 1; step <= 1000; ++step) {
            optimizer->zero_grad();
            net.backward();
            optimizer->step();
            if (step == 100) check_near(net.all(), listed(says.weights[0]), tolerance);
        }
        check_near(net.all(), listed(says.weights[1]), tolerance);
    }
}

TEST_CASE(
    "schedulers: PyTorch's rates, for two groups "
    "[10.1] [10.2] [10.3] [10.4] [10.6] [10.7] [10.8] [10.10] [10.14]") {
    CHECK(kScheduled.size() > 25);
    for (const Scheduled& says : kScheduled) {
        INFO(std::string(says.name));
        const auto optimizer = two_groups("SGD");
        LRScheduler scheduler(*optimizer, says.schedule);
        for (std::size_t epoch = 0; epoch < says.rates[0].size(); ++epoch) {
            INFO("epoch ", epoch);
            CHECK(scheduler.last_epoch() == static_cast<std::int64_t>(epoch));
            for (std::size_t g = 0; g < 2; ++g) {
                CHECK(std::abs(*optimizer->param_groups()[g].lr - says.rates[g][epoch]) < 1e-12);
                CHECK(scheduler.get_last_lr()[g] == *optimizer->param_groups()[g].lr);
            }
            scheduler.step();
        }
    }
}

TEST_CASE("schedulers: PyTorch's one cycle, of rates and of momentum [10.15]") {
    for (std::size_t i = 0; i < kCycled.size(); ++i) {
        INFO("case ", i);
        const Cycled& says = kCycled[i];
        const auto optimizer = two_groups(says.optimizer);
        LRScheduler scheduler(*optimizer, says.cycle);
        for (std::size_t step = 0; step < says.rates[0].size(); ++step) {
            INFO("step ", step);
            if (step > 0) scheduler.step();
            for (std::size_t g = 0; g < 2; ++g) {
                const HeldGroup& group = optimizer->param_groups()[g];
                CHECK(std::abs(*group.lr - says.rates[g][step]) < 1e-12);
                CHECK(std::abs((group.betas ? (*group.betas)[0] : *group.momentum) - says.momenta[g][step]) < 1e-12);
                if (group.betas) CHECK((*group.betas)[1] == 0.999);
            }
        }
    }
}

TEST_CASE("schedulers: one made after another starts where PyTorch's does [10.17]") {
    for (std::size_t i = 0; i < kSecond.size(); ++i) {
        INFO("case ", i);
        const Second& says = kSecond[i];
        const auto optimizer = two_groups("SGD");
        LRScheduler first(*optimizer, says.first);
        for (int step = 0; step < says.steps; ++step) first.step();
        if (says.by_hand > 0) optimizer->param_groups()[0].lr = says.by_hand;
        LRScheduler second(*optimizer, says.second);
        for (std::size_t epoch = 0; epoch < says.rates[0].size(); ++epoch) {
            INFO("epoch ", epoch);
            for (std::size_t g = 0; g < 2; ++g)
                CHECK(std::abs(*optimizer->param_groups()[g].lr - says.rates[g][epoch]) < 1e-12);
            second.step();
        }
    }
}

TEST_CASE("schedulers: PyTorch's rates on plateaus [10.16]") {
    for (std::size_t i = 0; i < kPlateaus.size(); ++i) {
        INFO("case ", i);
        const Plateau& says = kPlateaus[i];
        const auto optimizer = two_groups("SGD");
        ReduceLROnPlateau scheduler(*optimizer, says.options);
        for (std::size_t epoch = 0; epoch < says.metrics.size(); ++epoch) {
            INFO("epoch ", epoch);
            scheduler.step(says.metrics[epoch]);
            CHECK(scheduler.last_epoch() == static_cast<std::int64_t>(epoch + 1));
            for (std::size_t g = 0; g < 2; ++g) {
                CHECK(std::abs(*optimizer->param_groups()[g].lr - says.rates[g][epoch]) < 1e-12);
                CHECK(scheduler.get_last_lr()[g] == *optimizer->param_groups()[g].lr);
            }
        }
    }
}

TEST_CASE("clip: PyTorch's numbers for every norm type [9.7]") {
    for (const Clipped& says : kClipped) {
        INFO("norm type ", says.norm_type);
        const Parameter a(zeros({3, 2})), b(zeros({3, 2}));
        a.add_grad(gradient(1));
        b.add_grad(gradient(2));
        CHECK(is_near(clip_grad_norm({a, b}, 1.5, says.norm_type), says.total));
        check_near(a.grad(), listed(says.first));
    }
}
