// Vocabulary: counting, ranking and looking up words.
#include <embergrad/text/vocabulary.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/text/line_reader.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::ReadableMemory;
using detail::TokenTable;

TokenTable count_words(std::span<const std::string> texts, const Tokenizer& tokenizer) {
    TokenTable words;
    TokenBuffer buffer;
    for (const std::string& text : texts) {
        const std::span<const std::string_view> tokens = tokenizer.split(text, buffer);
        words.add(tokens, ReadableMemory(buffer.text));
    }
    return words;
}

TokenTable count_words(std::span<const std::vector<std::string>> texts) {
    TokenTable words;
    for (std::size_t text = 0; text < texts.size(); ++text) {
        for (std::size_t i = 0; i < texts[text].size(); ++i) {
            require(!texts[text][i].empty(), "Vocabulary: token ", i, " of text ", text, " is empty");
            words.add(texts[text][i], 1);
        }
    }
    return words;
}

struct CountedWord {
    std::size_t number;
    std::int64_t count;
};

/// More frequent words first; equally frequent ones stay in their order. Most counts are below the number of words:
/// those words are sorted by counting, the few others by comparing.
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
        require(table_.find(token) < 0, "Vocabulary: two special tokens are spelled ", in_quotes(token));
        special_ids_[role] = table_.add(token, 0);
    }
    special_count_ = size();
    require(options.min_freq >= 0, "Vocabulary: min_freq ", options.min_freq, " is negative");
    require(!options.max_size || *options.max_size >= special_count_, "Vocabulary: max_size ",
            options.max_size.value_or(0), " has no room for ", special_count_, " special tokens");
}

Vocabulary Vocabulary::build(std::span<const std::string> texts, const VocabularyOptions& options) {
    Vocabulary specials(options);
    const TokenTable words = count_words(texts, specials.tokenizer_);
    return keep(words, std::move(specials), options);
}

Vocabulary Vocabulary::build(std::span<const std::vector<std::string>> texts, const VocabularyOptions& options) {
    return keep(count_words(texts), Vocabulary(options), options);
}

Vocabulary Vocabulary::build(std::initializer_list<BracedText> texts, const VocabularyOptions& options) {
    return build(std::vector<std::string>(texts.begin(), texts.end()), options);
}

Vocabulary Vocabulary::build_split(const std::vector<SplitText>& texts, const VocabularyOptions& options) {
    std::vector<std::vector<std::string>> tokens;
    for (const SplitText& text : texts) tokens.push_back(text.tokens);
    return build(tokens, options);
}

/// The special tokens, and behind them the words that the options keep.
Vocabulary Vocabulary::keep(const TokenTable& words, Vocabulary specials, const VocabularyOptions& options) {
    std::vector<std::size_t> ranked = rank_words(words, specials.table_, options.min_freq);
    if (options.max_size) ranked.resize(std::min(ranked.size(), *options.max_size - specials.special_count_));
    specials.table_.append(words, ranked);
    return specials;
}

/// For a token that is no word of this vocabulary.
std::int64_t Vocabulary::id_for_unknown(std::string_view token, bool reserved) const {
    if (!unknown_id())
        fail<std::out_of_range>("Vocabulary::encode: ", in_quotes(token),
                                reserved ? " is a reserved token" : " is not in the vocabulary",
                                ", and there is no unknown token");
    return *unknown_id();
}

namespace {

thread_local bool buffer_ended = false;  // a static object may encode after the main thread's buffer has ended

struct ThreadBuffer : TokenBuffer {
    ~ThreadBuffer() { buffer_ended = true; }
};

}  // namespace

std::vector<std::int64_t> Vocabulary::encode(std::string_view text) const {
    thread_local ThreadBuffer warm;
    TokenBuffer cold;
    TokenBuffer& buffer = buffer_ended ? cold : warm;
    const std::span<const std::string_view> tokens = tokenizer_.split(text, buffer);
    return encode(tokens, ReadableMemory(buffer.text));
}

std::vector<std::int64_t> Vocabulary::encode(std::span<const std::string> tokens) const {
    const std::vector<std::string_view> views(tokens.begin(), tokens.end());
    return encode(std::span<const std::string_view>(views));
}

std::vector<std::int64_t> Vocabulary::encode(std::span<const std::string_view> tokens) const {
    return encode(tokens, ReadableMemory());
}

std::vector<std::int64_t> Vocabulary::encode(std::span<const std::string_view> tokens, ReadableMemory memory) const {
    std::vector<std::int64_t> ids(tokens.size());
    table_.find(tokens, ids, memory);
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

std::string Vocabulary::decode(std::initializer_list<std::int64_t> ids) const {
    return decode(std::span(ids.begin(), ids.size()));
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

}  // namespace embergrad::inline EMBERGRAD_PRECISION
