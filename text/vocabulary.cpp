// Counting, ranking, looking up; and a file format that is checked line by line.
#include <embergrad/text/vocabulary.hpp>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/file.hpp>
#include <embergrad/text/line_reader.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::TokenTable;

constexpr std::string_view kFirstLine = "embergrad vocabulary 1";
constexpr std::string_view kRoles[] = {"pad", "unk", "bos", "eos"};

TokenTable count_words(std::span<const std::string> texts, const Tokenizer& tokenizer) {
    TokenTable words;
    TokenBuffer buffer;
    for (const std::string& text : texts) {
        const std::span<const std::string_view> tokens = tokenizer.split(text, buffer);
        words.add(tokens, buffer.text_end());
    }
    return words;
}

struct CountedWord {
    std::size_t number;
    std::int64_t count;
};

/// More frequent words first; equally frequent ones stay in their order. Most words are met less often than there are
/// words: those are put in their places by counting, the few others by comparing.
void sort_by_count(std::vector<CountedWord>& words) {
    const auto limit = static_cast<std::int64_t>(words.size());
    const auto rare =
        std::stable_partition(words.begin(), words.end(), [&](auto& word) { return word.count >= limit; });
    std::stable_sort(words.begin(), rare, [](auto& a, auto& b) { return a.count > b.count; });

    const std::vector<CountedWord> unsorted(rare, words.end());
    std::vector<std::size_t> places(words.size());
    const auto place = [&](const CountedWord& word) -> std::size_t& {
        return places[static_cast<std::size_t>(limit - 1 - word.count)];
    };
    for (const CountedWord& word : unsorted) ++place(word);
    std::exclusive_scan(places.begin(), places.end(), places.begin(), static_cast<std::size_t>(rare - words.begin()));
    for (const CountedWord& word : unsorted) words[place(word)++] = word;
}

/// The words that are kept, by their numbers in the order of their ids.
std::vector<std::size_t> rank_words(const TokenTable& words, const TokenTable& reserved, std::int64_t min_freq) {
    std::vector<CountedWord> kept;
    kept.reserve(words.size());
    for (std::size_t number = 0; number < words.size(); ++number) {
        const std::int64_t count = words.count(number);
        if (count >= min_freq && reserved.find(words.token(number)) < 0) kept.push_back({number, count});
    }
    sort_by_count(kept);
    std::vector<std::size_t> ranked(kept.size());
    std::transform(kept.begin(), kept.end(), ranked.begin(), [](auto& word) { return word.number; });
    return ranked;
}

}  // namespace

Vocabulary::Vocabulary(const VocabularyOptions& options) : tokenizer_(options.tokenizer) {
    const std::optional<std::string>* const tokens[] = {&options.pad_token, &options.unk_token, &options.bos_token,
                                                        &options.eos_token};
    for (std::size_t role = 0; role < kSpecials; ++role) {
        const std::string token = tokens[role]->value_or("");
        if (token.empty()) continue;
        require(std::none_of(token.begin(), token.end(), is_space), "Vocabulary: the special token ", in_quotes(token),
                " holds white space");
        require(table_.find(token) < 0, "Vocabulary: two special tokens are spelled ", in_quotes(token));
        special_ids_[role] = table_.add(token, 0);
    }
    special_count_ = size();
    require(options.min_freq >= 0, "Vocabulary: min_freq ", options.min_freq, " is negative");
    require(!options.max_size || *options.max_size >= special_count_, "Vocabulary: max_size ",
            options.max_size.value_or(0), " has no room for ", special_count_, " special tokens");
}

Vocabulary Vocabulary::build(std::span<const std::string> texts, const VocabularyOptions& options) {
    Vocabulary vocabulary(options);
    const TokenTable words = count_words(texts, vocabulary.tokenizer_);
    std::vector<std::size_t> ranked = rank_words(words, vocabulary.table_, options.min_freq);
    if (options.max_size) ranked.resize(std::min(ranked.size(), *options.max_size - vocabulary.special_count_));
    vocabulary.table_.append(words, ranked);
    return vocabulary;
}

/// For a token that is no word of this vocabulary.
std::int64_t Vocabulary::id_for_unknown(std::string_view token, bool reserved) const {
    if (!unknown_id())
        fail<std::out_of_range>("Vocabulary::encode: ", in_quotes(token),
                                reserved ? " is a reserved token" : " is not in the vocabulary",
                                ", and there is no unknown token");
    return *unknown_id();
}

std::vector<std::int64_t> Vocabulary::encode(std::string_view text) const {
    thread_local TokenBuffer buffer;  // warm for the next text
    const std::span<const std::string_view> tokens = tokenizer_.split(text, buffer);
    return encode(tokens, buffer.text_end());
}

std::vector<std::int64_t> Vocabulary::encode(std::span<const std::string> tokens) const {
    const std::vector<std::string_view> views(tokens.begin(), tokens.end());
    return encode(std::span<const std::string_view>(views));
}

std::vector<std::int64_t> Vocabulary::encode(std::span<const std::string_view> tokens) const {
    return encode(tokens, nullptr);
}

std::vector<std::int64_t> Vocabulary::encode(std::span<const std::string_view> tokens, const char* text_end) const {
    std::vector<std::int64_t> ids(tokens.size());
    table_.find(tokens, ids, text_end);
    const auto first_word = static_cast<std::int64_t>(special_count_);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] < first_word) ids[i] = id_for_unknown(tokens[i], ids[i] >= 0);
    }
    return ids;
}

std::vector<std::int64_t> Vocabulary::encode(std::initializer_list<std::string_view> tokens) const {
    return encode(std::span<const std::string_view>(tokens.begin(), tokens.size()));
}

std::string Vocabulary::decode(std::span<const std::int64_t> ids) const {
    std::string text;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const bool inside = ids[i] >= 0 && static_cast<std::size_t>(ids[i]) < size();
        require<std::out_of_range>(inside, "Vocabulary::decode: id ", ids[i], " at position ", i,
                                   " is outside a vocabulary of ", size(), " tokens");
        if (i > 0) text += ' ';
        text += table_.token(static_cast<std::size_t>(ids[i]));
    }
    return text;
}

std::string Vocabulary::decode_array(const IdArray& ids) const {
    require(ids.dimension() <= 1, "Vocabulary::decode: needs one sequence of ids, got shape ", to_string(ids.shape()));
    return decode(std::span(ids.data(), ids.size()));
}

std::size_t Vocabulary::index(std::int64_t id) const {
    require<std::out_of_range>(id >= 0 && static_cast<std::size_t>(id) < size(), "Vocabulary: id ", id,
                               " is outside a vocabulary of ", size(), " tokens");
    return static_cast<std::size_t>(id);
}

std::optional<std::int64_t> Vocabulary::id(std::string_view token) const {
    const std::int64_t id = table_.find(token);
    return id < 0 ? std::nullopt : std::optional(id);
}

const std::string& Vocabulary::token(std::int64_t id) const { return table_.token(index(id)); }

std::int64_t Vocabulary::count(std::int64_t id) const { return table_.count(index(id)); }

void Vocabulary::save(const std::filesystem::path& path) const {
    const TokenizerOptions& options = tokenizer_.options();
    std::string text(kFirstLine);
    text += options.lowercase ? "\nlowercase 1" : "\nlowercase 0";
    text += options.detach_punctuation ? "\ndetach_punctuation 1" : "\ndetach_punctuation 0";
    text += "\nspecials";
    for (std::size_t role = 0; role < kSpecials; ++role)
        if (special_ids_[role]) text.append(" ").append(kRoles[role]);
    text.append("\ntokens ").append(std::to_string(size())).append("\n");
    for (std::size_t i = 0; i < size(); ++i)
        text.append(table_.token(i)).append("\t").append(std::to_string(table_.count(i))).append("\n");
    write_file_atomically(path, text);
}

namespace {

/// A line that must be there, and whole.
std::string_view next_line(LineReader& lines) {
    const std::optional<std::string_view> line = lines.next();
    if (!line || !lines.complete()) lines.fail("the file is cut short");
    return *line;
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

/// The next token and its count, after those the table holds; the first `specials` are special tokens.
void next_entry(LineReader& lines, TokenTable& table, std::size_t specials) {
    const std::string_view line = next_line(lines);
    const std::size_t tab = line.find('\t');
    if (tab == line.npos) lines.fail("no tab in ", in_quotes(line));
    const std::string_view token = line.substr(0, tab);
    if (token.empty()) lines.fail("an empty token");
    if (std::any_of(token.begin(), token.end(), is_space)) lines.fail("white space in the token ", in_quotes(token));
    if (table.find(token) >= 0) lines.fail("the token ", in_quotes(token), " is there twice");

    const std::int64_t count = parse_number(line.substr(tab + 1), lines);
    const std::size_t id = table.size();
    if (id < specials && count != 0) lines.fail("the special token ", in_quotes(token), " has a count of ", count);
    if (id >= specials && count == 0) lines.fail("the word ", in_quotes(token), " has a count of 0");
    if (id > specials && count > table.count(id - 1))
        lines.fail("the count of ", in_quotes(token), " is above the one before it");
    table.add(token, count);
}

}  // namespace

Vocabulary Vocabulary::load(const std::filesystem::path& path) {
    LineReader lines(path);
    if (lines.next() != kFirstLine || !lines.complete())
        lines.fail("not a vocabulary: its first line would be \"", kFirstLine, "\"");
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
    while (vocabulary.size() < size) next_entry(lines, vocabulary.table_, specials);  // no room is made on its word
    if (lines.next()) lines.fail("more than ", size, " tokens");
    return vocabulary;
}

bool detail::begins_vocabulary(std::string_view line) { return line == kFirstLine; }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
