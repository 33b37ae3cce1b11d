// Reading one line, finding the dimension, putting the lines together: each apart from the others.
#include <embergrad/text/word_vectors.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/file.hpp>
#include <embergrad/text/line_reader.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::TokenTable;
using Clock = std::chrono::steady_clock;
using BadLine = WordVectorsReport::BadLine;

constexpr std::size_t kSampleLines = 1000;
constexpr std::size_t kReportedBadLines = 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string counted(std::size_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

// ---- fields of a line ----------------------------------------------------------------------------------------------

constexpr bool is_separator(char byte) { return byte == ' ' || byte == '\t'; }

std::string_view without_space_behind(std::string_view text) {
    while (!text.empty() && (is_separator(text.back()) || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

std::string_view without_space_before(std::string_view text) {
    while (!text.empty() && is_separator(text.front())) text.remove_prefix(1);
    return text;
}

/// What stands before the first separator.
std::string_view first_field(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size() && !is_separator(text[end])) ++end;
    return text.substr(0, end);
}

/// The line without its last field and the separators before that.
std::string_view without_last_field(std::string_view line) {
    while (!line.empty() && !is_separator(line.back())) line.remove_suffix(1);
    while (!line.empty() && is_separator(line.back())) line.remove_suffix(1);
    return line;
}

std::size_t count_fields(std::string_view line) {
    std::size_t fields = 0;
    for (; !line.empty(); line = without_last_field(line)) ++fields;
    return fields;
}

// ---- numbers -------------------------------------------------------------------------------------------------------

/// Whether a number in decimal notation that does not fit a Real is too small for it, not too large: by the place of
/// its first digit that is not 0.
bool is_tiny(std::string_view number) {
    const std::string_view mantissa = number.substr(0, number.find_first_of("eE"));
    const std::size_t digit = mantissa.find_first_of("123456789");
    if (digit == mantissa.npos) return true;
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    const auto place = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(digit);

    std::string_view exponent = number.substr(std::min(mantissa.size() + 1, number.size()));
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    std::int64_t power = 0;
    const auto [stop, error] = std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
    if (error == std::errc::result_out_of_range) return exponent.starts_with('-');
    return power < -place;
}

/// Reads the number that stands at the beginning; gives its end, or nullptr if there is no number or it is not finite.
/// What is too small for a Real is 0.
const char* parse_number(const char* at, const char* end, Real& value) {
    if (end - at > 1 && at[0] == '+' && at[1] != '-') ++at;  // from_chars wants none
    const auto [stop, error] = std::from_chars(at, end, value);
    if (error == std::errc() && std::isfinite(value)) [[likely]]
        return stop;
    if (error != std::errc::result_out_of_range || !is_tiny({at, static_cast<std::size_t>(stop - at)})) return nullptr;
    value = std::copysign(Real{0}, *at == '-' ? Real{-1} : Real{1});
    return stop;
}

/// Whether the field reads as a number, be it finite or not.
bool is_number(std::string_view field) {
    const bool plus = field.size() > 1 && field[0] == '+' && field[1] != '-';
    const char* const end = field.data() + field.size();
    double value = 0;
    const auto [stop, error] = std::from_chars(field.data() + (plus ? 1 : 0), end, value);
    return error != std::errc::invalid_argument && stop == end;
}

/// Reads d numbers, each behind separators, that take up the whole text.
bool parse_numbers(std::string_view text, std::size_t d, Real* to) {
    const char* at = text.data();
    const char* const end = at + text.size();
    for (std::size_t i = 0; i < d; ++i) {
        const char* const before = at;
        while (at != end && is_separator(*at)) ++at;
        if (at == before) return false;
        at = parse_number(at, end, to[i]);
        if (at == nullptr) return false;
    }
    return at == end;
}

// ---- one line ------------------------------------------------------------------------------------------------------

/// Reads a line without white space at its end: its last d fields into `to`, of which d elements are written at most,
/// and none if the line is too short for d numbers. Gives the word, or nothing for a bad line.
std::optional<std::string_view> parse_line(std::string_view line, std::size_t d, Real* to) {
    if (line.size() < 2 * d + 1) return std::nullopt;
    std::string_view word = first_field(line);  // mostly
    if (!word.empty() && parse_numbers(line.substr(word.size()), d, to)) return word;

    word = line;
    for (std::size_t left = d; left > 0 && !word.empty(); --left) word = without_last_field(word);
    const std::string_view numbers = line.substr(word.size());
    word = without_space_before(word);
    if (word.empty() || !parse_numbers(numbers, d, to)) return std::nullopt;
    return word;
}

/// Why parse_line gave nothing.
std::string what_is_wrong(std::string_view line, std::size_t d) {
    const std::size_t fields = count_fields(line);
    if (fields == d && is_separator(line.front())) return "no word before " + counted(d, "value");
    if (fields <= d) return counted(fields - 1, "value") + ", not " + std::to_string(d);
    std::string reason;
    for (std::size_t i = d; i > 0; --i) {  // the first one wrong is what stays
        const std::string_view rest = without_last_field(line);
        const std::string_view field = without_space_before(line.substr(rest.size()));
        Real value = 0;
        const char* const end = field.data() + field.size();
        if (parse_number(field.data(), end, value) != end)
            reason = "value " + std::to_string(i) + ", " + in_quotes(field) +
                     (is_number(field) ? ", is not finite" : ", is no number");
        line = rest;
    }
    return reason;
}

// ---- lines of a file -----------------------------------------------------------------------------------------------

/// The lines of a text that are not blank.
class Lines {
public:
    explicit Lines(std::string_view text) : rest_(text) {}

    /// The next line, without white space at its end; nothing at the end of the text.
    std::optional<std::string_view> next() {
        while (!rest_.empty()) {
            const std::size_t end = std::min(rest_.find('\n'), rest_.size());
            const std::string_view line = without_space_behind(rest_.substr(0, end));
            rest_.remove_prefix(std::min(end + 1, rest_.size()));
            ++number_;
            if (!line.empty()) return line;
        }
        return std::nullopt;
    }
    /// Of the line last read, the first is 1; at the end of the text, how many there are.
    std::size_t number() const { return number_; }
    std::string_view rest() const { return rest_; }

private:
    std::string_view rest_;
    std::size_t number_ = 0;
};

struct Header {
    std::size_t line = 0;
    std::size_t words = 0;
    std::size_t dimension = 0;
};

std::optional<std::size_t> whole_number(std::string_view field) {
    std::size_t number = 0;
    const char* const end = field.data() + field.size();
    const auto [stop, error] = std::from_chars(field.data(), end, number);
    return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

/// Reads the header, if there is one; else the lines stay where they are.
std::optional<Header> next_header(Lines& lines, const WordVectorsOptions& options) {
    Lines ahead = lines;
    if (options.dimension == 1) return std::nullopt;
    const std::string_view line = without_space_before(ahead.next().value_or(""));
    const std::string_view first = first_field(line);
    const std::optional<std::size_t> words = whole_number(first);
    const std::optional<std::size_t> dimension = whole_number(without_space_before(line.substr(first.size())));
    if (!words || !dimension) return std::nullopt;
    lines = ahead;
    return Header{lines.number(), *words, *dimension};
}

/// The first lines that are not blank, to find the dimension by.
struct Sample {
    std::vector<std::string_view> lines;
    bool whole = false;  ///< there are no others
};

Sample take_sample(Lines lines) {
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
    while (!line.empty()) {
        const std::string_view rest = without_last_field(line);
        if (!is_number(without_space_before(line.substr(rest.size())))) return numbers > d;
        ++numbers;
        line = rest;
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

std::size_t find_dimension(const Lines& lines, const std::optional<Header>& header, const WordVectorsOptions& options,
                           std::string_view source_name) {
    const Sample sample = take_sample(lines);
    if (sample.lines.empty()) fail<std::runtime_error>(source_name, ": there are no vectors in it");
    const std::map<std::size_t, std::size_t> widths = widths_of(sample);
    const std::size_t found = most_common(widths);
    const std::size_t d = options.dimension ? *options.dimension : header ? header->dimension : found;
    if (fits(d, sample)) return d;

    const std::string who = std::string(sample.whole ? "" : "of the first 1000 ") +
                            (widths.size() > 1 ? "most lines have " : "every line has ");
    if (found == 0) fail<std::runtime_error>(source_name, ": ", who, "nothing behind a word");
    fail<std::runtime_error>(source_name, ": ", who, counted(found, "number"), ", not ", d,
                             options.dimension || !header ? "" : " as the header says");
}

/// The first n rows of an array with as many or more.
Array first_rows(Array rows, std::size_t n) {
    if (rows.shape()[0] == n) return rows;
    Array result(Shape{n, rows.shape()[1]});
    std::copy_n(rows.data(), result.size(), result.data());
    return result;
}

/// Room for the vectors of a text. A line of d numbers takes 2 d + 1 bytes at least, and its \n: whatever d is, this
/// is not much more than the text itself.
Array room_for_vectors(std::string_view text, std::size_t d) {
    const auto ends = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    return Array(Shape{std::min(ends + 1, (text.size() + 1) / (2 * d + 2)), d});
}

/// Words and vectors while lines are read.
struct Draft {
    std::string_view source_name;
    const WordVectorsOptions& options;
    TokenTable words = {};
    Array vectors = {};  // as many rows of it are in use as there are words
    WordVectorsReport report = {};

    std::size_t size() const { return words.size(); }
    void add(std::string_view line, std::size_t number);
    void check(const Header& header);
    void refuse(std::size_t number, std::string reason);
};

void Draft::refuse(std::size_t number, std::string reason) {
    if (!options.skip_bad_lines) fail<std::runtime_error>(source_name, ":", number, ": ", reason);
    ++report.bad_lines;
    std::vector<BadLine>& first = report.first_bad_lines;
    const auto behind = std::find_if(first.begin(), first.end(), [=](auto& bad) { return bad.number > number; });
    first.insert(behind, {number, std::move(reason)});
    if (first.size() > kReportedBadLines) first.pop_back();
}

void Draft::add(std::string_view line, std::size_t number) {
    const std::size_t d = vectors.shape()[1];
    const std::size_t row = size();
    const std::optional<std::string_view> word = parse_line(line, d, vectors.data() + row * d);
    if (!word) return refuse(number, what_is_wrong(line, d));
    words.add(*word, 1);
    if (size() == row) ++report.duplicates;  // the next line takes its place
}

/// Once all lines are read.
void Draft::check(const Header& header) {
    const std::size_t d = vectors.shape()[1];
    const std::size_t met = size() + report.duplicates + report.bad_lines;
    if (header.words != met)
        refuse(header.line,
               "the header says " + counted(header.words, "word") + ", but there are " + std::to_string(met));
    else if (header.dimension != d)
        refuse(header.line,
               "the header says " + counted(header.dimension, "number") + " a word, not " + std::to_string(d));
}

Draft read_vectors(std::string_view text, std::string_view source_name, const WordVectorsOptions& options) {
    Lines lines(text.substr(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0));
    const std::optional<Header> header = next_header(lines, options);
    const std::size_t d = find_dimension(lines, header, options, source_name);
    Draft draft{.source_name = source_name, .options = options, .vectors = room_for_vectors(lines.rest(), d)};
    while (const std::optional<std::string_view> line = lines.next()) draft.add(*line, lines.number());
    if (draft.size() == 0) {
        const BadLine& bad = draft.report.first_bad_lines.front();
        fail<std::runtime_error>(source_name, ": all lines are bad, the first of them line ", bad.number, ": ",
                                 bad.reason);
    }
    if (header) draft.check(*header);
    draft.vectors = first_rows(std::move(draft.vectors), draft.size());
    draft.report.lines = lines.number();
    draft.report.bytes = text.size();
    return draft;
}

}  // namespace

WordVectors::WordVectors(const std::vector<std::string>& words, Array vectors) : vectors_(std::move(vectors)) {
    require(vectors_.dimension() == 2 && vectors_.shape()[0] == words.size(), "WordVectors: the vectors of ",
            words.size(), " words cannot be of shape ", vectors_.shape());
    for (const std::string& word : words) {
        require(words_.find(word) < 0, "WordVectors: the word ", in_quotes(word), " is there twice");
        words_.add(word, 1);
    }
}

WordVectors::WordVectors(detail::TokenTable words, Array vectors, WordVectorsReport report)
    : words_(std::move(words)), vectors_(std::move(vectors)), report_(std::move(report)) {}

WordVectors WordVectors::parse(std::string_view text, std::string_view source_name, const WordVectorsOptions& options) {
    require(options.dimension != std::size_t{0}, "WordVectors: vectors need a dimension of at least 1");
    const Clock::time_point start = Clock::now();
    Draft draft = read_vectors(text, source_name, options);
    draft.report.seconds = seconds_since(start);
    return {std::move(draft.words), std::move(draft.vectors), std::move(draft.report)};
}

WordVectors WordVectors::load(const std::filesystem::path& path, const WordVectorsOptions& options) {
    const Clock::time_point start = Clock::now();
    WordVectors result = parse(read_file(path), path.string(), options);
    result.report_.seconds = seconds_since(start);
    return result;
}

void WordVectors::check_row(std::size_t row) const {
    require<std::out_of_range>(row < size(), "WordVectors: row ", row, " is outside ", size(), " vectors");
}

std::string_view WordVectors::word(std::size_t row) const {
    check_row(row);
    return words_.token(row);
}

std::span<const Real> WordVectors::operator[](std::size_t row) const {
    check_row(row);
    return {vectors_.data() + row * dimension(), dimension()};
}

std::optional<std::size_t> WordVectors::find(std::string_view word) const {
    const std::int64_t row = words_.find(word);
    return row < 0 ? std::nullopt : std::optional(static_cast<std::size_t>(row));
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
