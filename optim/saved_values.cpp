// SavedValues: values to text and back.
#include <embergrad/optim/saved_values.hpp>

#include <algorithm>
#include <charconv>
#include <span>
#include <system_error>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

template <class Number>
bool read_number(std::string_view text, Number& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

template <class List>
std::string list_text(const List& values) {
    std::string text;
    for (const auto& value : values) text += (text.empty() ? "" : ",") + text_of(value);
    return text;
}

template <class Number>
bool read_list(std::string_view text, std::vector<Number>& values) {
    values.clear();
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        Number value{};
        if (!read_number(text.substr(0, comma), value) || comma + 1 == text.size()) return false;
        values.push_back(value);
        text = comma == text.npos ? std::string_view() : text.substr(comma + 1);
    }
    return true;
}

// Of choices, in the order of their enumerators.
constexpr std::array<std::string_view, 2> kAnnealStrategies{"cos", "linear"};
constexpr std::array<std::string_view, 2> kPlateauModes{"min", "max"};
constexpr std::array<std::string_view, 2> kThresholdModes{"rel", "abs"};
using Choices = std::span<const std::string_view>;

std::string choice_text(Choices choices, auto value) { return std::string(choices[static_cast<std::size_t>(value)]); }

template <class Choice>
bool read_choice(std::string_view text, Choices choices, Choice& value) {
    const auto found = std::find(choices.begin(), choices.end(), text);
    value = static_cast<Choice>(found - choices.begin());
    return found != choices.end();
}

}  // namespace

std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(double value) { return number_text(value); }
std::string text_of(std::int64_t value) { return std::to_string(value); }
std::string text_of(const std::array<double, 2>& values) { return list_text(values); }
std::string text_of(const std::vector<double>& values) { return list_text(values); }
std::string text_of(const std::vector<std::int64_t>& values) { return list_text(values); }
std::string text_of(AnnealStrategy value) { return choice_text(kAnnealStrategies, value); }
std::string text_of(PlateauMode value) { return choice_text(kPlateauModes, value); }
std::string text_of(ThresholdMode value) { return choice_text(kThresholdModes, value); }

bool read_text(std::string_view text, bool& value) {
    value = text == "true";
    return value || text == "false";
}

bool read_text(std::string_view text, double& value) { return read_number(text, value); }
bool read_text(std::string_view text, std::int64_t& value) { return read_number(text, value); }

bool read_text(std::string_view text, std::array<double, 2>& values) {
    std::vector<double> list;
    if (!read_list(text, list) || list.size() != values.size()) return false;
    values = {list[0], list[1]};
    return true;
}

bool read_text(std::string_view text, std::vector<double>& values) { return read_list(text, values); }
bool read_text(std::string_view text, std::vector<std::int64_t>& values) { return read_list(text, values); }
bool read_text(std::string_view text, AnnealStrategy& value) { return read_choice(text, kAnnealStrategies, value); }
bool read_text(std::string_view text, PlateauMode& value) { return read_choice(text, kPlateauModes, value); }
bool read_text(std::string_view text, ThresholdMode& value) { return read_choice(text, kThresholdModes, value); }

SavedValues::SavedValues(const Metadata& metadata, std::string_view prefix) {
    for (const auto& [name, text] : metadata) {
        if (name.starts_with(prefix)) left_.emplace(name, text);
    }
}

void SavedValues::expect(const std::string& name, const std::string& here) {
    const auto entry = left_.extract(name);
    if (entry.empty()) return add_problem("missing: " + name);
    if (entry.mapped() == here) return;
    add_problem("mismatch: " + name + " is " + here + " here and " + entry.mapped() + " in the state");
}

void SavedValues::refuse_the_rest() {
    for (const auto& [name, text] : left_) add_problem("unexpected: " + name);
    left_.clear();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
