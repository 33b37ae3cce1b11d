// What a user of train_lm can choose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace examples {

/// The values here are the defaults.
struct LmSettings {
    std::string text = {};        ///< any text file; empty: the project's own story
    std::string validation = {};  ///< a file; empty: the last 10 % of the text
    std::string save = {};        ///< a folder
    std::string load = {};

    bool whitespace = false;  ///< else punctuation is detached
    bool lowercase = false;
    std::int64_t min_freq = 2;
    std::optional<std::size_t> max_size = {};

    std::size_t context = 3;
    std::size_t dim = 128;
    std::size_t hidden = 128;
    double init_std = 0.2;

    std::size_t epochs = 10;
    std::size_t batch = 32;
    double lr = 1e-3;
    std::uint64_t seed = 1;
    double progress = 30;  ///< seconds between two lines of progress where there is no terminal

    std::size_t generate = 3;
    std::size_t length = 40;
    std::optional<std::string> prompt = {};
    double temperature = 0.8;
    std::optional<std::size_t> top_k = {};

    std::optional<int> threads = {};
};

/// Reads the command line. Ends the program after --help and --version (0) and for what is wrong (2), with a message.
LmSettings parse_lm_settings(int argc, char** argv);

}  // namespace examples
