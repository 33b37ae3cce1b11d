// Vocabulary: words to ids and back; special tokens first, then words by count.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/text/token_table.hpp>
#include <embergrad/text/tokenizer.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

class LineReader;

/// One of the texts in braces. (A std::string_view would take {"a", "b"} for the two ends of a string.)
class BracedText {
public:
    template <std::convertible_to<std::string_view> Text>
    BracedText(const Text& text) : text_(text) {}  // NOLINT: converting is what it is for
    explicit operator std::string() const { return std::string(text_); }

private:
    std::string_view text_;
};

/// A special token that is nullopt or empty is left out, and takes no id.
struct VocabularyOptions {
    std::int64_t min_freq = 1;                 ///< words met less often are left out
    std::optional<std::size_t> max_size = {};  ///< of the whole vocabulary, special tokens included
    std::optional<std::string> pad_token = "<PAD>";
    std::optional<std::string> unk_token = "<UNK>";
    std::optional<std::string> bos_token = "<BOS>";
    std::optional<std::string> eos_token = "<EOS>";
    TokenizerOptions tokenizer = {};
};

/// Tokens and their ids, 0 .. size() - 1: the special tokens (padding, unknown, beginning, end, as far as they are
/// there), then words by count, the most frequent first, ties in order of first occurrence. min_freq and max_size
/// commute. Ids depend on nothing but the texts and the options. A value: copies are independent. What is const may
/// run in several threads.
///
/// Special tokens are reserved: one that is met in a text is not counted, and encode() gives the unknown id for it, so
/// that no user's text can smuggle in padding. Their ids are padding_id() and so on.
class Vocabulary {
public:
    /// Special tokens only; they may hold white space. Throws std::invalid_argument if two are spelled alike, if
    /// max_size has no room for them or min_freq is negative.
    explicit Vocabulary(const VocabularyOptions& options = {});

    /// The vocabulary of these texts; errors as above. (A single string is no list of texts and does not compile.)
    static Vocabulary build(std::span<const std::string> texts, const VocabularyOptions& options = {});
    /// The same of texts that are split already: characters, for example. Their tokens are taken as they are, white
    /// space too; the tokenizer of the options is for encode(text). Throws std::invalid_argument for an empty token.
    static Vocabulary build(std::span<const std::vector<std::string>> texts, const VocabularyOptions& options = {});
    /// Either in braces: {"a b", "c"}, and {{"a", "b"}, {"c"}}.
    static Vocabulary build(std::initializer_list<BracedText> texts, const VocabularyOptions& options = {});
    template <std::convertible_to<std::string_view> Token>
    static Vocabulary build(std::initializer_list<std::initializer_list<Token>> texts,
                            const VocabularyOptions& options = {}) {
        return build_split({texts.begin(), texts.end()}, options);
    }

    /// The ids of a text, split as the texts of build() were; none for an empty text. An unknown word gets the unknown
    /// id. Without an unknown token it is an error: std::out_of_range naming the word.
    std::vector<std::int64_t> encode(std::string_view text) const;
    /// The ids of tokens, taken as they are; errors as above.
    std::vector<std::int64_t> encode(std::span<const std::string> tokens) const;
    std::vector<std::int64_t> encode(std::span<const std::string_view> tokens) const;
    std::vector<std::int64_t> encode(std::initializer_list<std::string_view> tokens) const;

    /// The tokens of these ids with a space between them, special ones too. Throws std::out_of_range for an id outside
    /// 0 .. size() - 1.
    std::string decode(std::span<const std::int64_t> ids) const;
    std::string decode(std::initializer_list<std::int64_t> ids) const;
    /// ids: (L) or (). (A template, so that a std::vector need not choose.)
    template <std::same_as<IdArray> Ids>
    std::string decode(const Ids& ids) const {
        return decode_array(ids);
    }

    /// The token's id, special tokens included; nothing if it is not in the vocabulary.
    std::optional<std::int64_t> id(std::string_view token) const;
    /// Throws std::out_of_range for an id outside 0 .. size() - 1.
    const std::string& token(std::int64_t id) const;
    /// How often the texts of build() held the word; 0 for special tokens. Errors as token().
    std::int64_t count(std::int64_t id) const;

    std::size_t size() const { return table_.size(); }
    /// The ids below this are special tokens.
    std::size_t special_count() const { return special_count_; }
    std::optional<std::int64_t> padding_id() const { return special_ids_[0]; }
    std::optional<std::int64_t> unknown_id() const { return special_ids_[1]; }
    std::optional<std::int64_t> bos_id() const { return special_ids_[2]; }
    std::optional<std::int64_t> eos_id() const { return special_ids_[3]; }
    const Tokenizer& tokenizer() const { return tokenizer_; }

    /// Writes a text file, whole or not at all (see write_file_atomically). Its lines, each ended by \n:
    ///
    ///     embergrad vocabulary 1       2 if a token holds white space: see below
    ///     lowercase 0                  or 1
    ///     detach_punctuation 0         or 1
    ///     specials pad unk bos eos     those that are there, in this order
    ///     tokens 8715                  the number of lines that follow
    ///     <PAD>\t0                     token, tab, count: by id, the special tokens first
    ///
    /// Tokens are written byte for byte. In version 2 white space and backslashes in them are written \s (a space), \t,
    /// \n, \v, \f, \r and \\. Throws std::runtime_error with path and reason.
    void save(const std::string& path) const;
    /// Reads what save() wrote and nothing else: the same tokens, ids, counts and tokenizer. Throws std::runtime_error
    /// "path:line: what" for anything that is not as above: counts that rise, tokens that repeat, a file cut short.
    static Vocabulary load(const std::string& path);
    /// The same from the first of these lines on, of which none has been read.
    static Vocabulary load(LineReader& lines);

private:
    static constexpr std::size_t kSpecials = 4;

    std::size_t index(std::int64_t id) const;
    std::vector<std::int64_t> encode(std::span<const std::string_view> tokens, detail::ReadableMemory memory) const;
    std::int64_t id_for_unknown(std::string_view token, bool reserved) const;
    std::string decode_array(const IdArray& ids) const;
    /// A text in braces, as its tokens.
    struct SplitText {
        std::vector<std::string> tokens;
        template <class Token>
        SplitText(std::initializer_list<Token> all) : tokens(all.begin(), all.end()) {}
    };
    static Vocabulary build_split(const std::vector<SplitText>& texts, const VocabularyOptions& options);
    static Vocabulary keep(const detail::TokenTable& words, Vocabulary specials, const VocabularyOptions& options);

    Tokenizer tokenizer_;
    detail::TokenTable table_;
    std::size_t special_count_ = 0;
    std::array<std::optional<std::int64_t>, kSpecials> special_ids_;
};

namespace detail {
/// Whether a file that begins with this line is one of Vocabulary::save.
bool begins_vocabulary(std::string_view line);
}  // namespace detail

}  // namespace embergrad::inline EMBERGRAD_PRECISION
