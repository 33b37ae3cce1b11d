// Named arrays in a fixed order: what models hand out to be saved, and take back.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <embergrad/engine/array.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Names and values, in the order of the model's visit; names are PyTorch's ("classifier.1.weight").
using StateDict = std::vector<std::pair<std::string, Array>>;

}  // namespace embergrad::inline EMBERGRAD_PRECISION
