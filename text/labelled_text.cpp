// LabelledText: lines are checked and split at the tab; the two readers differ in how they number labels.
#include <embergrad/text/labelled_text.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/text/line_reader.hpp>
#include <embergrad/text/utf8.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Numbers = std::map<std::string, std::int64_t, std::less<>>;

/// Where the tab is between label and text.
std::size_t checked_tab(std::string_view line, const LineReader& lines) {
    if (line.empty()) lines.fail("an empty line");
    const std::size_t valid = valid_utf8_length(line);
    if (valid < line.size()) lines.fail("byte ", valid + 1, " of the line is not UTF-8");
    const std::size_t tab = line.find('\t');
    if (tab == line.npos) lines.fail("no tab between label and text in ", in_quotes(line));
    if (tab == 0) lines.fail("an empty label");
    return tab;
}

/// Reads the file; number_of(label, lines) gives each label its number.
template <class NumberOf>
LabelledText read(const std::string& path, NumberOf number_of) {
    LabelledText result;
    LineReader lines(path);
    while (const std::optional<std::string_view> line = lines.next_text()) {
        const std::size_t tab = checked_tab(*line, lines);
        result.labels.push_back(number_of(line->substr(0, tab), lines));
        result.texts.emplace_back(line->substr(tab + 1));
    }
    return result;
}

}  // namespace

LabelledText read_labelled_text(const std::string& path) {
    Numbers arrival;
    LabelledText result = read(path, [&](std::string_view label, const LineReader&) {
        const auto known = arrival.find(label);
        if (known != arrival.end()) return known->second;
        return arrival.emplace(label, static_cast<std::int64_t>(arrival.size())).first->second;
    });
    std::vector<std::int64_t> rank(arrival.size());
    for (const auto& [name, number] : arrival) {
        rank[static_cast<std::size_t>(number)] = static_cast<std::int64_t>(result.label_names.size());
        result.label_names.push_back(name);
    }
    for (std::int64_t& label : result.labels) label = rank[static_cast<std::size_t>(label)];
    return result;
}

LabelledText read_labelled_text(const std::string& path, std::span<const std::string> label_names) {
    Numbers numbers;
    for (const std::string& name : label_names) {
        const bool is_new = numbers.emplace(name, static_cast<std::int64_t>(numbers.size())).second;
        if (!is_new)
            fail<std::invalid_argument>("read_labelled_text: the label name ", in_quotes(name), " is there twice");
    }
    LabelledText result = read(path, [&](std::string_view label, const LineReader& lines) {
        const auto known = numbers.find(label);
        if (known == numbers.end())
            lines.fail("the label ", in_quotes(label), " is not one of the ", numbers.size(), " known");
        return known->second;
    });
    result.label_names.assign(label_names.begin(), label_names.end());
    return result;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
