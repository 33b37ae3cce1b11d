// StateDict: named arrays in a fixed order, which models and optimizers give to be saved and take back.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/parameter.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Names and values, in the order of the model's visit; names are PyTorch's ("classifier.1.weight").
using StateDict = std::vector<std::pair<std::string, Array>>;

/// Parameters under their names, as a model lists them.
using NamedParameters = std::vector<std::pair<std::string, Parameter>>;

}  // namespace embergrad::inline EMBERGRAD_PRECISION
