// The build says where the source tree is.
#include "own_data.hpp"

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <system_error>

namespace examples {

namespace fs = std::filesystem;

fs::path own_data(const std::string& file, const std::string& advice) {
    for (const char* folder : {EXAMPLE_DATA_FOLDER, "examples/data", "data"}) {
        if (fs::exists(fs::path(folder) / file)) return fs::path(folder) / file;
    }
    throw std::runtime_error("the project's own data is not in " EXAMPLE_DATA_FOLDER
                             ": run this in the project's folder, or give " +
                             advice);
}

void check_input_was_read() {
    const int reason = errno;
    if (std::cin.bad() || std::ferror(stdin) != 0)
        throw std::runtime_error("standard input cannot be read: " + std::generic_category().message(reason));
}

}  // namespace examples
