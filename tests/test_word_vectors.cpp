// Files of word vectors, well-formed, odd and damaged.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/engine/system/memory.hpp>
#include <embergrad/tests/gzip.hpp>
#include <embergrad/tests/shared_data.hpp>
#include <embergrad/tests/support.hpp>
#include <embergrad/tests/temporary_folder.hpp>
#include <embergrad/tests/threads.hpp>
#include <embergrad/text/line_reader.hpp>
#include <embergrad/vectors/word_vectors.hpp>

using namespace embergrad;
using namespace embergrad::testing;
using namespace std::string_literals;

namespace {

using Strings = std::vector<std::string>;

const WordVectorsOptions kSkip{.skip_bad_lines = true};

WordVectors parse(std::string_view text, const WordVectorsOptions& options = {}) {
    return WordVectors::parse(text, "test", options);
}

Strings words_of(const WordVectors& vectors) {
    Strings words;
    for (std::size_t row = 0; row < vectors.size(); ++row) words.emplace_back(vectors.word(row));
    return words;
}

/// The text must give exactly these words and numbers, with each of its words found in its row.
void check_vectors(const WordVectors& vectors, const Strings& words, const std::vector<double>& values,
                   int line = __builtin_LINE()) {
    INFO("called from line ", line);
    CHECK(words_of(vectors) == words);
    check_near(vectors.vectors(), values, 0, line);
    CHECK(vectors.vectors().shape()[0] == vectors.size());
    CHECK(vectors.vectors().shape()[1] == vectors.dimension());
    for (std::size_t row = 0; row < vectors.size(); ++row) {
        CHECK(vectors.find(words[row]) == row);
        CHECK(vectors[row].data() == vectors.vectors().data() + row * vectors.dimension());
        CHECK(vectors[row].size() == vectors.dimension());
    }
}

void check_error(std::string_view text, const std::string& message, const WordVectorsOptions& options = {},
                 int line = __builtin_LINE()) {
    check_refused<std::runtime_error>([&] { parse(text, options); }, "test" + message, line);
}

bool same_bits(Real a, Real b) { return std::memcmp(&a, &b, sizeof a) == 0; }

Real c_library(const std::string& text) {
    if constexpr (kDouble)
        return static_cast<Real>(std::strtod(text.c_str(), nullptr));
    else
        return static_cast<Real>(std::strtof(text.c_str(), nullptr));
}

/// Digits, a point somewhere, perhaps an exponent: of any size, but mostly of one that fits.
std::string random_number(Rng& rng) {
    std::string text(rng.below(3) == 0 ? "-" : "");
    const std::uint64_t digits = 1 + rng.below(rng.below(10) == 0 ? 60 : 10);
    const std::uint64_t point = rng.below(digits + 2);
    for (std::uint64_t i = 0; i < digits; ++i) {
        if (i == point) text += '.';
        text += static_cast<char>('0' + rng.below(10));
    }
    const std::uint64_t kind = rng.below(8);
    if (kind > 2) return text;
    text += kind == 0 ? "e" : "E";
    text += Strings{"", "+", "-"}[rng.below(3)];
    return text + std::to_string(rng.below(rng.below(4) == 0 ? 400 : 50));
}

}  // namespace

// ---- lines ---------------------------------------------------------------------------------------------------------

TEST_CASE("word vectors: a line is a word and its numbers") {
    const WordVectors vectors = parse("the 0.5 -1 2\nof .25 3. -0.125\n");
    check_vectors(vectors, {"the", "of"}, {0.5, -1, 2, 0.25, 3, -0.125});
    CHECK(vectors.dimension() == 3);
    CHECK(vectors.find("a") == std::nullopt);
    CHECK(vectors.find("") == std::nullopt);
    CHECK(vectors.find("th") == std::nullopt);
    CHECK(vectors.report().lines == 2);
    CHECK(vectors.report().bytes == 30);
    CHECK(vectors.report().bad_lines == 0);
    CHECK(vectors.report().first_bad_lines.empty());
    CHECK(vectors.report().duplicates == 0);
    CHECK(vectors.report().seconds >= 0);
}

TEST_CASE("word vectors: a row outside is refused") {
    const WordVectors vectors = parse("the 1\nof 2\n");
    check_refused<std::out_of_range>([&] { vectors[2]; }, "WordVectors: row 2 is outside 2 vectors");
    check_refused<std::out_of_range>([&] { vectors.word(2); }, "WordVectors: row 2 is outside 2 vectors");
}

TEST_CASE("word vectors: line ends, white space at the end, blank lines, tabs, a byte order mark") {
    const std::vector<double> values = {1, 2, 3, 4};
    check_vectors(parse("a 1 2\r\nb 3 4\r\n"), {"a", "b"}, values);
    check_vectors(parse("a 1 2 \nb 3 4 \t \r\n"), {"a", "b"}, values);
    check_vectors(parse("a 1 2\nb 3 4"), {"a", "b"}, values);
    check_vectors(parse("a 1 2\nb 3 4\r"), {"a", "b"}, values);
    check_vectors(parse("\n\r\na 1 2\n \t\n\nb 3 4\n\n   "), {"a", "b"}, values);
    check_vectors(parse("a\t1\t2\nb\t3 4\n"), {"a", "b"}, values);
    check_vectors(parse("a  1 \t2\nb 3   4\n"), {"a", "b"}, values);
    check_vectors(parse("\xEF\xBB\xBF"
                        "a 1 2\nb 3 4\n"),
                  {"a", "b"}, values);
    check_vectors(parse("\xEF\xBB\xBF"
                        "2 2\r\na 1 2\r\nb 3 4\r\n"),
                  {"a", "b"}, values);
    CHECK(parse("\n\r\na 1 2\n \t\n\nb 3 4\n\n   ").report().lines == 8);
    CHECK(parse("\n\r\na 1 2\n \t\n\nb 3 4\n\n   ").report().bad_lines == 0);
}

TEST_CASE("word vectors: words with spaces; the last D fields are the numbers") {
    const std::string lines =
        "the 1 2 3\n. . . 4 5 6\nat name@domain.com 7 8 9\nof 0 0 0\n2 5 1 2 3\nof  a 3 2 1\n"
        "in 0 0 1\n5 0 1 0\n";
    const Strings words = {"the", ". . .", "at name@domain.com", "of", "2 5", "of  a", "in", "5"};
    const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 1, 2, 3, 3, 2, 1, 0, 0, 1, 0, 1, 0};
    check_vectors(parse(lines, {.dimension = 3}), words, values);
    check_vectors(parse(lines), words, values);
    check_vectors(parse("8 3\n" + lines), words, values);
    check_vectors(parse("2 5 1 2 3", {.dimension = 3}), {"2 5"}, {1, 2, 3});
    check_vectors(parse("new york 1 2\nlos angeles 3 4\n", {.dimension = 2}), {"new york", "los angeles"},
                  {1, 2, 3, 4});
    check_vectors(parse("2 2\nnew york 1 2\nlos angeles 3 4\n"), {"new york", "los angeles"}, {1, 2, 3, 4});
}

TEST_CASE("word vectors: only ASCII spaces and tabs split; a word may be any other bytes") {
    const Strings words = {"10\u00A0000", "a\u0085b", "\u2028",   "\u3000", "a\rb",
                           "\v\f",        "caf\xE9",  "\xFF\xFE", "a\0b"s,  "\xEF\xBB\xBFx"};
    std::string text = "the 1 2\n";
    for (const std::string& word : words) text += word + " 3 4\n";
    const WordVectors vectors = parse(text);
    REQUIRE(vectors.size() == 11);
    for (std::size_t i = 0; i < words.size(); ++i) CHECK(vectors.find(words[i]) == i + 1);
}

TEST_CASE("word vectors: white space before a word is not part of it") {
    check_vectors(parse("a 1 2\n  b 3 4\n\t3 5 6\n"), {"a", "b", "3"}, {1, 2, 3, 4, 5, 6});
    check_error("a 1 2\n 3 4\n", ":2: no word before 2 values");
    check_error("a 1\n\t5\n", ":2: no word before 1 value");
}

TEST_CASE("word vectors: separators before nothing but numbers are a word, all but the last of them") {
    check_vectors(parse("a 1 2\n  3 4\n\t 5 6\n\t  7 8\nb 9 10\n", {.dimension = 2}), {"a", " ", "\t", "\t ", "b"},
                  {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    check_vectors(parse("a 1 2\n  \t3\t4 \r\nb 5 6\n"), {"a", "  ", "b"}, {1, 2, 3, 4, 5, 6});
    check_error("a 1 2\n  x 4\nb 5 6\n", ":2: no word before 2 values");
    check_error("a 1 2\n  3 x\nb 5 6\n", ":2: value 2, \"x\", is no number");
    check_error("a 1 2 3\n  4\nb 5 6 7\n", ":2: 0 values, not 3");
    WordVectorsOptions options;
    options.wanted = [](std::string_view word) { return word == " "; };
    check_vectors(parse("a 1 2\n  3 4\nb 5 6\n", options), {" "}, {3, 4});
    options.dimension = 2;
    check_error("a 1 2\n  3\n", ":2: 0 values, not 2", options);
}

TEST_CASE("word vectors: of lines with the same word the first counts") {
    const WordVectors vectors = parse("a 1 2\nb 3 4\na 5 6\na 7 8\nc 9 10\n");
    check_vectors(vectors, {"a", "b", "c"}, {1, 2, 3, 4, 9, 10});
    CHECK(vectors.report().duplicates == 2);
    CHECK(vectors.report().lines == 5);
    check_error("a 1 2\na 3 x\n", ":2: value 2, \"x\", is no number");  // twice, but bad first
}

TEST_CASE("word vectors: case is kept, and tells words apart") {
    check_vectors(parse("The 1 2\nthe 3 4\n"), {"The", "the"}, {1, 2, 3, 4});
}

// ---- the dimension -------------------------------------------------------------------------------------------------

TEST_CASE("word vectors: a header is no word") {
    check_vectors(parse("2 3\na 1 2 3\nb 4 5 6\n"), {"a", "b"}, {1, 2, 3, 4, 5, 6});
    check_vectors(parse("2 1\na 1\nb 4\n"), {"a", "b"}, {1, 4});
    check_vectors(parse("\n 2\t2 \na 1 2\nb 3 4\n", {.dimension = 2}), {"a", "b"}, {1, 2, 3, 4});
    CHECK(parse("2 1\na 1\nb 4\n").report().lines == 3);
    SUBCASE("unless dimension 1 is given") {
        check_vectors(parse("2 1\na 1\nb 4\n", {.dimension = 1}), {"2", "a", "b"}, {1, 1, 4});
    }
    SUBCASE("two fields that are not both whole numbers are a word and its number") {
        check_vectors(parse("2 1.0\na 1\n"), {"2", "a"}, {1, 1});
        check_vectors(parse("-2 1\na 1\n"), {"-2", "a"}, {1, 1});
        check_vectors(parse("2 -1\na 1\n"), {"2", "a"}, {-1, 1});
        check_vectors(parse("99999999999999999999 1\na 1\n"), {"99999999999999999999", "a"}, {1, 1});
    }
    SUBCASE("only the first line can be one") { check_vectors(parse("a 1\n2 1\n"), {"a", "2"}, {1, 1}); }
}

TEST_CASE("word vectors: a header that is wrong is an error, or reported") {
    const std::string two = "a 1 2\nb 3 4\n";
    check_error("3 2\n" + two, ":1: the header says 3 words, but there are 2");
    check_error("1 2\n" + two, ":1: the header says 1 word, but there are 2");
    check_error("18446744073709551615 2\n" + two, ":1: the header says 18446744073709551615 words, but there are 2");
    check_error("\n2 3\n" + two, ":2: the header says 3 numbers a word, not 2", {.dimension = 2});
    check_error("2 3\n" + two, ": every line has 2 numbers, not 3 as the header says");
    check_error("2 1\n" + two, ": every line has 2 numbers, not 1 as the header says");
    check_error("2 0\n" + two, ": every line has 2 numbers, not 0 as the header says");
    check_error("2 18446744073709551615\n" + two,
                ": every line has 2 numbers, not 18446744073709551615 as the header says");

    const WordVectors vectors = parse("3 2\n" + two, kSkip);
    check_vectors(vectors, {"a", "b"}, {1, 2, 3, 4});
    CHECK(vectors.report().bad_lines == 0);
    CHECK(vectors.report().wrong_header == "the header says 3 words, but there are 2");
    CHECK(parse("2 2\n" + two).report().wrong_header.empty());
}

TEST_CASE("word vectors: a header counts lines, duplicates and bad ones too") {
    const WordVectors vectors = parse("4 2\na 1 2\nb 1\na 5 6\n\nc 3 4\n", kSkip);
    check_vectors(vectors, {"a", "c"}, {1, 2, 3, 4});
    CHECK(vectors.report().bad_lines == 1);
    CHECK(vectors.report().duplicates == 1);
    CHECK(vectors.report().lines == 6);
    CHECK(vectors.report().wrong_header.empty());
}

TEST_CASE("word vectors: the dimension is what most of the first lines have") {
    std::string text;
    for (int i = 0; i < 20; ++i) text += "a b" + std::to_string(i) + " 1 2 3\n";
    for (int i = 0; i < 21; ++i) text += "c" + std::to_string(i) + " 1 2 3\n";
    CHECK(parse(text).dimension() == 3);
    CHECK(parse(text).size() == 41);
    CHECK(parse(text).find("a b7") == 7);
    check_error("a 1 2 3\nb 1 2\n", ":2: 2 values, not 3");  // of two as common the larger: nothing gets lost
    check_error("a 1 2\nb 1 2 x\n", ":1: 2 values, not 3");

    std::string late;
    for (int i = 0; i < 999; ++i) late += "w" + std::to_string(i) + " 1 2\n";
    late += "x 1 2\n";
    for (int i = 0; i < 2000; ++i) late += "p q" + std::to_string(i) + " 1 2\n";
    CHECK(parse(late).dimension() == 2);
    CHECK(parse(late).size() == 3000);
}

TEST_CASE("word vectors: a dimension that the lines do not have is an error that says what they have") {
    check_error("a 1 2\nb 3 4\n", ": every line has 2 numbers, not 3", {.dimension = 3});
    check_error("a 1 2\nb 3 4\n", ": every line has 2 numbers, not 1", {.dimension = 1});
    check_error("a 1\nb 4\n", ": every line has 1 number, not 100", {.dimension = 100});
    check_error("a 1\nb 4\nc 3 3\n", ": most lines have 1 number, not 100", {.dimension = 100});
    check_error("a 1 2\n", ": every line has 2 numbers, not 18446744073709551615",
                {.dimension = std::numeric_limits<std::size_t>::max(), .skip_bad_lines = true});
    check_error("a 1 2 3\nb 3 4 5\nc d 5 6 7\n", ": most lines have 3 numbers, not 2", {.dimension = 2});
    std::string many;
    for (int i = 0; i < 1001; ++i) many += "w" + std::to_string(i) + " 1 2\n";
    check_error(many, ": of the first 1000 every line has 2 numbers, not 5", {.dimension = 5});
    check_refused<std::invalid_argument>([] { parse("a 1\n", {.dimension = 0}); },
                                         "WordVectors: vectors need a dimension of at least 1");
}

TEST_CASE("word vectors: a file without vectors is an error") {
    check_error("", ": there are no vectors in it");
    check_error("\xEF\xBB\xBF", ": there are no vectors in it");
    check_error(" \n\r\n\t", ": there are no vectors in it");
    check_error("0 50\n", ": there are no vectors in it");
    check_error("Hello\nWorld\n", ": every line has nothing behind a word");
    check_error("Hello\nWorld\n", ": every line has nothing behind a word", {.dimension = 5});
    check_error("A text of words.\nNo numbers in it.\n",
                ": all lines are bad, the first of them line 1: value 1, \"text\", is no number", kSkip);
}

// ---- bad lines -----------------------------------------------------------------------------------------------------

TEST_CASE("word vectors: a bad line is an error with path, line and reason") {
    check_error("a 1 2 3\nb 1 2\nc 1 2 3\n", ":2: 2 values, not 3");
    check_error("a 1 2 3\nb\nc 1 2 3\n", ":2: 0 values, not 3");
    check_error("a 1 2 3\n\nc 4 5 6\nd 1 2", ":4: 2 values, not 3");
    check_error("a 1 2 3\nb 1 x 3\n", ":2: value 2, \"x\", is no number");
    check_error("a 1 2 3\nb 1 2 3 4x\n", ":2: value 3, \"4x\", is no number", {.dimension = 3});
    check_error("a 1 2 3\nb 1 x y\n", ":2: value 2, \"x\", is no number");
    check_error("a 1 2 3\nb 1 2 3.4.5\n", ":2: value 3, \"3.4.5\", is no number");
    check_error("a 1 2 3\nb 1 2.5.25\n", ":2: 2 values, not 3");  // not 2.5 and .25
    check_error("a 1 2 3\nb 1 2-3\n", ":2: 2 values, not 3");
    check_error("a 1 2 3\nb 1 2,5 3\n", ":2: value 2, \"2,5\", is no number (a decimal comma: write points, tr , .)");
    check_error("a 1 2 3\nb 1 \x1B[1m 3\n", ":2: value 2, \"\\x1b[1m\", is no number");
    check_error("a 1\u00A0\n", ":1: value 1, \"1\u00A0\", is no number");
    const TemporaryFolder folder;
    write_file_atomically(folder / "v.txt", "a 1 2\nb 1\n");
    check_refused<std::runtime_error>([&] { WordVectors::load(folder / "v.txt"); },
                                      (folder / "v.txt").string() + ":2: 1 value, not 2");
}

TEST_CASE("word vectors: what stands in other files' lines is told by name, with what to do") {
    const std::string sparse = " (index:value pairs cannot be read: write all numbers of a vector, zeros too)";
    check_error("the 3:0.5 7:1\nof 1:0.25 4:2\n", ":1: value 1, \"3:0.5\", is no number" + sparse);
    check_error("1 3:0.5 7:1\n0 1:0.25\n1 2:1 4:1\n", ":1: value 1, \"3:0.5\", is no number" + sparse);
    check_error("a 1 2\nb 7:0.5\n", ":2: 1 value, not 2" + sparse);
    const std::string commas = " (if commas stand between the numbers, put spaces there: tr , ' ')";
    check_error("the,0.1,0.2\nof,1,2\n", ": every line has nothing behind a word" + commas);
    check_error("2 2\nthe,0.1,0.2\nof,1,2\n", ": every line has nothing behind a word" + commas);
    check_error("the, 0.1, 0.2\nof, 1, 2\n",
                ": every word has a comma behind it; put a space there (tr , ' '), or say "
                "that the format is text if it belongs to the words");
    check_error("the 0.1, 0.2\nof 1, 2\n", ":1: value 1, \"0.1,\", is no number" + commas);
    check_error("the;0.1;0.2\nof;1;2\n",
                ": every line has nothing behind a word (if semicolons stand between the numbers, put spaces there: tr "
                "';' ' ')");
    check_error("the [0.1 0.2]\nof [1 2]\n",
                ":1: value 1, \"[0.1\", is no number (brackets around the numbers: delete them, tr -d '[]')");
    check_error("{\"the\": [0.1, 0.2],\n\"of\": [1, 2]}\n",
                ":1: value 1, \"[0.1,\", is no number (this looks like JSON: "
                "write lines of a word and its numbers)");
}

TEST_CASE("word vectors: a comma behind every word is told, behind some it belongs to them") {
    const std::string told =
        ": every word has a comma behind it; put a space there (tr , ' '), or say that the format is text if it "
        "belongs to the words";
    check_error("the, 1 2\nof, 3 4\n", told);
    check_error("the,1 2 3\nof,4 5 6\n", told);
    check_error("2 2\nthe, 1 2\nof, 3 4\n", told);
    check_vectors(parse("the, 1 2\nof, 3 4\n", {.format = VectorFormat::text}), {"the,", "of,"}, {1, 2, 3, 4});
    check_vectors(parse("the, 1 2\nof 3 4\n"), {"the,", "of"}, {1, 2, 3, 4});
    check_vectors(parse(", 1 2\n,, 3 4\n"), {",", ",,"}, {1, 2, 3, 4});
    check_vectors(parse("10,000 1 2\n3,14 3 4\n"), {"10,000", "3,14"}, {1, 2, 3, 4});
    check_vectors(parse("the, 1 2\n"), {"the,"}, {1, 2});
}

TEST_CASE("word vectors: what is no number in decimal notation") {
    for (const char* text :
         {"0x10", "1e",  "1e+",  "e5",    ".",   "-",   "+",  "+-1",   "-+1",      "--1",  "++1",         "1d5",
          "1f",   "1_0", "1..2", "1e5.5", "one", "1/2", "1%", "\"1\"", "infinite", "nano", "\xEF\xBC\x91"}) {
        INFO(text);
        check_error("a 1 2\nb 1 "s + text + "\n", ":2: value 2, "s + in_quotes(text) + ", is no number");
    }
}

TEST_CASE("word vectors: nan, inf and what is too large are refused") {
    for (const char* text : {"nan", "NaN", "-nan", "inf", "-inf", "Infinity", "INF", "nan(1)", "1e999", "-1e999",
                             "1e99999999999999999999", "1e+400", "100000e308"}) {
        INFO(text);
        check_error("a 1 2\nb "s + text + " 1\n", ":2: value 1, \""s + text + "\", is not finite");
    }
    const std::string long_number(400, '9');
    check_error("a 1 2\nb " + long_number + " 1\n",
                ":2: value 1, \"" + long_number.substr(0, 59) + "...\", is not finite");
    if constexpr (!kDouble) check_error("a 1 2\nb 1 1e39\n", ":2: value 2, \"1e39\", is not finite");
    check_error("a nan 2\n", ":1: value 1, \"nan\", is not finite");  // and not the word "a nan"
}

TEST_CASE("word vectors: what is too small is 0") {
    const std::string zeros(500, '0');
    for (const std::string& text :
         {"1e-999"s, "-1e-999"s, "1e-99999999999999999999"s, "0." + zeros + "1", "-0." + zeros + "1e3",
          "1" + zeros + "e-1000", "0e999"s, "0e99999999999999999999"s, "0.0e-999"s, "+1E-999"s, "0"s, "-0"s}) {
        INFO(text);
        const WordVectors vectors = parse("a 1 " + text + "\n");
        CHECK(vectors[0][1] == 0);
        CHECK(std::signbit(vectors[0][1]) == text.starts_with('-'));
    }
    check_vectors(parse("a 1 0." + zeros + "1e501\n"), {"a"}, {1, 1});
    check_vectors(parse("a 1 2" + zeros + "e-500\n"), {"a"}, {1, 2});
}

TEST_CASE("word vectors: bad lines are skipped on request, and counted") {
    const WordVectors vectors = parse("a 1 2\nb 1\n\nc 3 4\nd x 1\ne nan 1\nf 5 6\ng 1", kSkip);
    check_vectors(vectors, {"a", "c", "f"}, {1, 2, 3, 4, 5, 6});
    const WordVectorsReport& report = vectors.report();
    CHECK(report.bad_lines == 4);
    CHECK(report.lines == 8);
    REQUIRE(report.first_bad_lines.size() == 4);
    CHECK(report.first_bad_lines[0].number == 2);
    CHECK(report.first_bad_lines[0].reason == "1 value, not 2");
    CHECK(report.first_bad_lines[1].number == 5);
    CHECK(report.first_bad_lines[1].reason == "value 1, \"x\", is no number");
    CHECK(report.first_bad_lines[2].reason == "value 1, \"nan\", is not finite");
    CHECK(report.first_bad_lines[3].number == 8);
}

TEST_CASE("word vectors: of many bad lines the first ten are kept, a wrong header beside them") {
    std::string text = "7 2\n";
    for (int i = 0; i < 20; ++i) text += "bad x 1\n";
    const WordVectors vectors = parse(text + "a 1 2\n", kSkip);
    CHECK(vectors.size() == 1);
    CHECK(vectors.report().bad_lines == 20);
    REQUIRE(vectors.report().first_bad_lines.size() == 10);
    CHECK(vectors.report().first_bad_lines[0].number == 2);
    CHECK(vectors.report().first_bad_lines[9].number == 11);
    CHECK(vectors.report().wrong_header == "the header says 7 words, but there are 21");
}

TEST_CASE("word vectors: short lines behind the last vector there is room for write nowhere") {
    std::string text;
    for (char word = 'A'; word < 'A' + 32; ++word) text += word + " 1 2 3 4\n"s;  // the shortest there can be
    const WordVectors vectors = parse(text + "x 1 2 3", {.dimension = 4, .skip_bad_lines = true});
    CHECK(vectors.size() == 32);  // the rest is for AddressSanitizer
    CHECK(vectors.report().bad_lines == 1);
    CHECK(parse("a 1 2 3 4\n" + std::string(1000, '\n') + "b 1 2", {.dimension = 4, .skip_bad_lines = true}).size() ==
          1);
}

// ---- values --------------------------------------------------------------------------------------------------------

TEST_CASE("word vectors: vectors from memory") {
    const WordVectors vectors({"a", "b c", ""}, array({3, 2}, {1, 2, 3, 4, 5, 6}));
    check_vectors(vectors, {"a", "b c", ""}, {1, 2, 3, 4, 5, 6});
    CHECK(vectors.report().lines == 0);
    CHECK(WordVectors({}, Array(Shape{0, 5})).dimension() == 5);
    check_refused<std::invalid_argument>(
        [] {
            WordVectors({"a", "b"}, array({1, 2}, {1, 2}));
        },
        "WordVectors: the vectors of 2 words cannot be of shape (1, 2)");
    check_refused<std::invalid_argument>([] { WordVectors({"a"}, array({1}, {1})); },
                                         "WordVectors: the vectors of 1 words cannot be of shape (1,)");
    check_refused<std::invalid_argument>(
        [] {
            WordVectors({"a", "b", "a"}, array({3, 1}, {1, 2, 3}));
        },
        "WordVectors: the word \"a\" is there twice");
}

TEST_CASE("word vectors: copies are independent, and outlive the original") {
    std::optional<WordVectors> original(parse("a 1 2\na\u00A0long\u00A0word\u00A0that\u00A0takes\u00A0memory 3 4\n"));
    const WordVectors copy = *original;
    original.reset();
    check_vectors(copy, {"a", "a\u00A0long\u00A0word\u00A0that\u00A0takes\u00A0memory"}, {1, 2, 3, 4});
}

TEST_CASE("word vectors: a file that cannot be read") {
    check_refused<std::runtime_error>([] { WordVectors::load("/nowhere/v.txt"); },
                                      "cannot read /nowhere/v.txt: No such file or directory");
}

TEST_CASE("word vectors: a file on disk, with its bytes and seconds") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "v.txt", "2 2\r\na 1 2 \r\nb 3 4");
    const WordVectors vectors = WordVectors::load(folder / "v.txt");
    check_vectors(vectors, {"a", "b"}, {1, 2, 3, 4});
    CHECK(vectors.report().bytes == 18);
    CHECK(vectors.report().seconds > 0);
}

TEST_CASE("word vectors: many words, each found") {
    std::string text;
    for (int i = 0; i < 20000; ++i) text += "w" + std::to_string(i) + " " + std::to_string(i) + " 0.5\n";
    const WordVectors vectors = parse(text);
    REQUIRE(vectors.size() == 20000);
    for (std::size_t i = 0; i < 20000; i += 7) {
        REQUIRE(vectors.find("w" + std::to_string(i)) == i);
        REQUIRE(vectors[i][0] == static_cast<Real>(i));
    }
}

// ---- numbers against the C library's, bit for bit ------------------------------------------------------------------

TEST_CASE("word vectors: 100,000 random numbers are those of the C library") {
    const std::uint64_t seed = 20240917;
    INFO("seed ", seed);
    Rng rng(seed);
    Strings numbers;
    while (numbers.size() < 100'000) {
        const std::string number = random_number(rng);
        if (std::isfinite(c_library(number))) numbers.push_back(number);
    }
    std::string text;
    for (std::size_t i = 0; i < numbers.size(); ++i) text += "w" + std::to_string(i) + " " + numbers[i] + "\n";
    const WordVectors vectors = parse(text, {.dimension = 1});
    REQUIRE(vectors.size() == numbers.size());
    std::size_t wrong = 0, tiny = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const Real expected = c_library(numbers[i]);
        tiny += std::abs(expected) < std::numeric_limits<Real>::min();
        if (same_bits(vectors[i][0], expected)) continue;
        ++wrong;
        MESSAGE(numbers[i], " became ", vectors[i][0], ", not ", expected);
    }
    CHECK(wrong == 0);
    CHECK(tiny > 100);  // denormals and zeros were among them
}

TEST_CASE("word vectors: random bits, written with all their digits, come back") {
    const std::uint64_t seed = 7;
    INFO("seed ", seed);
    Rng rng(seed);
    std::vector<Real> values;
    std::string text = "w";
    while (values.size() < 20'000) {
        using Bits = std::conditional_t<kDouble, std::uint64_t, std::uint32_t>;
        const Real value = std::bit_cast<Real>(static_cast<Bits>(rng()));
        if (!std::isfinite(value)) continue;
        values.push_back(value);
        char digits[64];
        std::snprintf(digits, sizeof digits, rng.below(2) == 0 ? " %.17g" : " %+.20e", static_cast<double>(value));
        text += digits;
    }
    const WordVectors vectors = parse(text);
    REQUIRE(vectors.dimension() == values.size());
    CHECK(std::equal(values.begin(), values.end(), vectors[0].begin(), same_bits));
}

// ---- hostile files -------------------------------------------------------------------------------------------------

TEST_CASE("word vectors: a file cut short at any byte is an error or a shorter result") {
    const std::string lines = "the 0.25 -1e-1 3\nof -0.5 +2 1.5e0\nto a 1 2 3 \r\n\nof 1 2 3\nin 5 6 7";
    for (const std::string& header : {""s, "5 3\n"s}) {
        const std::string text = header + lines;
        REQUIRE(parse(text).size() == 4);
        for (std::size_t length = 0; length < text.size(); ++length) {
            INFO("length ", length);
            const std::string cut = text.substr(0, length);  // of its own size, for AddressSanitizer
            for (const bool skip : {false, true}) {
                std::size_t size = 0;
                try {
                    size = parse(cut, {.skip_bad_lines = skip}).size();
                    CHECK(size > 0);
                } catch (const std::runtime_error& error) {
                    CHECK(std::string(error.what()).starts_with("test:"));
                }
                CHECK(size <= 4);
                if (!header.empty() && !skip && size > 0) CHECK(cut.size() > text.find("\nin 5 6 "));  // none is lost
            }
        }
    }
}

TEST_CASE("word vectors: every byte changed to every other gives vectors or an error") {
    const std::string text = "2 2\nthe 0.25 -1e-1\nof 3 4\n";
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string changed = text;
            changed[at] = static_cast<char>(byte);
            for (const bool skip : {false, true}) {
                try {
                    const WordVectors vectors = parse(changed, {.skip_bad_lines = skip});
                    if (vectors.size() == 0 || vectors.vectors().size() != vectors.size() * vectors.dimension())
                        FAIL_CHECK("byte ", byte, " at ", at);
                } catch (const std::runtime_error&) {
                }
            }
        }
    }
}

TEST_CASE("word vectors: a header or a dimension makes no room by itself") {
    std::string text = "a " + std::string(2'000'000, '\n');
    check_error(text, ": of the first 1 every line has nothing behind a word", {.dimension = 100'000});
    std::string wide = "1000000000000 20000\nw";
    for (int i = 0; i < 20'000; ++i) wide += " 1";
    wide += std::string(1'000'000, '\n');  // a million lines, but not a million vectors
    CHECK(parse(wide, kSkip).vectors().size() == 20'000);
    const TemporaryFolder folder;
    write_file_atomically(folder / "wide.txt", wide);
    const std::uint64_t before = memory_stats().system_bytes;
    CHECK(WordVectors::load(folder / "wide.txt", kSkip).vectors().size() == 20'000);
    CHECK(memory_stats().system_bytes - before < 100'000'000);
}

TEST_CASE("word vectors: lines that are blank, and words that a header promises, make little room") {
    const TemporaryFolder folder;
    const std::filesystem::path path = folder / "vectors";
    std::ofstream(path, std::ios::binary) << "a 1\n" << std::string(30'000'000, '\n');
    std::uint64_t before = memory_stats().system_bytes;
    CHECK(WordVectors::load(path).size() == 1);
    CHECK(memory_stats().system_bytes - before < 150'000'000);

    std::ofstream(path, std::ios::binary) << "10000000 1\na \0\0\0\0\nb \0\0\0\0\nc "s;
    std::filesystem::resize_file(path, 100'000'000);  // of which nearly all is not there
    before = memory_stats().system_bytes;
    CHECK_THROWS_AS(WordVectors::load(path), std::runtime_error);
    CHECK(memory_stats().system_bytes - before < 150'000'000);
}

// ---- the awkward files ---------------------------------------------------------------------------------------------

TEST_CASE("word vectors: real lines, damaged as real files are") {
    const auto folder = shared_data("vectors_awkward");
    if (!folder) return;
    const WordVectors plain = WordVectors::load(*folder / "plain.txt");
    REQUIRE(plain.size() == 60);
    CHECK(plain.dimension() == 50);
    CHECK(plain.word(0) == "the");
    CHECK(plain[0][0] == static_cast<Real>(0.418));
    CHECK(plain.report().bytes == 25815);

    for (const char* name : {"crlf.txt", "trailing-space.txt", "no-final-newline.txt", "header.txt", "blank-lines.txt",
                             "duplicate-words.txt", "bom.txt"}) {
        INFO(name);
        const WordVectors vectors = WordVectors::load(*folder / name);
        CHECK(words_of(vectors) == words_of(plain));
        check_same(vectors.vectors(), plain.vectors());
        CHECK(vectors.report().bad_lines == 0);
        CHECK(vectors.report().duplicates == (name == "duplicate-words.txt"s ? 2 : 0));
    }
}

TEST_CASE("word vectors: real words with spaces, and a line that is too short") {
    const auto folder = shared_data("vectors_awkward");
    if (!folder) return;
    const WordVectors spaces = WordVectors::load(*folder / "words-with-spaces.txt");
    CHECK(spaces.size() == 40);
    CHECK(spaces.dimension() == 50);
    for (const char* word : {". . .", "at name@domain.com", ". . . . .", "to name@domain.com"})
        CHECK(spaces.find(word).has_value());

    const std::filesystem::path few = *folder / "too-few-numbers.txt";
    const WordVectors skipped = WordVectors::load(few, kSkip);
    CHECK(skipped.size() == 39);
    CHECK(skipped.report().bad_lines == 1);
    REQUIRE(skipped.report().first_bad_lines.size() == 1);
    const WordVectorsReport::BadLine& bad = skipped.report().first_bad_lines[0];
    CHECK(bad.reason == "49 values, not 50");
    check_refused<std::runtime_error>([&] { WordVectors::load(few); },
                                      few.string() + ":" + std::to_string(bad.number) + ": 49 values, not 50");
    check_refused<std::runtime_error>([&] { WordVectors::load(*folder / "plain.txt", {.dimension = 100}); },
                                      (*folder / "plain.txt").string() + ": every line has 50 numbers, not 100");
}

// ---- large files, threads, gzip ------------------------------------------------------------------------------------

namespace {

/// About 5 MB of lines, several blocks: words w0, w1, ... with D numbers, every 1000th line a repeated word.
std::string many_lines(std::size_t d) {
    Rng rng(31);
    std::string text;
    for (std::size_t i = 0; text.size() < 5'000'000; ++i) {
        text += "w" + std::to_string(i % 1000 == 999 ? i / 1000 : i);
        for (std::size_t j = 0; j < d; ++j) text += " " + number_text(rng.uniform(-1, 1)).substr(0, 8);
        text += '\n';
    }
    return text;
}

void check_alike(const WordVectors& a, const WordVectors& b, int line = __builtin_LINE()) {
    INFO("called from line ", line);
    CHECK(words_of(a) == words_of(b));
    check_same(a.vectors(), b.vectors());
    CHECK(a.report().lines == b.report().lines);
    CHECK(a.report().duplicates == b.report().duplicates);
    CHECK(a.report().bad_lines == b.report().bad_lines);
}

}  // namespace

TEST_CASE("word vectors: a file of several blocks is the same at any number of threads, from memory or disk") {
    const std::string text = many_lines(7);
    const TemporaryFolder folder;
    write_file_atomically(folder / "vectors.txt", text);
    std::optional<WordVectors> first;
    for (const int threads : {1, 2, 3}) {
        const Threads scope(threads);
        const WordVectors parsed = parse(text), loaded = WordVectors::load(folder / "vectors.txt");
        check_alike(parsed, loaded);
        if (!first) first = parsed;
        check_alike(parsed, *first);
        CHECK(loaded.report().bytes == text.size());
    }
    CHECK(first->report().duplicates == first->report().lines / 1000);
    CHECK(first->size() == first->report().lines - first->report().duplicates);
}

TEST_CASE("word vectors: a last line without its end, whatever stood in its block before") {
    for (const std::size_t d : {std::size_t{1}, std::size_t{4}, std::size_t{7}, std::size_t{10}}) {
        std::string text = many_lines(d);
        text.pop_back();
        const WordVectors whole = parse(text + "\n");
        for (const int threads : {1, 2, 3}) {
            const Threads scope(threads);
            check_alike(parse(text), whole);
        }
    }
}

TEST_CASE("word vectors: a format that is given is the format") {
    const std::string text = "7 1\n8 2\n";
    check_vectors(parse(text, {.format = VectorFormat::text}), {"7", "8"}, {1, 2});
    check_error("a 1\n",
                ": the first line should be \"N D\", words and numbers a word, as word2vec-text has it; text has none",
                {.format = VectorFormat::word2vec_text});
    check_vectors(parse("2 1\n7 1\n8 2\n", {.format = VectorFormat::word2vec_text, .dimension = 1}), {"7", "8"},
                  {1, 2});
    check_refused<std::invalid_argument>([&] { parse(text, {.format = VectorFormat::projector}); },
                                         "WordVectors: the Embedding Projector's files are written only; read what "
                                         "they were made from");
}

TEST_CASE("word vectors: words and a tensor are not for files that have none") {
    check_refused<std::invalid_argument>(
        [] { parse("a 1\n", {.words = "words.txt"}); },
        "WordVectors: test is text, which has its words itself: there is none to take from words.txt");
    check_refused<std::invalid_argument>([] { parse("a 1\n", {.tensor = "weight"}); },
                                         "WordVectors: test is text, which has no tensor weight");
}

TEST_CASE("word vectors: the bad lines of several blocks have their numbers, and the first one is the error") {
    std::string text = many_lines(7);
    std::size_t lines = 0;
    Strings expected;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        if (++lines % 9000 != 0) continue;
        text[text.find(' ', at) + 1] = 'x';
        expected.push_back(std::to_string(lines));
    }
    REQUIRE(expected.size() > 4);
    for (const int threads : {1, 3}) {
        const Threads scope(threads);
        const WordVectors skipped = parse(text, kSkip);
        CHECK(skipped.report().bad_lines == expected.size());
        Strings numbers;
        for (const auto& bad : skipped.report().first_bad_lines) numbers.push_back(std::to_string(bad.number));
        expected.resize(numbers.size());
        CHECK(numbers == expected);
        CHECK_THROWS_WITH_AS(parse(text), doctest::Contains("test:9000: value 1, \"x"), std::runtime_error);
    }
}

TEST_CASE("word vectors: lines that are longer than a block, and a first block that is blank") {
    std::string text(3'000'000, '\n');
    text += "3 200000\n";
    std::vector<double> values;
    Rng rng(5);
    for (const char* word : {"a", "b", "c"}) {
        text += word;
        for (int i = 0; i < 200'000; ++i) {
            values.push_back(static_cast<double>(rng.below(100'000)));
            text += " " + std::to_string(static_cast<int>(values.back()));
        }
        text += "\n";
    }
    const WordVectors vectors = parse(text);
    check_vectors(vectors, {"a", "b", "c"}, values);
    CHECK(vectors.report().lines == 3'000'004);
}

TEST_CASE("word vectors: only the words that are wanted") {
    const std::string text = many_lines(7);
    const WordVectors all = parse(text);
    for (const int threads : {1, 2}) {
        const Threads scope(threads);
        const WordVectorsOptions few{.wanted = [](std::string_view word) { return word.ends_with("77"); }};
        const WordVectors some = parse(text, few);
        const Strings words = words_of(all);
        const auto wanted = std::count_if(words.begin(), words.end(), few.wanted);
        CHECK(some.size() == static_cast<std::size_t>(wanted));
        CHECK(some.size() > 500);
        for (std::size_t row = 0; row < some.size(); ++row) {
            const std::optional<std::size_t> same = all.find(some.word(row));
            REQUIRE(same);
            CHECK(std::memcmp(some[row].data(), all[*same].data(), 7 * sizeof(Real)) == 0);
        }
        CHECK(some.report().lines == all.report().lines);
    }
    // of the others the number of fields is looked at, not the numbers
    const WordVectorsOptions only_a{.wanted = [](std::string_view word) { return word == "a"; }};
    check_vectors(parse("a 1 2\nb x y\nc 3 4\n", only_a), {"a"}, {1, 2});
    check_error("a 1 2\nb 1\nc 3 4\n", ":2: 1 value, not 2", only_a);
    CHECK(parse("3 2\na 1 2\nb 1 2\nc 3 4\n", only_a).size() == 1);  // the header counts all
    const WordVectors none = parse("b 1 2\nc 1 2\n", only_a);
    CHECK(none.size() == 0);
    CHECK(none.dimension() == 2);
}

TEST_CASE("word vectors: reading ends at the limit, at any number of threads") {
    const std::string text = many_lines(7);
    const WordVectors all = parse(text);
    for (const int threads : {1, 3}) {
        const Threads scope(threads);
        for (const std::size_t limit : {std::size_t{1}, std::size_t{999}, std::size_t{30'000}, all.size()}) {
            INFO("limit ", limit);
            const WordVectors some = parse(text, {.limit = limit});
            REQUIRE(some.size() == limit);
            CHECK(some.word(limit - 1) == all.word(limit - 1));
            CHECK(std::memcmp(some[0].data(), all[0].data(), limit * 7 * sizeof(Real)) == 0);
            CHECK(some.report().lines == limit + some.report().duplicates);
        }
    }
    check_vectors(parse("a 1 2\na 3 4\nb 5 6\nc 7 8\n", {.limit = 2}), {"a", "b"}, {1, 2, 5, 6});
    const WordVectors before = parse("9 2\na 1 2\nb 3 4\nworse 1\n", {.limit = 2});  // is not read, nor is N checked
    check_vectors(before, {"a", "b"}, {1, 2, 3, 4});
    CHECK(before.report().lines == 3);
    check_vectors(parse("a 1 2\nbad 1\nb 3 4\n", {.skip_bad_lines = true, .limit = 2}), {"a", "b"}, {1, 2, 3, 4});
    check_refused<std::invalid_argument>([] { parse("a 1\n", {.limit = 0}); },
                                         "WordVectors: a limit of 0 words leaves nothing to read");
}

TEST_CASE("word vectors: progress is shown, and can stop the reading") {
    const std::string text = many_lines(7);
    for (const int threads : {1, 2}) {
        const Threads scope(threads);
        std::vector<WordVectorsProgress> calls;
        const WordVectors vectors = parse(text, {.on_progress = [&](const WordVectorsProgress& progress) {
                                              calls.push_back(progress);
                                              return true;
                                          }});
        REQUIRE(calls.size() > 3);
        for (std::size_t i = 1; i < calls.size(); ++i) {
            CHECK(calls[i].words > calls[i - 1].words);
            CHECK(calls[i].bytes > calls[i - 1].bytes);
            CHECK(calls[i].fraction.value() >= calls[i - 1].fraction.value());
        }
        CHECK(calls.back().words == vectors.size());
        CHECK(calls.back().bytes == text.size());
        CHECK(calls.back().fraction == 1.0);
        const WordVectorsOptions stop{.on_progress = [](const WordVectorsProgress& at) { return at.words < 20'000; }};
        CHECK_THROWS_WITH_AS(parse(text, stop), doctest::Contains("test: stopped after "), std::runtime_error);
    }
}

TEST_CASE("word vectors: what the caller's functions throw comes through") {
    const std::string text = many_lines(7);
    const Threads scope(3);
    const auto refuse = [](std::string_view word) { return word == "w20000" ? throw std::logic_error("no") : true; };
    CHECK_THROWS_WITH_AS(parse(text, {.wanted = refuse}), "no", std::logic_error);
}

TEST_CASE("word vectors: gzip, in one member or several") {
    const std::string text = many_lines(7), compressed = gzip(text);
    const WordVectors plain = parse(text);
    check_alike(parse(compressed), plain);
    const TemporaryFolder folder;
    write_file_atomically(folder / "vectors.txt.gz", compressed);
    check_alike(WordVectors::load(folder / "vectors.txt.gz"), plain);
    const std::size_t half = text.find('\n', text.size() / 2) - 3;  // in the middle of a line
    check_alike(parse(gzip(text.substr(0, half)) + gzip(text.substr(half))), plain);
}

TEST_CASE("word vectors: damaged gzip data is an error, cut at any byte") {
    const std::string compressed = gzip("a 1 2\nb 3 4\n");
    check_vectors(parse(compressed), {"a", "b"}, {1, 2, 3, 4});
    for (std::size_t size = 2; size < compressed.size(); ++size) {
        INFO(size, " bytes");
        CHECK_THROWS_AS(parse(compressed.substr(0, size)), std::runtime_error);
    }
    check_error(compressed.substr(0, 20), ": the gzip data is cut off");
    std::string damaged = compressed;
    damaged[damaged.size() - 6] ^= 1;  // the checksum
    check_error(damaged, ": the gzip data is damaged (incorrect data check)");
    check_error(compressed + "xyz", ": the gzip data is damaged (incorrect header check)");
}
