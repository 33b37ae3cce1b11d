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

/// Whether there is nothing but white space; a tab would be between a label and a text.
bool is_blank(std::string_view text) { return text.find_first_not_of(" \r\n\v\f") == text.npos; }

/// What a line without a tab may be, and what to do.
std::string_view cure(std::string_view line) {
    if (line.starts_with("__label__"))
        return "; that looks like fastText's format: put the label and a tab before the text (sed 's/^__label__\\([^ "
               "]*\\) */\\1\\t/')";
    if (line.starts_with("{\"") || line.starts_with("[{") || line.starts_with("[\""))
        return "; that looks like JSON: write lines of a label, a tab and a text";
    if (line.find_first_of(",;") != line.npos)
        return "; if this is CSV, save it with tabs between its columns, the label first, and without quotes";
    return line.find(' ') != line.npos ? "; a space does not part them" : "";
}

void check_encoding(std::string_view line, const LineReader& lines) {
    const std::size_t valid = valid_utf8_length(line);
    if (valid < line.size())
        lines.fail("byte ", valid + 1,
                   " of the line is not UTF-8; convert the file from its encoding (iconv -f WINDOWS-1252 -t UTF-8, if "
                   "that is it)");
}

/// Where the tab is between label and text.
std::size_t checked_tab(std::string_view line, const LineReader& lines) {
    check_encoding(line, lines);
    const std::size_t tab = line.find('\t');
    if (tab == line.npos) lines.fail("no tab between label and text in ", in_quotes(line), cure(line));
    if (tab == 0) lines.fail("an empty label");
    return tab;
}

/// Reads the file; number_of(label, lines) gives each label its number.
template <class NumberOf>
LabelledText read(const std::string& path, NumberOf number_of) {
    LabelledText result;
    LineReader lines(path);
    const std::string_view wide = wide_encoding(lines.rest());
    while (const std::optional<std::string_view> line = lines.next_text()) {
        if (!wide.empty()) lines.fail("the text is in ", wide, "; convert it (iconv -f ", wide, " -t UTF-8)");
        if (is_blank(*line)) {
            if (!is_blank(lines.rest())) lines.fail("a blank line, where a label, a tab and a text should be");
            break;
        }
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
