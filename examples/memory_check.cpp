// Estimated in double: options can ask for more bytes than 64 bits count.
#include "memory_check.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <stdexcept>

#include <embergrad/embergrad.hpp>

#include "number_text.hpp"

namespace examples {
namespace {

constexpr double kGib = 1024.0 * 1024 * 1024;

/// No limit if there is no such file, or it says "max".
double limit_in(const char* path) {
    double bytes = 0;
    return std::ifstream(path) >> bytes ? bytes : std::numeric_limits<double>::infinity();
}

/// What this process may use: the machine's memory, or its container's (control groups of version 2 and 1).
double usable_bytes() {
    const double machine =
        static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
    return std::min(
        {machine, limit_in("/sys/fs/cgroup/memory.max"), limit_in("/sys/fs/cgroup/memory/memory.limit_in_bytes")});
}

}  // namespace

void check_memory(std::initializer_list<std::pair<std::size_t, std::size_t>> matrices, double batch_values,
                  const std::string& advice) {
    double parameters = 0;
    for (const auto& [rows, columns] : matrices) parameters += static_cast<double>(rows) * static_cast<double>(columns);
    constexpr double copies = 5;  // weights, gradient, two moments, the best weights so far
    const double wanted = (copies * parameters + 2 * batch_values) * sizeof(embergrad::Real);
    if (wanted <= usable_bytes()) return;
    throw std::runtime_error("training would take about " + fixed(wanted / kGib, 1) + " GiB of memory (" +
                             thousands(static_cast<std::size_t>(parameters)) +
                             " parameters, each with a gradient, two moments and a copy), but there are " +
                             fixed(usable_bytes() / kGib, 1) + " GiB: a smaller " + advice + " may help");
}

}  // namespace examples
