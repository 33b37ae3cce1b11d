// StateDict: named arrays in a fixed order, which models and optimizers give to be saved and take back.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/parameter.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Names and values, in the order of the model's visit; names are PyTorch's ("classifier.1.weight").
using StateDict = std::vector<std::pair<std::string, Array>>;

/// Parameters under their names, as a model lists them.
using NamedParameters = std::vector<std::pair<std::string, Parameter>>;

/// What stands under a name (the first, if there are several). Throws std::out_of_range that says which names are like
/// it, or which there are.
const Array& at(const StateDict& state, std::string_view name);
Array& at(StateDict& state, std::string_view name);
const Parameter& at(const NamedParameters& parameters, std::string_view name);
/// The same, or nullptr if there is nothing under the name.
const Array* find(const StateDict& state, std::string_view name);
Array* find(StateDict& state, std::string_view name);
const Parameter* find(const NamedParameters& parameters, std::string_view name);

// Of a state that is about to go, the value itself: at(model.state_dict(), "head.weight").
Array at(StateDict&& state, std::string_view name);
Parameter at(NamedParameters&& parameters, std::string_view name);
const Array* find(StateDict&& state, std::string_view name) = delete;
const Parameter* find(NamedParameters&& parameters, std::string_view name) = delete;

}  // namespace embergrad::inline EMBERGRAD_PRECISION
