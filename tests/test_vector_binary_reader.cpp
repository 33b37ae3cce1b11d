// word2vec's binary files, well-formed, odd and damaged.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/tests/gzip.hpp>
#include <embergrad/tests/support.hpp>
#include <embergrad/tests/temporary_folder.hpp>
#include <embergrad/tests/vector_sink.hpp>
#include <embergrad/vectors/reader.hpp>

using namespace embergrad;
using namespace embergrad::testing;
using namespace std::string_literals;

namespace {

using Strings = std::vector<std::string>;

const WordVectorsOptions kSkip{.skip_bad_lines = true};

using Kept = KeptVectors;

Kept read(std::string_view bytes, const WordVectorsOptions& options = {}) {
    Kept kept(options);
    kept.report = detail::read_binary_vectors({detail::open_source(bytes, "test"), "test"}, options, kept);
    CHECK(kept.report.format == VectorFormat::word2vec_binary);
    return kept;
}

std::string floats(const std::vector<float>& values) {
    std::string bytes(4 * values.size(), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

std::string record(std::string_view word, const std::vector<float>& values) {
    return std::string(word) + " " + floats(values);
}

std::vector<Real> reals(const std::vector<float>& values) { return {values.begin(), values.end()}; }

void check_kept(const Kept& kept, const Strings& words, const std::vector<float>& values, int line = __builtin_LINE()) {
    INFO("called from line ", line);
    CHECK(kept.words == words);
    CHECK(kept.values == reals(values));
}

void check_error(std::string_view bytes, const std::string& message, const WordVectorsOptions& options = {},
                 int line = __builtin_LINE()) {
    check_refused<std::runtime_error>([&] { read(bytes, options); }, "test" + message, line);
}

/// A file of several blocks, whose records begin at every alignment; every 100th word was there before.
struct Large {
    std::string bytes;
    Strings words;
    std::vector<float> values;
    std::size_t records = 0, duplicates = 0;
};

Large large_file(std::size_t d, std::size_t at_least, bool newlines, Rng& rng) {
    Large file;
    std::string records;
    for (; records.size() < at_least; ++file.records) {
        const bool again = file.records % 100 == 99;
        const std::string word = again ? file.words[rng.below(file.words.size())]
                                       : std::string(rng.below(40), 'w') + std::to_string(file.records);
        std::vector<float> values(d);
        for (float& value : values) value = static_cast<float>(rng.uniform(-1, 1));
        records += record(word, values) + (newlines ? "\n" : "");
        file.duplicates += again;
        if (again) continue;
        file.words.push_back(word);
        file.values.insert(file.values.end(), values.begin(), values.end());
    }
    file.bytes = std::to_string(file.records) + " " + std::to_string(d) + "\n" + records;
    return file;
}

void check_large(const Kept& kept, const Large& file, int line = __builtin_LINE()) {
    INFO("called from line ", line);
    CHECK((kept.words == file.words));
    CHECK((kept.values == reals(file.values)));
    CHECK(kept.report.lines == file.records);
    CHECK(kept.report.duplicates == file.duplicates);
    CHECK(kept.report.bytes == file.bytes.size());
    CHECK(kept.report.wrong_header.empty());
}

const std::string kTwo = "2 3\n" + record("the", {0.5F, -1, 2}) + record("of", {0.1F, 3, -0.125F});

}  // namespace

// ---- records -------------------------------------------------------------------------------------------------------

TEST_CASE("binary vectors: words and their floats, with newlines as word2vec writes them and without as gensim does") {
    const std::vector<float> values = {0.5F, -1, 2, 0.1F, 3, -0.125F};
    const std::string the = record("the", {0.5F, -1, 2}), of = record("of", {0.1F, 3, -0.125F});
    for (const std::string& bytes : {kTwo, "2 3\n" + the + "\n" + of + "\n", "2 3\n" + the + "\n" + of,
                                     "2 3\n" + the + of + "\n", "2 3  \n\n\n" + the + "\n\n\n" + of + "\n\n"}) {
        const Kept kept = read(bytes);
        check_kept(kept, {"the", "of"}, values);
        CHECK(kept.dimension() == 3);
        CHECK(kept.most.value() == 2);
        CHECK(kept.report.lines == 2);
        CHECK(kept.report.bytes == bytes.size());
        CHECK(kept.report.bad_lines == 0);
        CHECK(kept.report.duplicates == 0);
        CHECK(kept.report.wrong_header.empty());
    }
}

TEST_CASE("binary vectors: a word may be any bytes but a space, and no newline before the others") {
    const Strings words = {"</s>", "caf\xE9", "\xFF\xFE", "a\0b"s, "a\nb", "\t", "\r\n", "2", "\xE4\xB8\xAD"};
    std::string bytes = std::to_string(words.size()) + " 1\n";
    for (const std::string& word : words) bytes += record(word, {1}) + "\n";
    CHECK(read(bytes).words == words);
}

TEST_CASE("binary vectors: floats may hold the bytes of newlines and spaces") {
    std::vector<float> values(4);
    std::memcpy(values.data(), "\n\n\n\n    \n \n \n\n  ", 16);
    check_kept(read("2 2\n" + record("a", {values[0], values[1]}) + record("b", {values[2], values[3]})), {"a", "b"},
               values);
}

TEST_CASE("binary vectors: every finite float comes through, bit for bit") {
    using Limits = std::numeric_limits<float>;
    const std::vector<float> values = {
        0.0F, -0.0F, Limits::denorm_min(), Limits::min(), Limits::max(), Limits::lowest(), 0.1F, -1e-30F};
    const Kept kept = read("1 8\n" + record("a", values));
    REQUIRE(kept.values.size() == 8);
    for (std::size_t i = 0; i < 8; ++i) {
        const Real expected = static_cast<Real>(values[i]);
        CHECK(std::memcmp(&kept.values[i], &expected, sizeof(Real)) == 0);
    }
}

TEST_CASE("binary vectors: of the same word twice the first counts") {
    const Kept kept = read("4 1\n" + record("a", {1}) + record("b", {2}) + record("a", {3}) + record("a", {4}));
    check_kept(kept, {"a", "b"}, {1, 2});
    CHECK(kept.report.duplicates == 2);
    CHECK(kept.report.lines == 4);
}

TEST_CASE("binary vectors: a word has 64 KiB at most") {
    const std::string longest(65536, 'x');
    check_kept(read("2 1\n" + record(longest, {1}) + record("a", {2})), {longest, "a"}, {1, 2});
    const std::string bytes = "2 1\n" + record("a", {1}) + record(longest + "x", {2});
    check_error(bytes, ":2: a word of more than 65536 bytes; is this a word2vec binary file?");
    check_error(bytes, ":2: a word of more than 65536 bytes; is this a word2vec binary file?", kSkip);
}

// ---- bad words -----------------------------------------------------------------------------------------------------

TEST_CASE("binary vectors: a vector that is not finite, or has no word, is a bad line with the word's number") {
    const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    float signalling = nan;
    std::memcpy(&signalling, "\x01\x00\x80\xFF", 4);
    const std::string a = "2 3\n" + record("a", {1, 2, 3});
    check_error(a + record("b", {1, 2, nan}), ":2: value 3 is not finite");
    check_error(a + record("b", {-inf, nan, 1}), ":2: value 1 is not finite");
    check_error(a + record("b", {1, inf, 1}), ":2: value 2 is not finite");
    check_error(a + "b " + floats({1}) + "\x01\x00\x80\xFF"s + floats({1}), ":2: value 2 is not finite");
    check_error(a + record("", {1, 2, 3}), ":2: no word before 3 values");
    check_error(a + "\n\n" + record("", {1, 2, 3}), ":2: no word before 3 values");
    check_error("1 1\n" + record("", {1}), ":1: no word before 1 value");
}

TEST_CASE("binary vectors: not finite at every place") {
    for (std::size_t d = 1; d < 40; ++d) {
        for (std::size_t at = 0; at < d; ++at) {
            std::vector<float> values(d, -std::numeric_limits<float>::max());
            values[at] = -std::numeric_limits<float>::infinity();
            check_error("1 " + std::to_string(d) + "\n" + record("a", values),
                        ":1: value " + std::to_string(at + 1) + " is not finite");
        }
    }
}

TEST_CASE("binary vectors: bad words are skipped on request, counted, and the first ten kept") {
    std::string bytes = "32 1\n" + record("a", {1});
    for (int i = 0; i < 15; ++i) bytes += record("bad", {std::nanf("")}) + record("", {2});
    const Kept kept = read(bytes + record("bad", {3}), kSkip);
    check_kept(kept, {"a", "bad"}, {1, 3});
    CHECK(kept.report.bad_lines == 30);
    CHECK(kept.report.lines == 32);
    REQUIRE(kept.report.first_bad_lines.size() == 10);
    CHECK(kept.report.first_bad_lines[0].number == 2);
    CHECK(kept.report.first_bad_lines[0].reason == "value 1 is not finite");
    CHECK(kept.report.first_bad_lines[9].number == 11);
    CHECK(kept.report.first_bad_lines[9].reason == "no word before 1 value");
    check_error("2 1\n" + record("", {1}) + record("", {1}),
                ": all words are bad, the first of them word 1: no word before 1 value", kSkip);
}

// ---- the header ----------------------------------------------------------------------------------------------------

TEST_CASE("binary vectors: without a header there is an error that shows the first line") {
    const std::string begin = ": the first line should be \"N D\", words and numbers a word, but is ";
    const std::string end = "; is this a word2vec binary file?";
    check_error("", begin + "\"\"" + end);
    check_error("2 3", begin + "\"2 3\"" + end);
    check_error("2 3\r\nthe ", begin + "\"2 3\\x0d\"" + end);
    check_error("2\t3\nthe ", begin + "\"2\\x093\"" + end);
    check_error("the 0.1\nof 2\n", begin + "\"the 0.1\"" + end);
    check_error("2 3 4\n", begin + "\"2 3 4\"" + end);
    check_error("2  3\n", begin + "\"2  3\"" + end);
    check_error(" 2 3\n", begin + "\" 2 3\"" + end);
    check_error("2 -3\n", begin + "\"2 -3\"" + end);
    check_error("18446744073709551616 3\n", begin + "\"18446744073709551616 3\"" + end);
    CHECK_THROWS_WITH_AS(read("2 3" + std::string(61, ' ') + "\n" + kTwo), doctest::Contains(begin.c_str()),
                         std::runtime_error);
    CHECK(read("2 3" + std::string(60, ' ') + kTwo.substr(3)).words == Strings{"the", "of"});
}

TEST_CASE("binary vectors: a dimension that cannot be, or is not the one that was asked for") {
    for (const WordVectorsOptions& options : {WordVectorsOptions{}, kSkip}) {
        check_error("2 0\nthe of ", ": the header says 0 numbers a word; 1 to 16777216 can be read", options);
        check_error("1 16777217\nthe ", ": the header says 16777217 numbers a word; 1 to 16777216 can be read",
                    options);
        check_error("1 18446744073709551615\nthe ",
                    ": the header says 18446744073709551615 numbers a word; 1 to 16777216 can be read", options);
    }
    check_error(kTwo, ": the header says 3 numbers a word, not 100", {.dimension = 100, .skip_bad_lines = true});
    CHECK(read(kTwo, {.dimension = 3}).dimension() == 3);
}

TEST_CASE("binary vectors: a file without words is an error") {
    check_error("0 3\n", ": there are no vectors in it");
    check_error("0 3\n" + record("the", {1, 2, 3}), ": there are no vectors in it");
    check_error("2 3\n", ": there are no vectors in it: the header says 2 words, but the file ends after word 0",
                kSkip);
    check_error("2 3\nthe", ": there are no vectors in it: the header says 2 words, but the file ends in word 1",
                kSkip);
}

TEST_CASE("binary vectors: a header with more words than the file has room for is found out before room is made") {
    for (const char* words : {"3", "1000000000000", "18446744073709551615", "1418980313362273202"}) {
        INFO(words);
        const std::string bytes = words + kTwo.substr(1);
        Kept kept({});
        check_refused<std::runtime_error>(
            [&] {
                detail::read_binary_vectors({detail::open_source(bytes, "test"), "test"}, {}, kept);
            },
            "test: the header says "s + words + " words of 3 numbers, but only 31 bytes follow");
        CHECK(kept.starts == 0);

        const Kept skipped = read(bytes, kSkip);
        CHECK(skipped.words == Strings{"the", "of"});
        CHECK(skipped.most.value() == 2);
        CHECK(skipped.report.wrong_header == "the header says "s + words + " words, but the file ends after word 2");
        CHECK(skipped.report.bad_lines == 0);

        const Kept compressed = read(gzip(bytes), kSkip);  // whose length is not known before
        CHECK(compressed.words == Strings{"the", "of"});
        CHECK(compressed.most == std::nullopt);
        CHECK(compressed.report.wrong_header == skipped.report.wrong_header);
        check_error(gzip(bytes), ": the header says "s + words + " words, but the file ends after word 2");
    }
    check_error("2 16777216\nthe " + std::string(1000, 'x'),
                ": the header says 2 words of 16777216 numbers, but only 1004 bytes follow");
    check_error(gzip("2 16777216\nthe " + std::string(1000, 'x')),
                ": the header says 2 words, but the file ends in word 1");
}

TEST_CASE("binary vectors: a header with fewer words than the file has") {
    const std::string bytes = "1" + kTwo.substr(1);
    check_error(bytes, ": the header says 1 word, but more follow");
    const Kept kept = read(bytes, kSkip);
    check_kept(kept, {"the"}, {0.5F, -1, 2});
    CHECK(kept.report.wrong_header == "the header says 1 word, but more follow");
    check_error(kTwo + "\n\nx", ": the header says 2 words, but more follow");
    check_error(kTwo + "\r\n", ": the header says 2 words, but more follow");
    check_error(kTwo + std::string(3'000'000, '\n') + " ", ": the header says 2 words, but more follow");
    CHECK(read(kTwo + std::string(3'000'000, '\n')).words.size() == 2);
}

TEST_CASE("binary vectors: a file cut short at any byte") {
    const std::string header = "3 2\n";
    const Strings records = {record("the", {1, 2}) + "\n", record("of", {3, 4}) + "\n", record("a", {5, 6}) + "\n"};
    const std::string bytes = header + records[0] + records[1] + records[2];
    for (std::size_t size = header.size(); size + 1 < bytes.size(); ++size) {
        INFO("size ", size);
        const std::string cut = bytes.substr(0, size);  // of its own size, for AddressSanitizer
        std::size_t whole = 0, end = header.size();
        while (end + records[whole].size() - 1 <= size) end += records[whole++].size();
        const std::string where =
            size > end ? "in word " + std::to_string(whole + 1) : "after word " + std::to_string(whole);
        const std::string met = "the header says 3 words, but the file ends " + where;
        const std::size_t follow = size - header.size();
        const std::string known = follow < 3 * 9
                                      ? "the header says 3 words of 2 numbers, but only " + std::to_string(follow) +
                                            " byte" + (follow == 1 ? "" : "s") + " follow"
                                      : met;
        check_error(cut, ": " + known);
        check_error(gzip(cut), ": " + met);
        for (const std::string& file : {cut, gzip(cut)}) {
            if (whole == 0) {
                check_error(file, ": there are no vectors in it: " + met, kSkip);
                continue;
            }
            const Kept kept = read(file, kSkip);
            CHECK(kept.words.size() == whole);
            CHECK(kept.report.lines == whole);
            CHECK(kept.report.wrong_header == met);
        }
    }
}

TEST_CASE("binary vectors: every byte changed to every other gives vectors or an error") {
    const std::string bytes = "2 2\nthe " + floats({1, 2}) + "\nof " + floats({3, 4}) + "\n";
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string changed = bytes;
            changed[at] = static_cast<char>(byte);
            for (const WordVectorsOptions& options : {WordVectorsOptions{}, kSkip}) {
                try {
                    if (read(changed, options).words.empty()) FAIL_CHECK("byte ", byte, " at ", at);
                } catch (const std::runtime_error& error) {
                    if (!std::string_view(error.what()).starts_with("test:")) FAIL_CHECK(error.what());
                }
            }
        }
    }
}

// ---- options -------------------------------------------------------------------------------------------------------

TEST_CASE("binary vectors: a limit ends the reading, whatever follows") {
    const std::string three = "3 1\n" + record("a", {1}) + record("a", {9}) + record("b", {2});
    Kept kept = read(three + "more", {.limit = 2});
    check_kept(kept, {"a", "b"}, {1, 2});
    CHECK(kept.most.value() == 2);
    CHECK(kept.report.lines == 3);
    kept = read(three.substr(0, three.size() - 8), {.limit = 1});  // cut off behind the limit
    check_kept(kept, {"a"}, {1});
    CHECK(kept.report.wrong_header.empty());
    CHECK(read("1000000 1\n" + record("a", {1}) + "damaged", {.limit = 1}).words.size() == 1);
    CHECK(read(three, {.limit = 3}).words.size() == 2);
    check_error("2 1\n" + record("a", {1}) + "b", ": the header says 2 words of 1 number, but only 7 bytes follow",
                {.limit = 2});
    CHECK(read(three, {.limit = 0}).words.empty());
}

TEST_CASE("binary vectors: only the words that are wanted; the numbers of others are not looked at") {
    const std::string bytes =
        "4 2\n" + record("a", {1, 2}) + record("b", {std::nanf(""), 1}) + record("", {1, 2}) + record("c", {3, 4});
    const auto is_c = [](std::string_view word) { return word == "c"; };
    const Kept kept = read(bytes, {.skip_bad_lines = true, .wanted = is_c});
    check_kept(kept, {"c"}, {3, 4});
    CHECK(kept.report.lines == 4);
    CHECK(kept.report.bad_lines == 1);
    check_error(bytes, ":3: no word before 2 values", {.wanted = is_c});
    const Kept none = read(kTwo, {.wanted = is_c});
    CHECK(none.words.empty());
    CHECK(none.dimension() == 3);
    CHECK(read(kTwo, {.wanted = [](std::string_view) { return true; }}).words.size() == 2);
}

TEST_CASE("binary vectors: progress is told after each block, and may end the reading") {
    Rng rng(3);
    const Large file = large_file(20, 3'500'000, true, rng);
    for (const bool compressed : {false, true}) {
        std::vector<WordVectorsProgress> seen;
        const auto note = [&](const WordVectorsProgress& progress) {
            seen.push_back(progress);
            return true;
        };
        check_large(read(compressed ? gzip(file.bytes) : file.bytes, {.on_progress = note}), file);
        REQUIRE(seen.size() >= 4);
        for (std::size_t i = 1; i < seen.size(); ++i) {
            CHECK(seen[i].words >= seen[i - 1].words);
            CHECK(seen[i].bytes >= seen[i - 1].bytes);
            CHECK(seen[i].fraction.value() >= seen[i - 1].fraction.value());
        }
        CHECK(seen[0].words > 1000);
        CHECK(seen[1].words > seen[0].words);
        CHECK(seen.back().words == file.words.size());
        CHECK(seen.back().bytes == file.bytes.size());
        CHECK(seen.back().fraction == 1.0);
    }
    std::size_t calls = 0;
    const auto stop = [&](const WordVectorsProgress&) { return ++calls < 2; };
    CHECK_THROWS_WITH_AS(read(file.bytes, {.on_progress = stop}), doctest::Contains("test: stopped after "),
                         std::runtime_error);
    CHECK(calls == 2);
    check_error(kTwo, ": stopped after 2 words", {.on_progress = [](const auto&) { return false; }});
}

// ---- large files ---------------------------------------------------------------------------------------------------

TEST_CASE("binary vectors: records cross the ends of blocks at every alignment") {
    const std::uint64_t seed = 5;
    INFO("seed ", seed);
    Rng rng(seed);
    for (const std::size_t d : std::vector<std::size_t>{1, 7, 100}) {
        const Large file = large_file(d, 3'500'000, d != 7, rng);
        check_large(read(file.bytes), file);
        CHECK(read(file.bytes).most.value() == file.records);
        check_large(read(gzip(file.bytes)), file);
        const std::size_t half = file.bytes.size() / 2;
        check_large(read(gzip(file.bytes.substr(0, half)) + gzip(file.bytes.substr(half))), file);
    }
}

TEST_CASE("binary vectors: a record at every place around the end of a block") {
    const std::size_t block = std::size_t{1} << 20;
    const std::string header = "2 4\n", last = record("second", {1, 2, 3, 4});
    for (std::size_t behind = 0; behind < 40; ++behind) {
        INFO(behind, " bytes in the next block");
        std::string bytes = header + record("first", {5, 6, 7, 8});
        bytes += std::string(block - bytes.size() - last.size() + behind, '\n') + last;
        for (const std::string& file : {bytes, bytes + "\n", gzip(bytes)})
            check_kept(read(file), {"first", "second"}, {5, 6, 7, 8, 1, 2, 3, 4});
    }
}

TEST_CASE("binary vectors: records that are longer than a block") {
    const std::uint64_t seed = 6;
    INFO("seed ", seed);
    Rng rng(seed);
    const Large file = large_file(700'000, 12'000'000, true, rng);
    check_large(read(file.bytes), file);
    check_large(read(gzip(file.bytes)), file);
    CHECK(read(file.bytes.substr(0, file.bytes.size() - 2), kSkip).words.size() == file.words.size() - 1);
}

TEST_CASE("binary vectors: a file on disk") {
    Rng rng(7);
    const Large file = large_file(50, 2'500'000, true, rng);
    const TemporaryFolder folder;
    for (const bool compressed : {false, true}) {
        write_file_atomically(folder / "vectors.bin", compressed ? gzip(file.bytes) : file.bytes);
        Kept kept({});
        kept.report = detail::read_binary_vectors({detail::open_source(folder / "vectors.bin"), "test"}, {}, kept);
        check_large(kept, file);
    }
}

TEST_CASE("binary vectors: damaged gzip data is an error, also where bad words are skipped") {
    std::string compressed = gzip(kTwo);
    check_error(compressed.substr(0, compressed.size() - 1), ": the gzip data is cut off", kSkip);
    compressed[compressed.size() - 6] ^= 1;  // the checksum
    check_error(compressed, ": the gzip data is damaged (incorrect data check)", kSkip);
}
