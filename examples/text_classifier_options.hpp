// What a user of text_classifier can choose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace examples {

/// The values here are the defaults.
struct Settings {
    std::string train = {};  ///< a file of label<TAB>text lines; empty: the project's own data
    std::string test = {};
    std::string save = {};  ///< a folder
    std::string load = {};
    double validation = 0.1;  ///< this part of the training texts picks the best epoch; 0: the last epoch is kept

    bool whitespace = false;  ///< else lowercase words, punctuation detached
    std::int64_t min_freq = 2;
    std::optional<std::size_t> max_size = {};
    std::optional<std::size_t> max_length = {};

    std::size_t dim = 128;
    std::size_t hidden = 128;
    double dropout = 0.6;
    double init_std = 0.1;

    std::size_t epochs = 20;
    std::size_t batch = 32;
    double lr = 1e-3;
    std::optional<double> embedding_lr = 1e-2;  ///< none: lr
    bool sparse = false;
    std::uint64_t seed = 1;
    double progress = 30;  ///< seconds between two lines of progress where there is no terminal
    std::optional<int> threads = {};
};

/// Reads the command line. Ends the program after --help and --version (0) and for what is wrong (2), with a message.
Settings parse_settings(int argc, char** argv);

}  // namespace examples
