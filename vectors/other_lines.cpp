// Other lines: sparse vectors, CSV, decimal commas, brackets and JSON.
#include <embergrad/vectors/other_lines.hpp>

#include <optional>
#include <stdexcept>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/vectors/real_parser.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::string_view kJson = " (this looks like JSON: write lines of a word and its numbers)";
constexpr std::string_view kSparse = " (index:value pairs cannot be read: write all numbers of a vector, zeros too)";
constexpr std::string_view kDecimalComma = " (a decimal comma: write points, tr , .)";
constexpr std::string_view kCommas = " (if commas stand between the numbers, put spaces there: tr , ' ')";
constexpr std::string_view kSemicolons = " (if semicolons stand between the numbers, put spaces there: tr ';' ' ')";
constexpr std::string_view kBrackets = " (brackets around the numbers: delete them, tr -d '[]')";

/// Whether the text is two numbers with this byte between them.
bool is_pair(std::string_view text, char between) {
    const std::size_t at = text.find(between);
    return at != text.npos && is_number(text.substr(0, at)) && is_number(text.substr(at + 1));
}

/// Whether a word has a comma behind it, or one and a number.
bool brings_comma(std::string_view word) {
    const std::size_t comma = word.rfind(',');
    if (comma == word.npos || comma == 0) return false;
    const std::string_view behind = word.substr(comma + 1);
    return behind.empty() || (is_number(behind) && !is_number(word.substr(0, comma)));
}

}  // namespace

std::string_view what_to_do(std::string_view line, std::string_view field) {
    if (line.starts_with("{\"") || line.starts_with("[\"") || line.starts_with("[{") || line == "{" || line == "[")
        return kJson;
    if (is_pair(field, ':')) return kSparse;
    const bool alone = field.size() == line.size();
    if (!alone && is_pair(field, ',') && field.find('.') == field.npos) return kDecimalComma;
    if (field.find(',') != field.npos) return kCommas;
    if (field.find(';') != field.npos) return kSemicolons;
    if (field.starts_with('[') || field.ends_with(']')) return kBrackets;
    return "";
}

void refuse_commas(VectorLines lines, std::size_t d, std::string_view source_name) {
    constexpr std::size_t enough = 1000;
    std::size_t seen = 0;
    for (std::optional<std::string_view> line; seen < enough && (line = lines.next()); ++seen) {
        const std::optional<VectorLine> split = split_vector_line(*line, d);
        if (!split || !brings_comma(split->word)) return;
    }
    require<std::runtime_error>(seen < 2, source_name,
                                ": every word has a comma behind it; put a space there (tr , ' '), or say that the "
                                "format is text if it belongs to the words");
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
