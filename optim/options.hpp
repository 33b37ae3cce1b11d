// The list of all options of a group: defaults, checks and saved states go through it. Not installed.
#pragma once

#include <limits>
#include <string_view>
#include <tuple>

#include <embergrad/optim/optimizer.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

template <class Of>
struct Option {
    std::string_view name;
    std::string_view title;  // PyTorch's words in its messages
    Of of;                   // of(x): this option of a group, or of an optimizer's options if they have it
    double least = 0;
};
template <class Of>
Option(std::string_view, std::string_view, Of, double = 0) -> Option<Of>;

inline constexpr std::tuple kOptions{
    Option{"lr", "learning rate", [](auto& x) -> decltype((x.lr)) { return x.lr; }},
    Option{"lr_decay", "lr_decay value", [](auto& x) -> decltype((x.lr_decay)) { return x.lr_decay; }},
    Option{"momentum", "momentum value", [](auto& x) -> decltype((x.momentum)) { return x.momentum; }},
    Option{"dampening", "dampening value", [](auto& x) -> decltype((x.dampening)) { return x.dampening; },
           std::numeric_limits<double>::lowest()},
    Option{"nesterov", "nesterov", [](auto& x) -> decltype((x.nesterov)) { return x.nesterov; }},
    Option{"betas", "beta parameter", [](auto& x) -> decltype((x.betas)) { return x.betas; }},
    Option{"eps", "epsilon value", [](auto& x) -> decltype((x.eps)) { return x.eps; }},
    Option{"weight_decay", "weight_decay value", [](auto& x) -> decltype((x.weight_decay)) { return x.weight_decay; }},
    Option{"initial_accumulator_value", "initial_accumulator_value value",
           [](auto& x) -> decltype((x.initial_accumulator_value)) { return x.initial_accumulator_value; }},
    Option{"amsgrad", "amsgrad", [](auto& x) -> decltype((x.amsgrad)) { return x.amsgrad; }},
    Option{"maximize", "maximize", [](auto& x) -> decltype((x.maximize)) { return x.maximize; }},
    Option{"lazy_rows", "lazy_rows", [](auto& x) -> decltype((x.lazy_rows)) { return x.lazy_rows; }},
};

template <class F>
void for_each_option(F f) {
    std::apply([&f](const auto&... option) { (f(option), ...); }, kOptions);
}

/// The options of an optimizer as those of a group.
template <class Options>
ParamGroup group_of(const Options& options) {
    ParamGroup group;
    for_each_option([&](const auto& option) {
        if constexpr (requires { option.of(options); }) option.of(group) = option.of(options);
    });
    return group;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
