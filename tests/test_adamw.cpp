// AdamW: a naive twin, what sets it apart from Adam, and refusals. (PyTorch's numbers: test_optim_reference.cpp.)
#include <embergrad/optim/adamw.hpp>

#include <embergrad/optim/adam.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

/// One value of AdamW, straight from the formulas.
struct ByFormula {
    double p, m = 0, v = 0, largest = 0;

    void step(const AdamWOptions& o, int t, double g) {
        const auto [beta1, beta2] = o.betas;
        if (o.maximize) g = -g;
        p *= 1 - o.lr * o.weight_decay;
        m = beta1 * m + (1 - beta1) * g;
        v = beta2 * v + (1 - beta2) * g * g;
        largest = std::max(largest, v);
        const double spread = std::sqrt(o.amsgrad ? largest : v) / std::sqrt(1 - std::pow(beta2, t));
        p -= o.lr / (1 - std::pow(beta1, t)) * m / (spread + o.eps);
    }
};

void check_twin(const AdamWOptions& options) {
    Rng rng(11);
    const Parameter p = random_parameter({19}, rng);
    std::vector<ByFormula> twins;
    for (Real x : p.value().storage()) twins.push_back({.p = static_cast<double>(x)});
    AdamW adamw({p}, options);
    for (int t = 1; t <= 50; ++t) {
        const Array g = random_array({19}, rng);
        adamw.zero_grad();
        p.add_grad(g);
        adamw.step();
        for (std::size_t i = 0; i < twins.size(); ++i) twins[i].step(options, t, element(g, i));
    }
    for (std::size_t i = 0; i < twins.size(); ++i) CHECK(is_near(element(p.value(), i), twins[i].p));
}

}  // namespace

TEST_CASE("adamw: a naive twin in double [9.3]") {
    check_twin({.lr = 0.01});
    check_twin({.lr = 0.01, .betas = {0.5, 0.7}, .eps = 0.1, .weight_decay = 0.2});
    check_twin({.lr = 0.01, .betas = {0.9, 0.6}, .amsgrad = true});
    check_twin({.lr = 0.01, .weight_decay = 0.2, .amsgrad = true, .maximize = true});
}

TEST_CASE("adamw: values shrink before the step, by lr times weight_decay, also under a gradient of zeros [9.3]") {
    const Parameter p(full({1}, 8));
    AdamW adamw({p}, {.lr = 0.5, .weight_decay = 0.5});
    p.add_grad(zeros({1}));
    adamw.step();
    CHECK(p.value()(0) == 6);  // 8 (1 - 0.25); Adam would have moved by lr
    p.zero_grad();
    adamw.step();
    CHECK(p.value()(0) == 6);  // no gradient: no decay either
    p.add_grad(full({1}, 1));
    adamw.param_groups()[0].betas = {{0.0, 0.0}};
    adamw.step();
    check_near(p.value(), {4}, 1e-6);  // 6 (1 - 0.25) - 0.5
}

TEST_CASE("adamw: the default decay is 0.01; with none it is Adam, bit for bit [9.3]") {
    const Parameter p(full({1}, 1000));
    AdamW adamw({p}, {.lr = 0.5});
    CHECK(adamw.param_groups()[0].weight_decay == 0.01);
    p.add_grad(zeros({1}));
    adamw.step();
    check_near(p.value(), {995}, 1e-6);

    for (const bool amsgrad : {false, true}) {
        Rng rng(3);
        const Parameter a = random_parameter({5, 3}, rng), b = a.clone();
        AdamW without({a}, {.lr = 0.1, .weight_decay = 0, .amsgrad = amsgrad});
        Adam adam({b}, {.lr = 0.1, .amsgrad = amsgrad});
        for (int step = 0; step < 10; ++step) {
            const Array g = random_array({5, 3}, rng);
            without.zero_grad();
            adam.zero_grad();
            a.add_grad(g);
            b.add_grad(g);
            without.step();
            adam.step();
        }
        check_same(a.value(), b.value());
    }
}

TEST_CASE("adamw: options out of range are refused [9.6]") {
    const Parameter p(ones({2}));
    const auto make = [&](AdamWOptions o) { return [=] { AdamW({p}, o); }; };
    check_refused<std::invalid_argument>(make({.lr = -1}), "AdamW: Invalid learning rate: -1");
    check_refused<std::invalid_argument>(make({.betas = {1.0, 0.5}}), "AdamW: Invalid beta parameter at index 0: 1");
    check_refused<std::invalid_argument>(make({.eps = -1}), "AdamW: Invalid epsilon value: -1");
    check_refused<std::invalid_argument>(make({.weight_decay = -1}), "AdamW: Invalid weight_decay value: -1");
    check_refused<std::invalid_argument>([&] { AdamW({ParamGroup{.params = {p}, .momentum = 0.9}}); },
                                         "AdamW, group 0: AdamW has no option momentum");
}

TEST_CASE("adamw: a warm step allocates nothing, and counts as one change of the values") {
    const Parameter p(ones({50, 8})), scalar(ones({})), nothing(ones({0, 3}));
    AdamW adamw({p, scalar, nothing}, {.amsgrad = true});
    for (const Parameter& each : {p, scalar, nothing}) each.add_grad(full(each.shape(), 1));
    adamw.step();
    const std::uint64_t before = memory_stats().system_allocations;
    for (int step = 0; step < 10; ++step) adamw.step();
    CHECK(memory_stats().system_allocations == before);
    CHECK(p.version() == 11);
}
