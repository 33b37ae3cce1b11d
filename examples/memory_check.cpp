// Estimated in double: options can ask for more bytes than 64 bits count.
#include "memory_check.hpp"

#include <unistd.h>

#include <stdexcept>

#include <embergrad/embergrad.hpp>

#include "number_text.hpp"

namespace examples {
namespace {

constexpr double kGib = 1024.0 * 1024 * 1024;

double machine_bytes() {
    return static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void check_memory(std::initializer_list<std::pair<std::size_t, std::size_t>> matrices, double batch_values,
                  const std::string& advice) {
    double parameters = 0;
    for (const auto& [rows, columns] : matrices) parameters += static_cast<double>(rows) * static_cast<double>(columns);
    constexpr double copies = 5;  // weights, gradient, two moments, the best weights so far
    const double wanted = (copies * parameters + 2 * batch_values) * sizeof(embergrad::Real);
    if (wanted <= machine_bytes()) return;
    throw std::runtime_error("training would take about " + fixed(wanted / kGib, 1) + " GiB of memory (" +
                             thousands(static_cast<std::size_t>(parameters)) +
                             " parameters, each with a gradient, two moments and a copy), but this machine has " +
                             fixed(machine_bytes() / kGib, 1) + " GiB: a smaller " + advice + " may help");
}

}  // namespace examples
