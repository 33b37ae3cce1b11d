// What is one token and what is not.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/text/tokenizer.hpp>

using namespace embergrad;

namespace {

using Strings = std::vector<std::string>;

Strings detached(std::string_view text) { return Tokenizer({.detach_punctuation = true})(text); }

/// The tokens with a bar between them: easier to read in a test than a list.
std::string barred(const Strings& tokens) {
    std::string text;
    for (const std::string& token : tokens) text += (text.empty() ? "" : "|") + token;
    return text;
}

}  // namespace

TEST_CASE("tokenizer: splits at ASCII white space [12.7]") {
    CHECK(Tokenizer()("  What\tis\nthe\v capital\f of\r\nFrance ?  ") ==
          Strings{"What", "is", "the", "capital", "of", "France", "?"});
}

TEST_CASE("tokenizer: every byte at every place of a text is a space or none, as is_space() says") {
    for (int byte = 0; byte < 256; ++byte) {
        for (std::size_t place = 0; place < 70; ++place) {
            std::string text(70, 'x');
            text[place] = static_cast<char>(byte);
            Strings expected{text};
            if (is_space(text[place])) expected = {text.substr(0, place), text.substr(place + 1)};
            std::erase(expected, "");
            CHECK_MESSAGE(Tokenizer()(text) == expected, "byte ", byte, " at ", place);
        }
    }
}

TEST_CASE("tokenizer: random texts of letters and spaces are split as byte by byte") {
    constexpr std::uint64_t kSeed = 4;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    for (int i = 0; i < 3'000; ++i) {
        std::string text;
        Strings expected{""};
        for (std::uint64_t n = rng.below(200); n > 0; --n) {
            text += "ab \t\r\x1f!\x8d\xa0\n"[rng.below(10)];
            if (is_space(text.back()))
                expected.emplace_back();
            else
                expected.back() += text.back();
        }
        std::erase(expected, "");
        CHECK(Tokenizer()(text) == expected);
    }
}

TEST_CASE("tokenizer: empty and blank texts have no tokens") {
    for (const bool on : {false, true}) {
        const Tokenizer tokenizer({.lowercase = on, .detach_punctuation = on});
        CHECK(tokenizer("").empty());
        CHECK(tokenizer(" \t\r\n\v\f ").empty());
    }
}

TEST_CASE("tokenizer: no-break spaces and U+0085 are inside words [12.7]") {
    const std::string text = "10\u00A0000 a\u0085b c\u2003d";
    const Strings words = {"10\u00A0000", "a\u0085b", "c\u2003d"};
    CHECK(Tokenizer()(text) == words);
    CHECK(Tokenizer({.lowercase = true, .detach_punctuation = true})(text) == words);
}

TEST_CASE("tokenizer: without options case and punctuation stay") {
    CHECK(Tokenizer()("Hello!! Don't.") == Strings{"Hello!!", "Don't."});
}

TEST_CASE("tokenizer: lowercase") {
    CHECK(Tokenizer({.lowercase = true})("HELLO \u00C9COLE \u041F\u0440\u0418\u0412\u0415\u0422") ==
          Strings{"hello", "\u00E9cole", "\u043F\u0440\u0438\u0432\u0435\u0442"});
}

TEST_CASE("tokenizer: each punctuation mark is a token") {
    CHECK(barred(detached("hello!! (well-known) $5, 50%...")) == "hello|!|!|(|well|-|known|)|$|5|,|50|%|.|.|.");
    CHECK(barred(detached("a_b c/d <PAD> #1 x@y.org")) == "a|_|b|c|/|d|<|PAD|>|#|1|x|@|y|.|org");
    CHECK(barred(detached("?! . ,")) == "?|!|.|,");
    CHECK(detached("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").size() == 32);
}

TEST_CASE("tokenizer: marks of UTF-8 are detached too") {
    CHECK(barred(detached("\u201CYes\u201D\u2014no\u2026 \u00ABoui\u00BB \u00BFqu\u00E9? 1990\u20131995")) ==
          "\u201C|Yes|\u201D|\u2014|no|\u2026|\u00AB|oui|\u00BB|\u00BF|qu\u00E9|?|1990|\u2013|1995");
}

TEST_CASE("tokenizer: an apostrophe inside a word stays") {
    CHECK(barred(detached("don't it\u2019s rock'n'roll")) == "don't|it\u2019s|rock'n'roll");
    CHECK(barred(detached("'tis the dogs' 'word' a''b")) == "'|tis|the|dogs|'|'|word|'|a|'|'|b");
}

TEST_CASE("tokenizer: points, commas and colons between digits stay") {
    CHECK(barred(detached("3.14 3,500 1,234,567.89 12:30")) == "3.14|3,500|1,234,567.89|12:30");
    CHECK(barred(detached("3. ,5 1..2 a.5 5,a 3.14.")) == "3|.|,|5|1|.|.|2|a|.|5|5|,|a|3.14|.");
}

TEST_CASE("tokenizer: abbreviations of single letters stay") {
    CHECK(barred(detached("U.S. e.g. U.S (p.m.) U.S.A.'s")) == "U.S.|e.g.|U.S|(|p.m.|)|U.S.A.'s");
    CHECK(barred(detached("I. end. a.bc ab.c Ph.D.")) == "I|.|end|.|a|.|bc|ab|.|c|Ph|.|D|.");
}

TEST_CASE("tokenizer: bytes that are not UTF-8 are letters") {
    CHECK(detached("a\xFF"
                   "b\xE2\x80!") == Strings{"a\xFF"
                                            "b\xE2\x80",
                                            "!"});
}

TEST_CASE("tokenizer: detaching loses and invents nothing") {
    const std::string_view pieces[] = {"a", "U", ".", "'", "3", ",", "\u2019", "\u2026", " ", "\xE2", "!", "\u00E9"};
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        INFO("seed ", seed);
        Rng rng(seed);
        std::string text, expected, got;
        for (std::size_t i = 0; i < 30; ++i) text += pieces[rng.below(std::size(pieces))];
        for (const std::string& token : Tokenizer()(text)) expected += token;
        for (const std::string& token : detached(text)) {
            CHECK_FALSE(token.empty());
            got += token;
        }
        CHECK(got == expected);
    }
}

TEST_CASE("tokenizer: views point into the text, or into the buffer with lowercase") {
    const std::string text = "One Two";
    TokenBuffer buffer;
    CHECK(Tokenizer().split(text, buffer)[1].data() == text.data() + 4);
    CHECK(buffer.text.data() == text.data());
    CHECK(Tokenizer({.lowercase = true}).split(text, buffer)[1].data() == buffer.lowered.data() + 4);
    CHECK(buffer.text.data() == buffer.lowered.data());
    CHECK(buffer.tokens.size() == 2);
}
