// std::from_chars decides what a number is.
#include "command_line.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <embergrad/embergrad.hpp>

namespace examples {

CLI::Validator between(double low, double high) {
    const auto number = [](double value) {
        char digits[32];
        return std::string(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    };
    const std::string range = number(low) + " to " + number(high);
    const auto check = [=](const std::string& text) {
        double value = 0;
        const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool is_number = result.ec == std::errc() && result.ptr == text.data() + text.size();
        return is_number && low <= value && value <= high ? "" : "\"" + text + "\" is not a number from " + range;
    };
    return CLI::Validator(check, "");
}

CLI::Option* add_name(CLI::App& app, const char* name, std::string& value, const char* type, const char* help) {
    const CLI::Validator named([](const std::string& text) { return text.empty() ? "the name is empty" : ""; }, "");
    return app.add_option(name, value, help)->check(named)->type_name(type)->group("Files");
}

void add_common_options(CLI::App& app, std::optional<int>& threads) {
    app.set_version_flag("--version", to_string(embergrad::build_info()));
    app.add_option("--threads", threads, "at most this many (default: all)")
        ->check(between(1, 1024))
        ->type_name("NUMBER");
}

void check_load_alone(const CLI::App& app, const std::string& purpose,
                      std::initializer_list<std::string_view> allowed) {
    if (app.count("--load") == 0) return;
    for (const CLI::Option* option : app.get_options()) {
        const std::string name = option->get_name();
        const bool fits = name == "--load" || std::find(allowed.begin(), allowed.end(), name) != allowed.end();
        if (option->count() > 0 && !fits)
            throw CLI::ValidationError("--load is for " + purpose + ", " + name + " for training: one or the other");
    }
}

void parse_or_exit(CLI::App& app, int argc, char** argv, const std::function<void()>& check) {
    try {
        app.parse(argc, argv);
        check();
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : 2);
    }
}

}  // namespace examples
