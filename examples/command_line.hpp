// What the programs' command lines have in common. Only files that read options include this: CLI11 takes seconds to
// compile.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace examples {

/// A number from low to high; unlike CLI::Range it refuses "nan".
CLI::Validator between(double low, double high);

/// The name of a file or a folder.
CLI::Option* add_name(CLI::App& app, const char* name, std::string& value, const char* type, const char* help);

/// A number from low to high; `group` is its heading in the help.
template <class Number>
CLI::Option* add_number(CLI::App& app, const char* group, const char* name, Number& value, const char* help, double low,
                        double high) {
    return app.add_option(name, value, help)->check(between(low, high))->type_name("NUMBER")->group(group);
}

inline constexpr const char* kProgressHelp = "seconds between two lines of progress where there is no terminal";

/// --version and --threads.
void add_common_options(CLI::App& app, std::optional<int>& threads);

/// What is loaded is not trained: throws CLI::ValidationError if --load stands beside an option that is not among
/// `allowed`. `purpose` is what one loads for ("asking").
void check_load_alone(const CLI::App& app, const std::string& purpose, std::initializer_list<std::string_view> allowed);

/// Parses, then calls check(). Ends the program after --help and --version (0) and for what is wrong (2), with a
/// message.
void parse_or_exit(CLI::App& app, int argc, char** argv, const std::function<void()>& check);

}  // namespace examples
