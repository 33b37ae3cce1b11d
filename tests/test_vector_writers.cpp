// Files of word vectors as they are written: to the byte, read back, and what is refused before anything is written.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/io/safetensors.hpp>
#include <embergrad/tests/support.hpp>
#include <embergrad/tests/temporary_folder.hpp>
#include <embergrad/tests/threads.hpp>
#include <embergrad/vectors/word_vectors.hpp>

using namespace embergrad;
using namespace embergrad::testing;
using namespace std::string_literals;

namespace {

using Strings = std::vector<std::string>;
using Limits = std::numeric_limits<Real>;

constexpr VectorFormat kText = VectorFormat::text;
constexpr VectorFormat kWord2vecText = VectorFormat::word2vec_text;
constexpr VectorFormat kBinary = VectorFormat::word2vec_binary;
constexpr VectorFormat kNpy = VectorFormat::npy;
constexpr VectorFormat kSafetensors = VectorFormat::safetensors;
constexpr VectorFormat kProjector = VectorFormat::projector;
constexpr VectorFormat kAll[] = {kText, kWord2vecText, kBinary, kNpy, kSafetensors, kProjector};

const std::string kByteOrderMark = "\xEF\xBB\xBF";

bool has_second_file(VectorFormat format) { return format == kNpy || format == kSafetensors || format == kProjector; }

/// Words with d numbers each: 0, 0.5, 1, 1.5 and so on.
WordVectors vectors_of(const Strings& words, std::size_t d = 2) {
    Array values(Shape{words.size(), d});
    for (std::size_t i = 0; i < values.size(); ++i) values.data()[i] = static_cast<Real>(i) / 2;
    return {words, values};
}

WordVectors one_word(const std::string& word, const std::vector<double>& values) {
    return {Strings{word}, array({1, values.size()}, values)};
}

/// A folder with the files of one table.
struct Written {
    TemporaryFolder folder;
    std::filesystem::path path = folder / "vectors", words = folder / "words";
    std::size_t left_out = 0;

    Written(const WordVectors& vectors, VectorFormat format, bool skip = false) {
        left_out = vectors.save(path, format, options(format, skip));
    }
    WordVectorsSaveOptions options(VectorFormat format, bool skip = false) const {
        return {.words = has_second_file(format) ? words : std::filesystem::path(), .skip_unwritable = skip};
    }
};

std::string written(const WordVectors& vectors, VectorFormat format, bool skip = false) {
    return read_file(Written(vectors, format, skip).path);
}

std::string words_written(const Strings& words, VectorFormat format) {
    return read_file(Written(vectors_of(words), format).words);
}

std::string float_bytes(const std::vector<float>& values) {
    std::string bytes(values.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

std::string utf8(std::uint32_t point) {
    const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
    if (point < 0x80) return {byte(point)};
    if (point < 0x800) return {byte(0xC0 | point >> 6), byte(0x80 | (point & 63))};
    return {byte(0xE0 | point >> 12), byte(0x80 | (point >> 6 & 63)), byte(0x80 | (point & 63))};
}

void check_same_vectors(const WordVectors& actual, const WordVectors& expected, int line = __builtin_LINE()) {
    INFO("called from line ", line);
    check_same(actual.vectors(), expected.vectors(), line);
    REQUIRE(actual.size() == expected.size());
    for (std::size_t row = 0; row < expected.size(); ++row) CHECK(actual.word(row) == expected.word(row));
}

void check_round_trip(const WordVectors& vectors, VectorFormat format, int line = __builtin_LINE()) {
    INFO("as ", to_string(format));
    const Written files(vectors, format);
    CHECK(files.left_out == 0);
    check_same_vectors(WordVectors::load(files.path, {.words = files.options(format).words}), vectors, line);
}

/// Nothing is written: old files stay, new ones do not come to be.
void check_save_refused(const WordVectors& vectors, VectorFormat format, const std::string& message,
                        int line = __builtin_LINE()) {
    INFO("as ", to_string(format));
    const Written files(vectors_of({"old"}), format);
    const std::string old = read_file(files.path);
    const std::size_t entries = files.folder.entries();
    const auto save = [&] { vectors.save(files.path, format, files.options(format)); };
    check_refused<std::invalid_argument>(save, "WordVectors::save: " + message, line);
    CHECK(read_file(files.path) == old);
    CHECK(files.folder.entries() == entries);
}

/// Everything that a number can be: from the bits of a random one.
Real random_real(Rng& rng) {
    Real value = Limits::quiet_NaN();
    while (!std::isfinite(value)) {
        const std::uint64_t bits = rng.below(std::uint64_t{1} << 32) << 32 | rng.below(std::uint64_t{1} << 32);
        std::memcpy(&value, &bits, sizeof value);
    }
    return value;
}

const Strings kAwkwardWords = {"the",          ". . .",      "at name@domain.com",
                               "2 5",          "of  a",      "a\tb",
                               "10\u00A0000",  "\u00A0",     "\u0085",
                               "a\u0085",      "\u3000",     "caf\xE9",
                               "\xFF\xFE",     "a\0b"s,      kByteOrderMark + "x",
                               "\v\f",         "a\rb",       "\r",
                               "\rx\r",        "-1",         "1e5",
                               "nan",          "\"quoted\"", "\\n",
                               "\u8A00\u8449", "#",          "embergrad vocabulary 1"};

}  // namespace

// ---- to the byte ---------------------------------------------------------------------------------------------------

TEST_CASE("vector writers: text is a word and its shortest numbers a line") {
    const WordVectors vectors({"the", "of"}, array({2, 3}, {0.5, -1, 2, 0.1, 1e-30, 123456789}));
    CHECK(written(vectors, kText) ==
          (kDouble ? "the 0.5 -1 2\nof 0.1 1e-30 123456789\n" : "the 0.5 -1 2\nof 0.1 1e-30 123456792\n"));
    CHECK(written(vectors_of({"a"}, 1), kText) == "a 0\n");
    CHECK(written(one_word("a", {-0.0, -0.25}), kText) == "a -0 -0.25\n");
}

TEST_CASE("vector writers: word2vec's text has a header") {
    CHECK(written(vectors_of({"the", "of"}, 3), kWord2vecText) == "2 3\nthe 0 0.5 1\nof 1.5 2 2.5\n");
}

TEST_CASE("vector writers: word2vec's binary file has floats behind a space, then a line end") {
    const std::string expected =
        "2 3\nthe " + float_bytes({0, 0.5f, 1}) + "\nnew\tyork " + float_bytes({1.5f, 2, 2.5f}) + "\n";
    CHECK(written(vectors_of({"the", "new\tyork"}, 3), kBinary) == expected);
    CHECK(written(one_word("a", {1.0 / 3}), kBinary) == "1 1\na \xAB\xAA\xAA\x3E\n");
}

TEST_CASE("vector writers: safetensors and npy have a file of words") {
    const Strings words = {"the", "new york", " of ", "caf\xE9"};
    const WordVectors vectors = vectors_of(words, 3);
    for (const VectorFormat format : {kSafetensors, kNpy}) {
        const Written files(vectors, format);
        CHECK(read_file(files.words) == "the\nnew york\n of \ncaf\xE9\n");
        CHECK(files.folder.entries() == 2);
    }
    const SafeTensors read = load_safetensors(Written(vectors, kSafetensors).path);
    REQUIRE(read.tensors.size() == 1);
    CHECK(read.tensors[0].first == "embedding.weight");
    check_same(read.tensors[0].second, vectors.vectors());
}

TEST_CASE("vector writers: the projector's two files have a line a word") {
    const Written files(vectors_of({"the", "new york"}, 3), kProjector);
    CHECK(read_file(files.path) == "0\t0.5\t1\n1.5\t2\t2.5\n");
    CHECK(read_file(files.words) == "the\nnew york\n");
}

TEST_CASE("vector writers: words for the projector can be seen, each in a line and a cell of its own") {
    CHECK(words_written({"a\tb", "a\nb", "a\rb", "a\\b", "\\t"}, kProjector) == "a\\tb\na\\nb\na\\rb\na\\\\b\n\\\\t\n");
    CHECK(words_written({"caf\xE9", "\xFF", "caf\u00E9", "a\0b"s}, kProjector) ==
          "caf\\xE9\n\\xFF\ncaf\u00E9\na\0b\n"s);
    CHECK(words_written({"", " ", "\u00A0", "\uFEFF", "\u3000", "  ", "\v\u2028"}, kProjector) ==
          "<empty>\n<U+0020>\n<U+00A0>\n<U+FEFF>\n<U+3000>\n<U+0020><U+0020>\n<U+000B><U+2028>\n");
    CHECK(words_written({"\t", " \n", " a "}, kProjector) == "\\t\n \\n\n a \n");
}

TEST_CASE("vector writers: all that JavaScript trims has a name, and nothing else") {
    Strings words;
    for (std::uint32_t point = 1; point < 0x10000; ++point)
        if (point < 0xD800 || point >= 0xE000) words.push_back(utf8(point));
    const std::string cells = words_written(words, kProjector);
    std::size_t named = 0;
    for (std::size_t at = cells.find("<U+"); at != cells.npos; at = cells.find("<U+", at + 1)) ++named;
    CHECK(named == 22);  // ECMA-262: WhiteSpace and LineTerminator are 25, 3 of which are escaped
}

// ---- read back -----------------------------------------------------------------------------------------------------

TEST_CASE("vector writers: text reads back bit for bit") {
    const std::vector<Real> special = {0,
                                       -Real{0},
                                       Limits::denorm_min(),
                                       -Limits::denorm_min(),
                                       Limits::min(),
                                       Limits::max(),
                                       Limits::lowest(),
                                       Limits::epsilon(),
                                       Real{1} / 3,
                                       std::nextafter(Real{1}, Real{2}),
                                       std::nextafter(Limits::min(), Real{0}),
                                       Real{16777216}};
    Array values(Shape{2, special.size()});
    for (std::size_t i = 0; i < values.size(); ++i) values.data()[i] = special[i % special.size()];
    for (const VectorFormat format : {kText, kWord2vecText}) check_round_trip({{"a", "b"}, values}, format);
}

TEST_CASE("vector writers: random numbers of every size read back, whatever the number of threads") {
    constexpr std::uint64_t seed = 7;
    INFO("seed ", seed);
    Rng rng(seed);
    Strings words;
    for (int i = 0; i < 5000; ++i) words.push_back("w" + std::to_string(i));
    Array values(Shape{words.size(), 37});
    for (Real& value : values) value = random_real(rng);
    const WordVectors vectors(words, values);
    for (const VectorFormat format : {kText, kWord2vecText}) check_round_trip(vectors, format);
    for (const VectorFormat format : {kText, kProjector}) {
        const Threads one(1);
        const std::string expected = written(vectors, format);
        const Threads three(3);
        CHECK(written(vectors, format) == expected);
    }
}

TEST_CASE("vector writers: awkward words read back") {
    const WordVectors vectors = vectors_of(kAwkwardWords, 3);
    for (const VectorFormat format : {kText, kWord2vecText}) check_round_trip(vectors, format);
    check_round_trip(vectors_of({"7", "8"}), kText);
    check_round_trip(vectors_of({"7", "8"}, 1), kWord2vecText);
    check_round_trip(one_word("7", {0.5}), kText);
    check_round_trip(one_word("7", {-0.0}), kText);
    check_round_trip(one_word("7", {1e20}), kText);
    check_round_trip(vectors_of({"x", "7"}, 1), kText);
    check_round_trip(vectors_of({kByteOrderMark + "x", "y"}), kWord2vecText);
    check_round_trip(vectors_of({"y", kByteOrderMark}), kText);
}

// ---- refused -------------------------------------------------------------------------------------------------------

TEST_CASE("vector writers: an empty word or a line end fits no file but the projector's") {
    for (const VectorFormat format : {kText, kWord2vecText, kBinary, kNpy, kSafetensors}) {
        const std::string name(to_string(format));
        check_save_refused(vectors_of({"a", ""}), format,
                           "word 1, \"\", is empty: " + name + " cannot hold it; skip_unwritable leaves it out");
        for (const std::string word : {"b\nc", "\nb", "b\n"}) {
            check_save_refused(vectors_of({"a", word}), format,
                               "word 1, \"" +
                                   (word[0] == '\n'                       ? "\\x0ab"s
                                    : word[1] == '\n' && word.size() == 3 ? "b\\x0ac"s
                                                                          : "b\\x0a"s) +
                                   "\", has a line end: " + name + " cannot hold it; skip_unwritable leaves it out");
        }
    }
}

TEST_CASE("vector writers: what text takes for separators, for a byte order mark or for a header") {
    const std::string ending = " cannot hold it; npy can, and skip_unwritable leaves it out";
    for (const std::string word : {" b", "b ", "\tb", "b\t"}) {
        const std::string quoted = word == "\tb" ? "\\x09b" : word == "b\t" ? "b\\x09" : word;
        const std::string message = "word 1, \"" + quoted + "\", begins or ends with white space: ";
        check_save_refused(vectors_of({"a", word}), kText, message + "text" + ending);
        check_save_refused(vectors_of({"a", word}), kWord2vecText, message + "word2vec-text" + ending);
    }
    check_save_refused(vectors_of({kByteOrderMark + "x"}), kText,
                       "word 0, \"" + kByteOrderMark + "x\", would begin the file with a byte order mark: text" +
                           " cannot hold it; word2vec-text can, and skip_unwritable leaves it out");
    check_save_refused(one_word("7", {3}), kText,
                       "word 0, \"7\", would begin the file with what looks like a header: text cannot hold it; "
                       "word2vec-text can, and skip_unwritable leaves it out");
    check_save_refused(one_word(" ", {7, 3}), kText,
                       "word 0, \" \", would begin the file with what looks like a header: text cannot hold it; "
                       "word2vec-text can, and skip_unwritable leaves it out");
}

TEST_CASE("vector writers: a word that is a space or a tab reads back, as in a model of characters") {
    const WordVectors vectors = vectors_of({"a", " ", "\t", "b", " \t ", "c"}, 3);
    for (const VectorFormat format : {kText, kWord2vecText, kNpy, kSafetensors}) check_round_trip(vectors, format);
}

TEST_CASE("vector writers: a space is too much for word2vec's binary file") {
    check_save_refused(vectors_of({"a", "new york"}), kBinary,
                       "word 1, \"new york\", has a space: word2vec-binary cannot hold it; word2vec-text can, and "
                       "skip_unwritable leaves it out");
}

TEST_CASE("vector writers: what a reader of words takes for line ends or for something else") {
    const std::string ending = " cannot hold it; word2vec-text can, and skip_unwritable leaves it out";
    for (const VectorFormat format : {kNpy, kSafetensors}) {
        const std::string name(to_string(format));
        check_save_refused(vectors_of({"a", "b\r"}), format,
                           "word 1, \"b\\x0d\", ends with a carriage return: " + name + ending);
        check_save_refused(vectors_of({kByteOrderMark}), format,
                           "word 0, \"" + kByteOrderMark +
                               "\", would begin the file of words with a byte order mark: " + name + ending);
        check_save_refused(vectors_of({"embergrad vocabulary 1"}), format,
                           "word 0, \"embergrad vocabulary 1\", would begin the file of words as Vocabulary::save "
                           "does: " +
                               name + ending);
        CHECK(words_written({"a", kByteOrderMark, "embergrad vocabulary 1", "\rb"}, format) ==
              "a\n" + kByteOrderMark + "\nembergrad vocabulary 1\n\rb\n");
    }
}

TEST_CASE("vector writers: numbers that are not finite are refused, as they are where vectors are read") {
    for (const double value : {kInf, -kInf, kNaN}) {
        const std::string text = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
        const WordVectors vectors({"a", "b"}, array({2, 2}, {1, 2, 3, value}));
        for (const VectorFormat format : kAll)
            check_save_refused(vectors, format,
                               "word 1, \"b\", has the number " + text + " at position 1, which load() refuses: " +
                                   std::string(to_string(format)) + " cannot hold it; skip_unwritable leaves it out");
    }
    if (kDouble)
        check_save_refused(one_word("a", {1, 1e300}), kBinary,
                           "word 0, \"a\", has the number 1e+300 at position 1, too large for a float: "
                           "word2vec-binary cannot hold it; word2vec-text can, and skip_unwritable leaves it out");
}

TEST_CASE("vector writers: words and lines are no longer than a reader takes") {
    const std::string longest(65'536, 'x');
    check_round_trip(vectors_of({longest, "b"}), kBinary);
    check_save_refused(
        vectors_of({"a", longest + "x"}), kBinary,
        "word 1, \"" + std::string(59, 'x') +
            "...\", has 65537 bytes, more than 65536: word2vec-binary cannot hold it; word2vec-text can, "
            "and skip_unwritable leaves it out");
    check_save_refused(
        vectors_of({"a", std::string(64 << 20, 'x')}), kText,
        "word 1, \"" + std::string(59, 'x') +
            "...\", makes a line of 64 MiB or more: text cannot hold it; npy can, and skip_unwritable leaves "
            "it out");
    check_save_refused(vectors_of({"a"}, (16 << 20) + 1), kBinary,
                       "word2vec-binary takes at most 16777216 numbers a word, not 16777217");
}

TEST_CASE("vector writers: a second file may not be the first by any other name") {
    const TemporaryFolder folder;
    std::filesystem::create_symlink("vectors", folder / "words");
    check_refused<std::invalid_argument>(
        [&] { vectors_of({"a"}).save(folder / "vectors", kNpy, {.words = folder / "words"}); },
        "WordVectors::save: " + (folder / "vectors").string() +
            " cannot hold both the vectors and the words: name two files");
}

TEST_CASE("vector writers: words that would be taken for numbers are refused as a whole") {
    check_save_refused(vectors_of({"a 1", "b 2"}), kText,
                       "text would not give these words again (read back: vectors of dimension 3); "
                       "word2vec-text has a header with the dimension, npy and safetensors have the words in a file of "
                       "their own");
    check_save_refused(vectors_of({"a 1", "b 2"}), kWord2vecText,
                       "word2vec-text would not give these words again (read back: every line has 3 "
                       "numbers, not 2 as the header says); npy and safetensors have the words in a file of their own");
    check_save_refused(vectors_of({"new york", "los angeles", "paris"}), kText,
                       "text would not give these words again (read back: all lines are bad, the first of them line 1: "
                       "value 1, \"york\", is no number); word2vec-text has a header with the dimension, npy and "
                       "safetensors have the words in a file of their own");
    check_round_trip(vectors_of({"new york", "los angeles", "paris"}), kWord2vecText);
    check_round_trip(vectors_of({"new york", "paris", "lyon"}), kText);
}

TEST_CASE("vector writers: no words and no numbers are nothing to write") {
    for (const VectorFormat format : kAll) {
        const std::string name(to_string(format));
        check_save_refused(vectors_of({}), format, name + " can hold none of 0 words");
        check_save_refused(vectors_of({"a"}, 0), format,
                           name + " needs " + (format == kProjector ? "2" : "1") + " numbers a word or more, not 0");
    }
    check_save_refused(vectors_of({"a"}, 1), kProjector, "projector needs 2 numbers a word or more, not 1");
}

TEST_CASE("vector writers: a second file for those that have one") {
    const TemporaryFolder folder;
    const WordVectors vectors = vectors_of({"a"});
    const std::filesystem::path path = folder / "vectors";
    for (const VectorFormat format : kAll) {
        const std::string name(to_string(format));
        const bool second = has_second_file(format);
        const auto save = [&] {
            vectors.save(path, format, {.words = second ? std::filesystem::path() : folder / "words"});
        };
        check_refused<std::invalid_argument>(
            save, "WordVectors::save: " + name +
                      (second ? " needs a second file for the words: say its name in WordVectorsSaveOptions::words"
                              : " has the words beside their vectors: there is no second file " +
                                    (folder / "words").string() + " to write"));
        if (!second) continue;
        check_refused<std::invalid_argument>(
            [&] { vectors.save(path, format, {.words = folder / "." / "vectors"}); },
            "WordVectors::save: " + path.string() + " cannot hold both the vectors and the words: name two files");
    }
    CHECK(folder.entries() == 0);
}

// ---- left out ------------------------------------------------------------------------------------------------------

TEST_CASE("vector writers: what cannot be held is left out where that is asked for") {
    const WordVectors vectors({kByteOrderMark, "a", "", "b c", "d\ne", " f", "g\r", "h", "i"},
                              array({9, 1}, {0, 1, 2, 3, 4, 5, 6, kInf, 7}));
    const auto check = [&](VectorFormat format, const std::string& expected, std::size_t left_out) {
        const Written files(vectors, format, true);
        CHECK(read_file(files.path) == expected);
        CHECK(files.left_out == left_out);
    };
    check(kText, "a 1\nb c 3\ng\r 6\ni 7\n", 5);
    check(kWord2vecText, "5 1\n" + kByteOrderMark + " 0\na 1\nb c 3\ng\r 6\ni 7\n", 4);
    const auto line = [](const std::string& word, float value) { return word + " " + float_bytes({value}) + "\n"; };
    check(kBinary, "4 1\n" + line(kByteOrderMark, 0) + line("a", 1) + line("g\r", 6) + line("i", 7), 5);

    const Written files(vectors, kSafetensors, true);
    CHECK(files.left_out == 5);
    CHECK(read_file(files.words) == "a\nb c\n f\ni\n");
    check_same(load_safetensors(files.path).tensors[0].second, array({4, 1}, {1, 3, 5, 7}));

    const WordVectors wide({"a", "", "b"}, array({3, 2}, {1, 2, kNaN, 4, 5, 6}));
    const Written projector(wide, kProjector, true);
    CHECK(projector.left_out == 1);
    CHECK(read_file(projector.path) == "1\t2\n5\t6\n");
    CHECK(read_file(projector.words) == "a\nb\n");
}

TEST_CASE("vector writers: the word behind one left out may be the first") {
    const WordVectors numbers({"1", "2", "x", "3"}, array({4, 1}, {1, 2, 3, 4}));
    const Written files(numbers, kText, true);
    CHECK(files.left_out == 2);
    CHECK(read_file(files.path) == "x 3\n3 4\n");
    const TemporaryFolder folder;
    check_refused<std::invalid_argument>(
        [&] {
            vectors_of({"", "\n"}).save(folder / "vectors", kText, {.skip_unwritable = true});
        },
        "WordVectors::save: text can hold none of 2 words");
}

// ---- files ---------------------------------------------------------------------------------------------------------

TEST_CASE("vector writers: old files are replaced, and stay if one of the two cannot be written") {
    for (const VectorFormat format : kAll) {
        INFO("as ", to_string(format));
        const Written files(vectors_of({"old"}), format);
        const std::string old = read_file(files.path);
        const WordVectors vectors = vectors_of({"new", "words"});
        const auto missing = files.folder / "missing" / "file";
        const std::string reason = "cannot write " + missing.string() + ": No such file or directory";
        WordVectorsSaveOptions options = files.options(format);
        check_refused<std::runtime_error>([&] { vectors.save(missing, format, options); }, reason);
        if (has_second_file(format)) {
            CHECK(read_file(files.words) == "old\n");
            options.words = missing;
            check_refused<std::runtime_error>([&] { vectors.save(files.path, format, options); }, reason);
        }
        CHECK(read_file(files.path) == old);
        CHECK(files.folder.entries() == (has_second_file(format) ? 2 : 1));
        vectors.save(files.path, format, files.options(format));
        CHECK(read_file(files.path) == written(vectors, format));
    }
}

TEST_CASE(
    "vector writers: what is written reads back in every format, down to one word that looks like something else") {
    Rng rng(11);
    Strings words;
    for (int i = 0; i < 500; ++i) words.push_back("w" + std::to_string(i));
    for (const VectorFormat format : {kText, kWord2vecText, kBinary, kNpy, kSafetensors}) {
        for (const std::size_t d : {std::size_t{1}, std::size_t{2}, std::size_t{100}}) {
            Array values(Shape{words.size(), d});
            for (std::size_t i = 0; i < values.size(); ++i)
                values.data()[i] = static_cast<Real>(static_cast<float>(rng.normal()));
            check_round_trip({words, values}, format);
        }
        for (const std::string word : {"the", "333?", "-1", "\xFF\xFE", "embergrad vocabulary 3", "\x80\4"})
            if (format == kNpy || format == kSafetensors || (word.find(' ') == word.npos && format != kText))
                check_round_trip(one_word(word, {0.25, static_cast<double>(0.7F)}), format);
        check_round_trip(one_word("the", {static_cast<double>(0.7F)}), format);  // its bytes are "333?"
    }
}

TEST_CASE("vector writers: progress is told, and may end the writing") {
    Strings words;
    for (int i = 0; i < 3000; ++i) words.push_back("w" + std::to_string(i));
    const WordVectors vectors = vectors_of(words, 300);
    for (const VectorFormat format : kAll) {
        INFO("as ", to_string(format));
        const Written files(vectors_of({"old"}), format);
        const std::string old = read_file(files.path);
        WordVectorsSaveOptions options = files.options(format);
        WordVectorsProgress last{.fraction = 0};
        std::size_t calls = 0;
        options.on_progress = [&](const WordVectorsProgress& now) {
            CHECK(now.fraction.value() > last.fraction.value());
            CHECK(now.bytes > last.bytes);
            last = now;
            return ++calls < 100;
        };
        vectors.save(files.path, format, options);
        CHECK(calls > 1);
        CHECK(last.words == 3000);
        CHECK(last.fraction == 1.0);
    }
    for (const VectorFormat format : kAll) {
        INFO("as ", to_string(format));
        const Written files(vectors_of({"old"}), format);
        const std::string old = read_file(files.path);
        const std::size_t entries = files.folder.entries();
        WordVectorsSaveOptions options = files.options(format);
        options.on_progress = [&](const WordVectorsProgress&) { return false; };
        check_refused<std::runtime_error>([&] { vectors.save(files.path, format, options); },
                                          "cannot write " + files.path.string() + ": it was stopped");
        CHECK(read_file(files.path) == old);
        CHECK(files.folder.entries() == entries);
    }
}
