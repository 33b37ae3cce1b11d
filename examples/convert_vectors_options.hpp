// What a user of convert_vectors can choose.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <embergrad/embergrad.hpp>

namespace examples {

/// The values here are the defaults.
struct ConvertSettings {
    std::string input = {};
    std::string output = {};
    std::string words = {};                            ///< of the input
    std::string output_words = {};                     ///< empty only for formats without a second file
    std::optional<embergrad::VectorFormat> from = {};  ///< none: found from the file
    embergrad::VectorFormat to = {};                   ///< what is asked for, else by the extension of `output`
    std::string tensor = {};
    std::string vocabulary = {};
    std::optional<std::size_t> limit = {};
    std::optional<std::size_t> dimension = {};
    bool skip_bad = false;
    std::optional<int> threads = {};
};

/// Reads the command line. Ends the program after --help and --version (0) and for what is wrong (2), with a message.
ConvertSettings parse_convert_settings(int argc, char** argv);

}  // namespace examples
