// Lines of word vectors: fields are cut off from the right; the word is what is left.
#include <embergrad/vectors/lines.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <vector>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/text/line_reader.hpp>
#include <embergrad/text/white_space.hpp>
#include <embergrad/vectors/other_lines.hpp>
#include <embergrad/vectors/real_parser.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kSampleLines = 1000;

/// is_separator(), sixteen bytes at a time in whatever vectors the machine has.
std::size_t count_separators(std::string_view text) {
    using Bytes = unsigned char __attribute__((vector_size(16)));
    std::size_t count = 0;
    while (text.size() >= sizeof(Bytes)) {
        Bytes found{};
        const std::size_t some = std::min<std::size_t>(text.size() / sizeof(Bytes), 255);  // what a byte counts to
        for (std::size_t i = 0; i < some; ++i) {
            Bytes bytes;
            std::memcpy(&bytes, text.data() + i * sizeof(Bytes), sizeof(Bytes));
            found -= static_cast<Bytes>((bytes == ' ') | (bytes == '\t'));  // -1 where it is so
        }
        for (std::size_t lane = 0; lane < sizeof(Bytes); ++lane) count += found[lane];
        text.remove_prefix(some * sizeof(Bytes));
    }
    return count + static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_separator));
}

std::string_view without_space_behind(std::string_view text) {
    while (!text.empty() && (is_separator(text.back()) || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

std::string_view without_space_before(std::string_view text) {
    while (!text.empty() && is_separator(text.front())) text.remove_prefix(1);
    return text;
}

/// The line without its last field and the separators before that.
std::string_view without_last_field(std::string_view line) {
    while (!line.empty() && !is_separator(line.back())) line.remove_suffix(1);
    while (!line.empty() && is_separator(line.back())) line.remove_suffix(1);
    return line;
}

/// Where nothing but numbers stands behind them, the separators a line begins with are a word and the one behind it:
/// "  1 2" has the word " ". Empty if there are fewer than two.
std::string_view word_of_separators(std::string_view line) {
    const std::size_t n = line.size() - without_space_before(line).size();
    return line.substr(0, std::max<std::size_t>(n, 1) - 1);
}

std::size_t count_fields(std::string_view line) {
    std::size_t fields = 0;
    for (; !line.empty(); line = without_last_field(line)) ++fields;
    return fields;
}

std::optional<std::size_t> whole_number(std::string_view field) {
    std::size_t number = 0;
    const char* const end = field.data() + field.size();
    const auto [stop, error] = std::from_chars(field.data(), end, number);
    return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

/// The first lines that are not blank, to find the dimension by.
struct Sample {
    std::vector<std::string_view> lines;
    bool whole = false;  ///< there are no others
};

Sample take_sample(VectorLines lines) {
    Sample sample;
    std::optional<std::string_view> line = lines.next();
    for (; line && sample.lines.size() < kSampleLines; line = lines.next()) sample.lines.push_back(*line);
    sample.whole = !line;
    return sample;
}

/// How many fields lines have behind their first, and how many lines that is so of.
std::map<std::size_t, std::size_t> widths_of(const Sample& sample) {
    std::map<std::size_t, std::size_t> widths;
    for (const std::string_view line : sample.lines) ++widths[count_fields(line) - 1];
    return widths;
}

/// The width of most lines; of two as common the larger, so that what is too short for it is found out.
std::size_t most_common(const std::map<std::size_t, std::size_t>& widths) {
    return std::max_element(widths.begin(), widths.end(), [](auto& a, auto& b) { return a.second <= b.second; })->first;
}

/// Whether the line has more than d numbers behind a word that is none itself. ("2 5 1 2 3" may well be "2 5".)
bool has_more_numbers(std::string_view line, std::size_t d) {
    std::size_t numbers = 0;
    for (; !line.empty(); line = without_last_field(line), ++numbers) {
        if (!is_number(last_field(line))) return numbers > d;
    }
    return false;
}

/// Whether some line has room for d numbers, and most do not have more of them: else words would be read as numbers.
bool fits(std::size_t d, const Sample& sample) {
    const auto has_room = [&](std::string_view line) { return count_fields(line) > d; };
    const auto has_more = [&](std::string_view line) { return has_more_numbers(line, d); };
    const std::vector<std::string_view>& lines = sample.lines;
    return d > 0 && std::any_of(lines.begin(), lines.end(), has_room) &&
           2 * static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), has_more)) <= lines.size();
}

}  // namespace

std::string_view first_field(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size() && !is_separator(text[end])) ++end;
    return text.substr(0, end);
}

std::string_view last_field(std::string_view line) {
    const auto begin = std::find_if(line.rbegin(), line.rend(), is_separator).base();
    return line.substr(static_cast<std::size_t>(begin - line.begin()));
}

std::optional<std::string_view> VectorLines::next() {
    while (!rest_.empty()) {
        const std::size_t end = std::min(rest_.find('\n'), rest_.size());
        const std::string_view line = without_space_behind(rest_.substr(0, end));
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        ++number_;
        if (!line.empty()) return line;
    }
    return std::nullopt;
}

std::optional<VectorLine> split_vector_line(std::string_view line, std::size_t d) {
    if (line.size() < 2 * d + 1) return std::nullopt;
    std::string_view word = first_field(line);  // mostly
    std::size_t left = 0;
    if (word.empty() || count_separators(line) != d) {
        word = line;
        for (left = d; left > 0 && !word.empty(); --left) word = without_last_field(word);
    }
    if (word.empty() && left == 0) word = word_of_separators(line);
    const std::string_view numbers = line.substr(word.size());
    if (!word.empty() && !is_separator(word.back())) word = without_space_before(word);
    if (word.empty()) return std::nullopt;
    return VectorLine{word, numbers};
}

std::string what_is_wrong(std::string_view line, std::size_t d) {
    const std::size_t fields = count_fields(line);
    const bool begins_with_number = is_number(first_field(without_space_before(line)));
    const bool has_word = fields > d || (fields == d && begins_with_number && !word_of_separators(line).empty());
    if (fields == d && !has_word && is_separator(line.front())) return "no word before " + counted(d, "value");
    if (!has_word)
        return counted(fields - 1, "value") + ", not " + std::to_string(d) +
               std::string(what_to_do(line, last_field(line)));
    std::string reason;
    std::string_view rest = line;
    for (std::size_t i = d; i > 0; --i, rest = without_last_field(rest)) {  // the first one wrong is what stays
        const std::string_view field = last_field(rest);
        Real value = 0;
        const char* const end = field.data() + field.size();
        if (parse_real(field.data(), end, value) != end)
            reason = "value " + std::to_string(i) + ", " + in_quotes(field) +
                     (is_number(field) ? ", is not finite" : ", is no number" + std::string(what_to_do(line, field)));
    }
    return reason;
}

std::optional<VectorHeader> next_header(VectorLines& lines) {
    VectorLines ahead = lines;
    const std::string_view line = without_space_before(ahead.next().value_or(""));
    const std::string_view first = first_field(line);
    const std::optional<std::size_t> words = whole_number(first);
    const std::optional<std::size_t> dimension = whole_number(without_space_before(line.substr(first.size())));
    if (!words || !dimension) return std::nullopt;
    lines = ahead;
    return VectorHeader{lines.number(), *words, *dimension};
}

std::optional<BinaryHeader> binary_header(std::string_view begin) {
    const std::size_t end = begin.substr(0, kLongestBinaryHeader).find('\n');
    if (end == begin.npos) return std::nullopt;
    std::string_view line = begin.substr(0, end);
    while (line.ends_with(' ')) line.remove_suffix(1);
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::optional<std::size_t> words = whole_number(line.substr(0, space));
    const std::optional<std::size_t> dimension = whole_number(line.substr(std::min(space + 1, line.size())));
    if (!words || !dimension) return std::nullopt;
    return BinaryHeader{*words, *dimension, end + 1};
}

std::size_t find_dimension(const VectorLines& lines, bool whole, const std::optional<VectorHeader>& header,
                           std::optional<std::size_t> asked, std::string_view source_name) {
    Sample sample = take_sample(lines);
    sample.whole &= whole;
    if (sample.lines.empty()) fail<std::runtime_error>(source_name, ": there are no vectors in it");
    const std::map<std::size_t, std::size_t> widths = widths_of(sample);
    const std::size_t found = most_common(widths);
    const std::size_t d = asked ? *asked : header ? header->dimension : found;
    if (fits(d, sample)) return d;

    const std::string who = (sample.whole ? "" : "of the first " + std::to_string(sample.lines.size()) + " ") +
                            (widths.size() > 1 ? "most lines have " : "every line has ");
    const std::string_view first = sample.lines.front();
    if (found == 0)
        fail<std::runtime_error>(source_name, ": ", who, "nothing behind a word", what_to_do(first, last_field(first)));
    fail<std::runtime_error>(source_name, ": ", who, counted(found, "number"), ", not ", d,
                             asked || !header ? "" : " as the header says");
}

std::string counted(std::size_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
