// Vocabulary::save and load: a file written as a whole, and checked line by line when it is read.
#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/text/line_reader.hpp>
#include <embergrad/text/vocabulary.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::TokenTable;

constexpr std::string_view kFirstLine = "embergrad vocabulary 1";
constexpr std::string_view kFirstEscapedLine = "embergrad vocabulary 2";       // white space in tokens is escaped
constexpr std::string_view kEscaped = " \t\n\v\f\r\\", kLetters = "stnvfr\\";  // " " is \s, and so on
constexpr std::string_view kRoles[] = {"pad", "unk", "bos", "eos"};

/// A line that must be there, and whole.
std::string_view next_line(LineReader& lines) {
    const std::optional<std::string_view> line = lines.next();
    if (!line || !lines.complete()) lines.fail("the file is cut short");
    return *line;
}

/// Whether what follows is escaped.
bool next_version(LineReader& lines) {
    const std::string_view line = lines.next().value_or("");
    if (line.ends_with('\r') && detail::begins_vocabulary(line.substr(0, line.size() - 1)))
        lines.fail("lines of a vocabulary end with \\n, not \\r\\n: convert it back (dos2unix)");
    if (!detail::begins_vocabulary(line) || !lines.complete())
        lines.fail("not a vocabulary: its first line would be \"", kFirstLine, "\"");
    return line == kFirstEscapedLine;
}

/// A number as save() writes it: digits without a sign or leading zeros.
std::int64_t parse_number(std::string_view text, const LineReader& lines) {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const bool plain = text == "0" || (!text.empty() && text.front() >= '1' && text.front() <= '9');
    if (error != std::errc() || stop != end || !plain) lines.fail(in_quotes(text), " is not a count");
    return number;
}

/// What follows "name" on the next line.
std::string_view next_field(LineReader& lines, std::string_view name) {
    const std::string_view line = next_line(lines);
    if (!line.starts_with(name)) lines.fail("expected \"", name, "...\", found ", in_quotes(line));
    return line.substr(name.size());
}

bool next_flag(LineReader& lines, std::string_view name) {
    const std::string_view field = next_field(lines, name);
    if (field != "0" && field != "1") lines.fail(name, in_quotes(field), ": must be 0 or 1");
    return field == "1";
}

/// Which special tokens there are, from "specials pad unk".
std::array<bool, std::size(kRoles)> next_specials(LineReader& lines) {
    const std::string_view field = next_field(lines, "specials");
    std::string_view rest = field;
    std::array<bool, std::size(kRoles)> there{};
    for (std::size_t role = 0; role < there.size(); ++role) {
        const std::string word = " " + std::string(kRoles[role]);
        there[role] = rest.starts_with(word);
        if (there[role]) rest.remove_prefix(word.size());
    }
    if (!rest.empty()) lines.fail("expected some of \" pad unk bos eos\" in this order, found ", in_quotes(field));
    return there;
}

bool has_space(std::string_view token) { return std::any_of(token.begin(), token.end(), is_space); }

std::string escaped(std::string_view token) {
    std::string text;
    for (const char byte : token) {
        const std::size_t i = kEscaped.find(byte);
        text += i == kEscaped.npos ? std::string{byte} : std::string{'\\', kLetters[i]};
    }
    return text;
}

/// What was escaped; as errors say, nothing else may follow a backslash.
std::string unescaped(std::string_view text, const LineReader& lines) {
    std::string token;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            token += text[i];
            continue;
        }
        const std::size_t letter = ++i < text.size() ? kLetters.find(text[i]) : kLetters.npos;
        if (letter == kLetters.npos)
            lines.fail("in the token ", in_quotes(text), " a backslash is followed by none of s t n v f r and \\");
        token += kEscaped[letter];
    }
    return token;
}

/// The next token and its count, after those the table holds; the first `specials` are special tokens.
void next_entry(LineReader& lines, TokenTable& table, std::size_t specials, bool is_escaped) {
    const std::string_view line = next_line(lines);
    const std::size_t tab = line.find('\t');
    if (tab == line.npos) lines.fail("no tab in ", in_quotes(line));
    const std::string_view text = line.substr(0, tab);
    if (text.empty()) lines.fail("an empty token");
    if (has_space(text)) lines.fail("white space in the token ", in_quotes(text));
    const std::string unescaped_text = is_escaped ? unescaped(text, lines) : "";
    const std::string_view token = is_escaped ? unescaped_text : text;
    const std::int64_t count = parse_number(line.substr(tab + 1), lines);
    const std::size_t id = table.size();
    if (id < specials && count != 0) lines.fail("the special token ", in_quotes(token), " has a count of ", count);
    if (id >= specials && count == 0) lines.fail("the word ", in_quotes(token), " has a count of 0");
    if (id > specials && count > table.count(id - 1))
        lines.fail("the count of ", in_quotes(token), " is above the one before it");
    const bool is_new = table.add(token, count) == static_cast<std::int64_t>(id);
    if (!is_new) lines.fail("the token ", in_quotes(token), " is there twice");
}

}  // namespace

void Vocabulary::save(const std::string& path) const {
    const TokenizerOptions& options = tokenizer_.options();
    bool is_escaped = false;
    for (std::size_t i = 0; i < size(); ++i) is_escaped |= has_space(table_.token(i));
    std::string text(is_escaped ? kFirstEscapedLine : kFirstLine);
    text += options.lowercase ? "\nlowercase 1" : "\nlowercase 0";
    text += options.detach_punctuation ? "\ndetach_punctuation 1" : "\ndetach_punctuation 0";
    text += "\nspecials";
    for (std::size_t role = 0; role < kSpecials; ++role)
        if (special_ids_[role]) text.append(" ").append(kRoles[role]);
    text.append("\ntokens ").append(std::to_string(size())).append("\n");
    for (std::size_t i = 0; i < size(); ++i) {
        if (is_escaped)
            text += escaped(table_.token(i));
        else
            text += table_.token(i);
        text.append("\t").append(std::to_string(table_.count(i))).append("\n");
    }
    write_file_atomically(path, text);
}

Vocabulary Vocabulary::load(const std::string& path) {
    LineReader lines(path);
    return load(lines);
}

Vocabulary Vocabulary::load(LineReader& lines) {
    const bool is_escaped = next_version(lines);
    Vocabulary vocabulary({.pad_token = {}, .unk_token = {}, .bos_token = {}, .eos_token = {}});
    TokenizerOptions options;
    options.lowercase = next_flag(lines, "lowercase ");
    options.detach_punctuation = next_flag(lines, "detach_punctuation ");
    vocabulary.tokenizer_ = Tokenizer(options);

    const std::array<bool, kSpecials> there = next_specials(lines);
    std::size_t& specials = vocabulary.special_count_;
    for (std::size_t role = 0; role < kSpecials; ++role)
        if (there[role]) vocabulary.special_ids_[role] = static_cast<std::int64_t>(specials++);
    const auto size = static_cast<std::size_t>(parse_number(next_field(lines, "tokens "), lines));
    if (size < specials) lines.fail(size, " tokens, of which ", specials, " special ones");
    bool needs_escapes = false;
    while (vocabulary.size() < size) {
        vocabulary.table_.make_room(1, size);
        next_entry(lines, vocabulary.table_, specials, is_escaped);
        needs_escapes |= is_escaped && has_space(vocabulary.table_.token(vocabulary.size() - 1));
    }
    if (is_escaped != needs_escapes) lines.fail("version 2 is for tokens with white space, and there are none");
    if (lines.next()) lines.fail("more than ", size, " tokens");
    return vocabulary;
}

bool detail::begins_vocabulary(std::string_view line) { return line == kFirstLine || line == kFirstEscapedLine; }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
