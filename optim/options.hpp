// The one list of what a group may say: merging, checking and saving go through it. Not installed.
#pragma once

#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>

#include <embergrad/optim/optimizer.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

template <class T>
struct Option {
    std::string_view name;
    std::string_view title;  // PyTorch's words in its messages
    std::optional<T> ParamGroup::*member;
    double least = 0;
};

inline constexpr std::tuple kOptions{
    Option<double>{"lr", "learning rate", &ParamGroup::lr},
    Option<double>{"lr_decay", "lr_decay value", &ParamGroup::lr_decay},
    Option<double>{"momentum", "momentum value", &ParamGroup::momentum},
    Option<double>{"dampening", "dampening value", &ParamGroup::dampening, std::numeric_limits<double>::lowest()},
    Option<bool>{"nesterov", "nesterov", &ParamGroup::nesterov},
    Option<std::array<double, 2>>{"betas", "beta parameter", &ParamGroup::betas},
    Option<double>{"eps", "epsilon value", &ParamGroup::eps},
    Option<double>{"weight_decay", "weight_decay value", &ParamGroup::weight_decay},
    Option<double>{"initial_accumulator_value", "initial_accumulator_value value",
                   &ParamGroup::initial_accumulator_value},
    Option<bool>{"amsgrad", "amsgrad", &ParamGroup::amsgrad},
    Option<bool>{"maximize", "maximize", &ParamGroup::maximize},
    Option<bool>{"lazy_rows", "lazy_rows", &ParamGroup::lazy_rows},
};

template <class F>
void for_each_option(F f) {
    std::apply([&f](const auto&... option) { (f(option), ...); }, kOptions);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
