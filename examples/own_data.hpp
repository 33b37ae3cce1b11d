// Where the data of a program comes from: the project's own folder, or standard input.
#pragma once

#include <filesystem>
#include <string>

namespace examples {

/// A file of examples/data: in the source tree this was built from, or below the current folder. Throws
/// std::runtime_error, which ends in `advice`, if it is in neither.
std::filesystem::path own_data(const std::string& file, const std::string& advice);

/// To be called at the end of standard input. Throws std::runtime_error if it ended because it cannot be read (a
/// folder, say).
void check_input_was_read();

}  // namespace examples
