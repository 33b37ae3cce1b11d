// Whether the machine can hold a training, asked before it begins.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

namespace examples {

/// What a training with Adam takes for matrices of these extents, their biases left out: weights, gradients, moments
/// and a copy of the best weights, and `batch_values` numbers of a step, each with its gradient. Throws
/// std::runtime_error if that is more than the machine's memory; `advice` is what to make smaller.
void check_memory(std::initializer_list<std::pair<std::size_t, std::size_t>> matrices, double batch_values,
                  const std::string& advice);

}  // namespace examples
