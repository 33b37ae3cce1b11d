// Where the project's own data is.
#pragma once

#include <filesystem>
#include <string>

namespace examples {

/// A file of examples/data: in the source tree this was built from, or below the current folder. Throws
/// std::runtime_error, which ends in `advice`, if it is in neither.
std::filesystem::path own_data(const std::string& file, const std::string& advice);

}  // namespace examples
