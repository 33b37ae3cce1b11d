// The build says where the source tree is.
#include "own_data.hpp"

#include <stdexcept>

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

}  // namespace examples
