// Tokenizer: text to tokens, split at white space; on request in lowercase, with punctuation detached.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/system/config.hpp>
#include <embergrad/text/white_space.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct TokenizerOptions {
    bool lowercase = false;           ///< see lowercase() in text/utf8.hpp
    bool detach_punctuation = false;  ///< see Tokenizer
    bool operator==(const TokenizerOptions&) const = default;
};

/// Room for the tokens of one text, to be used again for the next.
struct TokenBuffer {
    std::string lowered;    ///< the text in lowercase, if that is asked for
    std::string_view text;  ///< what the tokens are views into: the text, or `lowered`
    std::vector<std::string_view> tokens;
};

/// Splits at ASCII white space. With detach_punctuation each mark (ASCII punctuation, or a dash, quote, ellipsis and
/// their like of UTF-8) is a token of its own, so that "hello!!" gives hello ! ! and "(well-known)" ( well - known ).
/// Marks that belong to a word stay in it:
///   - an apostrophe with the word going on at both sides: don't, rock'n'roll;
///   - a point, comma or colon between two digits: 3.14, 3,500, 12:30;
///   - the points of an abbreviation of single ASCII letters: U.S., e.g., U.S.'s
/// Bytes that are not UTF-8 are letters. A const Tokenizer may serve several threads.
class Tokenizer {
public:
    explicit Tokenizer(const TokenizerOptions& options = {}) : options_(options) {}

    /// The tokens of a text, in order; none for an empty text.
    std::vector<std::string> operator()(std::string_view text) const;

    /// The same without a copy for each token: views into the text, or with lowercase into the buffer.
    /// They hold until the text ends or the buffer is used again.
    std::span<const std::string_view> split(std::string_view text, TokenBuffer& buffer) const;

    const TokenizerOptions& options() const { return options_; }

private:
    TokenizerOptions options_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
