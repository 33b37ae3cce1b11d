// Counts of classes, and comparisons of their names.
#include "data_report.hpp"

#include <algorithm>
#include <cctype>
#include <iostream>
#include <map>
#include <numeric>

#include "number_text.hpp"

namespace examples {
namespace {

using namespace embergrad;

constexpr std::size_t kNamed = 3;  // classes that a warning names

std::vector<std::size_t> class_sizes(const LabelledText& data, std::size_t classes) {
    std::vector<std::size_t> sizes(classes);
    for (const std::int64_t label : data.labels) ++sizes[static_cast<std::size_t>(label)];
    return sizes;
}

void print_row(std::ostream& out, std::size_t width, const std::string& name, const std::string& training,
               const std::string& validation, const std::string& test) {
    out << "  " << left(name, width) << right(training, 9) << right(validation, 12) << right(test, 9) << '\n';
}

/// Small letters, and no spaces around them: what tells names apart that a person takes for the same.
std::string folded(const std::string& name) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\r' || c == '\v' || c == '\f'; };
    const auto first = std::find_if_not(name.begin(), name.end(), is_blank);
    const auto last = std::find_if_not(name.rbegin(), std::make_reverse_iterator(first), is_blank).base();
    std::string result(first, last);
    for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
}

std::string list_of(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < kNamed; ++i)
        text += (i == 0 ? "" : ", ") + in_quotes(printable(names[i]));
    return text + (names.size() > kNamed ? " and " + thousands(names.size() - kNamed) + " more" : "");
}

void warn_of_names_alike(const std::string& path, const LabelledText& texts, std::vector<std::string>& warnings) {
    std::map<std::string, std::vector<std::string>> alike;
    for (const std::string& name : texts.label_names) alike[folded(name)].push_back(name);
    std::size_t told = 0;
    for (const auto& [_, names] : alike)
        if (names.size() > 1 && ++told <= kNamed)
            warnings.push_back(path + ": the labels " + list_of(names) + " are different classes, but differ only in " +
                               "spaces or capital letters");
}

void warn_of_single_texts(const std::string& path, const LabelledText& texts, std::vector<std::string>& warnings) {
    const std::vector<std::size_t> sizes = class_sizes(texts, texts.label_names.size());
    std::vector<std::string> single;
    for (std::size_t label = 0; label < sizes.size(); ++label)
        if (sizes[label] == 1) single.push_back(texts.label_names[label]);
    const auto first = static_cast<std::size_t>(texts.labels[0]);
    if (sizes[first] == 1 && single.size() < sizes.size())
        warnings.push_back(path + ":1: the label " + in_quotes(printable(texts.label_names[first])) +
                           " is on this line only; if it is a header, remove it");
    else if (!single.empty() && single.size() < sizes.size())
        warnings.push_back(path + ": " + thousands(single.size()) + " of " + thousands(sizes.size()) +
                           " classes have a single text: " + list_of(single));
}

}  // namespace

void print_classes(std::ostream& out, const LabelledText& training, const LabelledText& validation,
                   const LabelledText& test) {
    constexpr std::size_t most = 20;
    const std::size_t classes = training.label_names.size();
    const std::vector<std::size_t> learned = class_sizes(training, classes), picked = class_sizes(validation, classes),
                                   tested = class_sizes(test, classes);
    std::vector<std::size_t> order(classes);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return learned[a] + picked[a] > learned[b] + picked[b]; });
    if (classes > most) order.resize(most);

    std::size_t width = columns("class");
    for (const std::size_t label : order) width = std::max(width, columns(printable(training.label_names[label])));
    out << '\n';
    print_row(out, width, "class", "training", "validation", "test");
    for (const std::size_t label : order)
        print_row(out, width, printable(training.label_names[label]), thousands(learned[label]),
                  thousands(picked[label]), thousands(tested[label]));
    if (classes > most) out << "  and " << thousands(classes - most) << " smaller classes\n";
    out << std::endl;
}

std::vector<std::string> label_warnings(const std::string& path, const LabelledText& texts) {
    std::vector<std::string> warnings;
    constexpr std::size_t enough = 10;  // texts, to say something about the columns
    if (texts.texts.size() >= enough && 2 * texts.label_names.size() > texts.texts.size()) {
        warnings.push_back(path + ": " + thousands(texts.label_names.size()) + " classes for " +
                           thousands(texts.texts.size()) + " texts: are the columns swapped? A line is label<TAB>text");
        return warnings;
    }
    warn_of_single_texts(path, texts, warnings);
    warn_of_names_alike(path, texts, warnings);
    return warnings;
}

std::vector<std::string> unknown_word_warnings(std::size_t unknown, std::size_t words, const std::string& advice) {
    if (2 * unknown <= words) return {};
    const double part = static_cast<double>(unknown) / static_cast<double>(words);
    return {percent(part) + " of the training words are unknown, and all the same to the model; a smaller " + advice +
            " may help"};
}

void print_warnings(const std::string& program, const std::vector<std::string>& warnings) {
    for (const std::string& warning : warnings) std::cerr << program + ": warning: " + warning + '\n';
}

}  // namespace examples
