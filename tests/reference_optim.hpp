// How each optimizer, way to clip and scheduler of the reference cases is run through embergrad.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/adamw.hpp>
#include <embergrad/optim/clip.hpp>
#include <embergrad/optim/schedulers.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>

#include "reference_cases.hpp"

namespace embergrad::testing {

// ---- optimizers ----------------------------------------------------------------------------------------------------

/// Adds the gradient "g<name>", or that by rows of "rows<name>" and "values<name>", if the case has one.
inline void add_reference_gradient(const ReferenceCase& c, const Parameter& parameter, const std::string& name) {
    if (c.has_input("g" + name)) parameter.add_grad(c.input("g" + name));
    if (!c.has_input("rows" + name)) return;
    const IdArray rows = c.ids("rows" + name);
    parameter.add_grad(RowGradient({rows.begin(), rows.end()}, c.input("values" + name)));
}

/// Whatever a group may say of what the options hold.
inline ParamGroup group_of(const ReferenceOptions& o) {
    using Reals = std::optional<double> ParamGroup::*;
    using Flags = std::optional<bool> ParamGroup::*;
    static const std::map<std::string, Reals> reals{
        {"lr", &ParamGroup::lr},
        {"lr_decay", &ParamGroup::lr_decay},
        {"momentum", &ParamGroup::momentum},
        {"dampening", &ParamGroup::dampening},
        {"eps", &ParamGroup::eps},
        {"weight_decay", &ParamGroup::weight_decay},
        {"initial_accumulator_value", &ParamGroup::initial_accumulator_value}};
    static const std::map<std::string, Flags> flags{
        {"nesterov", &ParamGroup::nesterov}, {"amsgrad", &ParamGroup::amsgrad}, {"maximize", &ParamGroup::maximize}};
    ParamGroup group;
    for (const auto& [name, member] : reals)
        if (o.has(name)) group.*member = o.real(name);
    for (const auto& [name, member] : flags)
        if (o.has(name)) group.*member = o.get<bool>(name);
    if (o.has("betas")) group.betas = o.get<std::array<double, 2>>("betas");
    return group;
}

/// Two parameters, in one group or, with a learning rate of its own for the second, in two.
inline std::vector<ParamGroup> groups_of(const ReferenceOptions& o, const std::vector<Parameter>& p) {
    ParamGroup first = group_of(o);
    const auto second_lr = o.optional<double>("second_lr");
    first.params = p;
    if (!second_lr) return {first};
    ParamGroup second = first;
    first.params = {p[0]};
    second.params = {p[1]};
    second.lr = second_lr;
    return {first, second};
}

/// Each parameter after each step must be as PyTorch's.
inline void check_steps(const ReferenceCase& c, Optimizer& optimizer, const std::vector<Parameter>& p) {
    const auto steps = c.options().get<std::size_t>("steps");
    std::vector<Array> seen;
    for (const Parameter& parameter : p) seen.emplace_back(Shape{steps, parameter.shape()[0], parameter.shape()[1]});
    for (std::size_t step = 0; step < steps; ++step) {
        optimizer.zero_grad();
        for (std::size_t i = 0; i < p.size(); ++i)
            add_reference_gradient(c, p[i], std::to_string(i) + "_" + std::to_string(step + 1));
        optimizer.step();
        for (std::size_t i = 0; i < p.size(); ++i)
            std::copy_n(p[i].value().data(), p[i].size(), seen[i].data() + step * p[i].size());
    }
    for (std::size_t i = 0; i < p.size(); ++i) c.check("p" + std::to_string(i), seen[i]);
}

/// `change` makes the groups of another optimizer that must give the same numbers.
template <class Made>
void run_optimizer(const ReferenceCase& c, void (*change)(ParamGroup&)) {
    const std::vector<Parameter> p{Parameter(c.input("p0")), Parameter(c.input("p1"))};
    REQUIRE(c.options().json("kinds").size() == p.size());  // which kind is what the inputs say
    std::vector<ParamGroup> groups = groups_of(c.options(), p);
    for (ParamGroup& group : groups) change(group);
    Made optimizer(groups);
    check_steps(c, optimizer, p);
}

template <class Made>
void run_optimizer(const ReferenceCase& c) {
    run_optimizer<Made>(c, [](ParamGroup&) {});
}

/// And so do Adam and AdamW, where their group says that they may.
inline void run_sparse_adam(const ReferenceCase& c) {
    const auto lazy = [](ParamGroup& group) {
        group.lazy_rows = true;
        group.weight_decay = 0;
    };
    run_optimizer<SparseAdam>(c);
    run_optimizer<Adam>(c, lazy);
    run_optimizer<AdamW>(c, lazy);
}

// ---- clipping ------------------------------------------------------------------------------------------------------

inline std::vector<Parameter> clipped_parameters(const ReferenceCase& c) {
    std::vector<Parameter> p;
    for (const auto& kind : c.options().json("kinds")) {
        p.emplace_back(zeros(kind == "dense" ? Shape{3, 2} : Shape{4, 2}));
        add_reference_gradient(c, p.back(), std::to_string(p.size() - 1));
    }
    return p;
}

/// Of a gradient by rows, each row once.
inline void check_clipped(const ReferenceCase& c, const std::vector<Parameter>& p) {
    for (std::size_t i = 0; i < p.size(); ++i) {
        const bool by_rows = p[i].gradient_kind() == GradientKind::rows;
        CHECK(by_rows == (c.options().json("kinds")[i] == "rows"));
        c.check("clipped" + std::to_string(i), by_rows ? p[i].row_grad().values() : p[i].grad());
    }
}

inline void run_clip_grad_norm(const ReferenceCase& c) {
    const std::vector<Parameter> p = clipped_parameters(c);
    const double total = clip_grad_norm(p, c.options().real("max_norm"), c.options().real("norm_type"),
                                        c.options().get<bool>("error_if_nonfinite"));
    c.check("total", full({}, static_cast<Real>(total)));
    check_clipped(c, p);
}

inline void run_clip_grad_value(const ReferenceCase& c) {
    const std::vector<Parameter> p = clipped_parameters(c);
    clip_grad_value(p, c.options().real("clip_value"));
    check_clipped(c, p);
}

// ---- schedulers ----------------------------------------------------------------------------------------------------

inline std::function<double(std::int64_t)> rate_function(const std::string& kind, double a) {
    if (kind == "power") return [=](std::int64_t e) { return std::pow(a, e); };
    if (kind == "inverse") return [=](std::int64_t e) { return 1 / (1 + a * static_cast<double>(e)); };
    REQUIRE_MESSAGE(kind == "stairs", "there is no function ", kind);
    return [=](std::int64_t e) { return a * static_cast<double>(e / 3); };
}

inline LambdaLR lambda_of(const nlohmann::json& functions) {
    LambdaLR result;
    for (const auto& function : functions)
        result.lr_lambda.push_back(rate_function(function.at(0).get<std::string>(), function.at(1).get<double>()));
    return result;
}

Schedule schedule_of(const std::string& name, const ReferenceOptions& o);

/// Schedules of a name and options each.
inline SequentialLR sequential_of(const ReferenceOptions& o) {
    SequentialLR result{.schedules = {}, .milestones = o.get<std::vector<std::int64_t>>("milestones")};
    for (const auto& part : o.json("schedules")) {
        const ReferenceOptions options(part.at(1));
        result.schedules.push_back(schedule_of(part.at(0).get<std::string>(), options));
        options.check_all_used();
    }
    return result;
}

inline Schedule schedule_of(const std::string& name, const ReferenceOptions& o) {
    const auto whole = [&o](const char* option) { return o.get<std::int64_t>(option); };
    if (name == "StepLR") return StepLR{.step_size = whole("step_size"), .gamma = o.real("gamma")};
    if (name == "MultiStepLR")
        return MultiStepLR{.milestones = o.get<std::vector<std::int64_t>>("milestones"), .gamma = o.real("gamma")};
    if (name == "ExponentialLR") return ExponentialLR{.gamma = o.real("gamma")};
    if (name == "CosineAnnealingLR") return CosineAnnealingLR{.T_max = whole("T_max"), .eta_min = o.real("eta_min")};
    if (name == "LambdaLR") return lambda_of(o.json("lr_lambda"));
    if (name == "LinearLR")
        return LinearLR{.start_factor = o.real("start_factor"),
                        .end_factor = o.real("end_factor"),
                        .total_iters = whole("total_iters")};
    if (name == "ConstantLR") return ConstantLR{.factor = o.real("factor"), .total_iters = whole("total_iters")};
    if (name == "warm_up") return warm_up(whole("epochs"));
    REQUIRE_MESSAGE(name == "SequentialLR", "there is no scheduler ", name);
    return sequential_of(o);
}

/// The rates of two groups at each of as many epochs as generate.py has.
inline void run_scheduler(const ReferenceCase& c) {
    constexpr std::size_t epochs = 14;
    const auto lr = c.options().get<std::array<double, 2>>("lr");
    SGD sgd({ParamGroup{.params = {Parameter(zeros({1}))}, .lr = lr[0]},
             ParamGroup{.params = {Parameter(zeros({1}))}, .lr = lr[1]}});
    LRScheduler scheduler(sgd, schedule_of(c.op(), c.options()));
    Array rates(Shape{epochs, 2});
    for (std::size_t e = 0; e < epochs; ++e) {
        for (std::size_t g = 0; g < 2; ++g) rates.data()[2 * e + g] = static_cast<Real>(*sgd.param_groups()[g].lr);
        scheduler.step();
    }
    c.check("rates", rates);
}

/// By the name in the index.
inline const std::map<std::string, RunReference> kReferenceOptim{
    {"Adagrad", run_optimizer<Adagrad>},
    {"Adam", run_optimizer<Adam>},
    {"AdamW", run_optimizer<AdamW>},
    {"ConstantLR", run_scheduler},
    {"CosineAnnealingLR", run_scheduler},
    {"ExponentialLR", run_scheduler},
    {"LambdaLR", run_scheduler},
    {"LinearLR", run_scheduler},
    {"MultiStepLR", run_scheduler},
    {"SGD", run_optimizer<SGD>},
    {"SequentialLR", run_scheduler},
    {"SparseAdam", run_sparse_adam},
    {"StepLR", run_scheduler},
    {"clip_grad_norm", run_clip_grad_norm},
    {"clip_grad_value", run_clip_grad_value},
    {"warm_up", run_scheduler},
};

}  // namespace embergrad::testing
