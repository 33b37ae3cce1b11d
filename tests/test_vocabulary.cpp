// Which words get which ids, and what becomes of a vocabulary in a file.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/tests/temporary_folder.hpp>
#include <embergrad/text/vocabulary.hpp>

using namespace embergrad;

namespace {

using Strings = std::vector<std::string>;
using Ids = std::vector<std::int64_t>;

const VocabularyOptions no_specials = {.pad_token = {}, .unk_token = {}, .bos_token = {}, .eos_token = {}};

Strings tokens_of(const Vocabulary& vocabulary) {
    Strings tokens;
    for (std::size_t id = 0; id < vocabulary.size(); ++id)
        tokens.push_back(vocabulary.token(static_cast<std::int64_t>(id)));
    return tokens;
}

Ids counts_of(const Vocabulary& vocabulary) {
    Ids counts;
    for (std::size_t id = 0; id < vocabulary.size(); ++id)
        counts.push_back(vocabulary.count(static_cast<std::int64_t>(id)));
    return counts;
}

void check_same(const Vocabulary& a, const Vocabulary& b) {
    CHECK(tokens_of(a) == tokens_of(b));
    CHECK(counts_of(a) == counts_of(b));
    CHECK(a.special_count() == b.special_count());
    CHECK(a.padding_id() == b.padding_id());
    CHECK(a.unknown_id() == b.unknown_id());
    CHECK(a.bos_id() == b.bos_id());
    CHECK(a.eos_id() == b.eos_id());
    CHECK(a.tokenizer().options() == b.tokenizer().options());
}

/// Texts over few words, so that ties are common.
Strings random_texts(Rng& rng) {
    Strings texts(rng.below(6));
    for (std::string& text : texts)
        for (std::uint64_t left = rng.below(20); left > 0; --left)
            text += std::string(1, static_cast<char>('a' + rng.below(12))) + " ";
    return texts;
}

constexpr std::string_view kFile =
    "embergrad vocabulary 1\n"
    "lowercase 1\n"
    "detach_punctuation 0\n"
    "specials pad unk\n"
    "tokens 5\n"
    "<PAD>\t0\n"
    "<UNK>\t0\n"
    "the\t12\n"
    "a\t3\n"
    "caf\u00E9\t3\n";

/// The file with its first `from` replaced.
std::string with(std::string_view from, std::string_view to) {
    std::string text(kFile);
    const std::size_t at = text.find(from);
    REQUIRE(at != text.npos);
    return text.replace(at, from.size(), to);
}

void check_refused(std::string_view content, const std::string& where_and_what) {
    const TemporaryFolder folder;
    write_file_atomically(folder / "v", content);
    const std::string message = (folder / "v").string() + where_and_what;
    CHECK_THROWS_WITH_AS(Vocabulary::load(folder / "v"), message.c_str(), std::runtime_error);
}

}  // namespace

TEST_CASE("vocabulary: special tokens first, then words by count, ties by first occurrence [12.6]") {
    const Vocabulary vocabulary = Vocabulary::build(Strings{"d c b a", "c a b", "a"});
    CHECK(tokens_of(vocabulary) == Strings{"<PAD>", "<UNK>", "<BOS>", "<EOS>", "a", "c", "b", "d"});
    CHECK(counts_of(vocabulary) == Ids{0, 0, 0, 0, 3, 2, 2, 1});
    CHECK(vocabulary.size() == 8);
    CHECK(vocabulary.special_count() == 4);
    CHECK(vocabulary.padding_id() == 0);
    CHECK(vocabulary.unknown_id() == 1);
    CHECK(vocabulary.bos_id() == 2);
    CHECK(vocabulary.eos_id() == 3);
    CHECK(vocabulary.id("a") == 4);
    CHECK(vocabulary.id("<EOS>") == 3);
    CHECK(vocabulary.id("zebra") == std::nullopt);
}

TEST_CASE("vocabulary: no texts, empty texts") {
    CHECK(Vocabulary::build(Strings{}).size() == 4);
    const Vocabulary vocabulary = Vocabulary::build(Strings{"", "a", "  "});
    CHECK(vocabulary.size() == 5);
    CHECK(vocabulary.encode("").empty());
    CHECK(vocabulary.encode(std::string_view()).empty());
    CHECK(vocabulary.encode({std::string_view()}) == Ids{1});
    CHECK(vocabulary.decode(Ids{}).empty());
}

TEST_CASE("vocabulary: encode and decode") {
    const Vocabulary vocabulary = Vocabulary::build(Strings{"the cat sat", "the mat"});
    CHECK(vocabulary.encode(" the\tmat sat  zebra") == Ids{4, 7, 6, 1});
    CHECK(vocabulary.encode(Strings{"the", "mat sat"}) == Ids{4, 1});
    CHECK(vocabulary.encode(std::vector<std::string_view>{"cat"}) == Ids{5});
    CHECK(vocabulary.encode({"the", "cat"}) == Ids{4, 5});
    CHECK(vocabulary.decode(Ids{2, 4, 7, 1, 3}) == "<BOS> the mat <UNK> <EOS>");
    CHECK(vocabulary.decode(IdArray{4, 5}) == "the cat");
    CHECK(vocabulary.decode(IdArray::scalar(4)) == "the");
}

TEST_CASE("vocabulary: min_freq leaves rare words out") {
    const Vocabulary vocabulary = Vocabulary::build(Strings{"a b b c c c"}, {.min_freq = 2});
    CHECK(tokens_of(vocabulary) == Strings{"<PAD>", "<UNK>", "<BOS>", "<EOS>", "c", "b"});
    CHECK(vocabulary.encode("a b") == Ids{1, 5});
    CHECK(Vocabulary::build(Strings{"a b b"}, {.min_freq = 0}).size() == 6);
}

TEST_CASE("vocabulary: max_size counts the special tokens") {
    const Strings texts = {"a b b c c c"};
    CHECK(tokens_of(Vocabulary::build(texts, {.max_size = 6})) ==
          Strings{"<PAD>", "<UNK>", "<BOS>", "<EOS>", "c", "b"});
    CHECK(Vocabulary::build(texts, {.max_size = 4}).size() == 4);
    CHECK(Vocabulary::build(texts, {.max_size = 100}).size() == 7);
    CHECK_THROWS_WITH_AS(Vocabulary::build(texts, {.max_size = 3}),
                         "Vocabulary: max_size 3 has no room for 4 special tokens", std::invalid_argument);
}

TEST_CASE("vocabulary: min_freq and max_size commute [12.6]") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        INFO("seed ", seed);
        Rng rng(seed);
        const Strings texts = random_texts(rng);
        const auto min_freq = static_cast<std::int64_t>(rng.below(6));
        const std::size_t max_size = 4 + rng.below(12);
        const Vocabulary by_size = Vocabulary::build(texts, {.max_size = max_size});
        const Vocabulary by_freq = Vocabulary::build(texts, {.min_freq = min_freq});
        Strings size_then_freq, freq_then_size = tokens_of(by_freq);
        for (const std::string& token : tokens_of(by_size)) {
            const std::int64_t id = by_size.id(token).value();
            if (id < 4 || by_size.count(id) >= min_freq) size_then_freq.push_back(token);
        }
        freq_then_size.resize(std::min(freq_then_size.size(), max_size));
        const Strings both = tokens_of(Vocabulary::build(texts, {.min_freq = min_freq, .max_size = max_size}));
        CHECK(both == size_then_freq);
        CHECK(both == freq_then_size);
    }
}

TEST_CASE("vocabulary: the same as counting by hand, whatever the texts [12.6]") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        INFO("seed ", seed);
        Rng rng(seed);
        const Strings texts = random_texts(rng);
        Strings order;
        std::map<std::string, std::int64_t> counts;
        for (const std::string& text : texts)
            for (const std::string& word : Tokenizer()(text))
                if (counts[word]++ == 0) order.push_back(word);
        std::stable_sort(order.begin(), order.end(),
                         [&](const std::string& a, const std::string& b) { return counts[a] > counts[b]; });
        const Vocabulary vocabulary = Vocabulary::build(texts, no_specials);
        CHECK(tokens_of(vocabulary) == order);
        for (const std::string& word : order) CHECK(vocabulary.count(vocabulary.id(word).value()) == counts[word]);
    }
}

TEST_CASE("vocabulary: many words, each found again") {
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += "w" + std::to_string(i) + " ";
    const Vocabulary vocabulary = Vocabulary::build(Strings{text});
    CHECK(vocabulary.size() == 20'004);
    bool all = true;
    for (std::int64_t i = 0; i < 20'000; ++i) all = all && vocabulary.id("w" + std::to_string(i)) == i + 4;
    CHECK(all);
    CHECK(vocabulary.id("w20000") == std::nullopt);
}

TEST_CASE("vocabulary: a special token in a text is no word and encodes as unknown") {
    const Vocabulary vocabulary = Vocabulary::build(Strings{"<PAD> <PAD> <PAD> a <UNK> <EOS>"}, {.max_size = 5});
    CHECK(tokens_of(vocabulary) == Strings{"<PAD>", "<UNK>", "<BOS>", "<EOS>", "a"});
    CHECK(counts_of(vocabulary) == Ids{0, 0, 0, 0, 1});
    CHECK(vocabulary.encode("<PAD> a <BOS> <EOS> <UNK>") == Ids{1, 4, 1, 1, 1});
    CHECK(vocabulary.encode({"<PAD>", "a"}) == Ids{1, 4});
}

TEST_CASE("vocabulary: special tokens can be renamed or left out") {
    const Vocabulary vocabulary = Vocabulary::build(
        Strings{"a <UNK>"}, {.pad_token = "[PAD]", .unk_token = "", .bos_token = std::nullopt, .eos_token = "</s>"});
    CHECK(tokens_of(vocabulary) == Strings{"[PAD]", "</s>", "a", "<UNK>"});
    CHECK(vocabulary.padding_id() == 0);
    CHECK(vocabulary.unknown_id() == std::nullopt);
    CHECK(vocabulary.bos_id() == std::nullopt);
    CHECK(vocabulary.eos_id() == 1);
    CHECK(Vocabulary::build(Strings{"a"}, no_specials).encode("a") == Ids{0});
}

TEST_CASE("vocabulary: without an unknown token an unknown word is an error that names it") {
    const Vocabulary vocabulary = Vocabulary::build(Strings{"a b"}, {.unk_token = {}});
    CHECK(vocabulary.encode("b a") == Ids{4, 3});
    CHECK_THROWS_WITH_AS(vocabulary.encode("a zebra"),
                         "Vocabulary::encode: \"zebra\" is not in the vocabulary, and there is no unknown token",
                         std::out_of_range);
    CHECK_THROWS_WITH_AS(vocabulary.encode("<PAD>"),
                         "Vocabulary::encode: \"<PAD>\" is a reserved token, and there is no unknown token",
                         std::out_of_range);
}

TEST_CASE("vocabulary: refusals of ids") {
    const Vocabulary vocabulary = Vocabulary::build(Strings{"a"});
    CHECK_THROWS_WITH_AS(vocabulary.decode(Ids{4, 5}),
                         "Vocabulary::decode: id 5 at position 1 is outside a vocabulary of 5 tokens",
                         std::out_of_range);
    CHECK_THROWS_WITH_AS(vocabulary.decode(Ids{-1}),
                         "Vocabulary::decode: id -1 at position 0 is outside a vocabulary of 5 tokens",
                         std::out_of_range);
    CHECK_THROWS_WITH_AS(vocabulary.token(5), "Vocabulary: id 5 is outside a vocabulary of 5 tokens",
                         std::out_of_range);
    CHECK_THROWS_AS(vocabulary.count(-1), std::out_of_range);
    CHECK_THROWS_WITH_AS(vocabulary.decode(IdArray{{4, 4}, {4, 4}}),
                         "Vocabulary::decode: needs one sequence of ids, got shape (2, 2)", std::invalid_argument);
}

TEST_CASE("vocabulary: refusals of options") {
    CHECK_THROWS_WITH_AS(Vocabulary({.pad_token = "<X>", .eos_token = "<X>"}),
                         "Vocabulary: two special tokens are spelled \"<X>\"", std::invalid_argument);
    CHECK_THROWS_WITH_AS(Vocabulary({.min_freq = -1}), "Vocabulary: min_freq -1 is negative", std::invalid_argument);
}

TEST_CASE("vocabulary: a single string is no list of texts") {
    const auto builds = [](const auto& texts) {
        return requires { Vocabulary::build(texts); };
    };
    CHECK(builds(Strings{"a"}));
    CHECK_FALSE(builds(std::string("some text")));
    CHECK_FALSE(builds(std::string_view("some text")));
    CHECK_FALSE(builds("some text"));
}

TEST_CASE("vocabulary: a no-break space stays inside its word [12.7]") {
    const Vocabulary vocabulary = Vocabulary::build(Strings{"10\u00A0000 x"});
    CHECK(vocabulary.token(4) == "10\u00A0000");
    CHECK(vocabulary.encode("10\u00A0000") == Ids{4});
}

TEST_CASE("vocabulary: encode splits as build did") {
    const Vocabulary vocabulary =
        Vocabulary::build(Strings{"Hello, world!"}, {.tokenizer = {.lowercase = true, .detach_punctuation = true}});
    CHECK(tokens_of(vocabulary) == Strings{"<PAD>", "<UNK>", "<BOS>", "<EOS>", "hello", ",", "world", "!"});
    CHECK(vocabulary.encode("HELLO!!") == Ids{4, 7, 7});
}

TEST_CASE("vocabulary: copies are independent") {
    std::optional<Vocabulary> original = Vocabulary::build(Strings{"a b"});
    const Vocabulary copy = *original;
    original.reset();
    CHECK(copy.encode("b a") == Ids{5, 4});
}

TEST_CASE("vocabulary: saved and loaded it is the same") {
    const TemporaryFolder folder;
    const Strings texts = {"the caf\u00E9 10\u00A0000 \\n \\t \" the \xFF\xFE tokens 5", "# <PAD> \u2028 the"};
    for (const VocabularyOptions& options :
         {VocabularyOptions{}, no_specials, VocabularyOptions{.unk_token = {}, .bos_token = "[B]"},
          VocabularyOptions{.tokenizer = {.lowercase = true}},
          VocabularyOptions{.tokenizer = {.detach_punctuation = true}}, VocabularyOptions{.max_size = 4}}) {
        const Vocabulary vocabulary = Vocabulary::build(texts, options);
        vocabulary.save(folder / "v");
        const Vocabulary loaded = Vocabulary::load(folder / "v");
        check_same(vocabulary, loaded);
        const std::string saved = read_file(folder / "v");
        loaded.save(folder / "v");
        CHECK(read_file(folder / "v") == saved);
    }
    CHECK(folder.entries() == 1);
}

TEST_CASE("vocabulary: an empty vocabulary survives a file") {
    const TemporaryFolder folder;
    const Vocabulary vocabulary{no_specials};
    vocabulary.save(folder / "v");
    CHECK(Vocabulary::load(folder / "v").size() == 0);
}

TEST_CASE("vocabulary: the file is what its documentation says") {
    const TemporaryFolder folder;
    const Strings texts = {"the the the a caf\u00E9 the a caf\u00E9 the the the the the the the the a caf\u00E9"};
    Vocabulary::build(texts, {.bos_token = {}, .eos_token = {}, .tokenizer = {.lowercase = true}}).save(folder / "v");
    CHECK(read_file(folder / "v") == kFile);
}

TEST_CASE("vocabulary: a file cut short anywhere is refused") {
    const TemporaryFolder folder;
    for (std::size_t length = 0; length < kFile.size(); ++length) {
        INFO("length ", length);
        write_file_atomically(folder / "v", kFile.substr(0, length));
        CHECK_THROWS_AS(Vocabulary::load(folder / "v"), std::runtime_error);
    }
    write_file_atomically(folder / "v", kFile);
    CHECK(Vocabulary::load(folder / "v").size() == 5);
}

TEST_CASE("vocabulary: a file with any byte changed is refused or read as what it says") {
    const TemporaryFolder folder;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        INFO("seed ", seed);
        Rng rng(seed);
        std::string content(kFile);
        content[rng.below(content.size())] = static_cast<char>(rng.below(256));
        std::ofstream(folder / "v", std::ios::binary) << content;  // quicker than an atomic write, which syncs
        std::optional<Vocabulary> loaded;
        try {
            loaded = Vocabulary::load(folder / "v");
        } catch (const std::runtime_error&) {
            continue;
        }
        loaded->save(folder / "v");
        CHECK(read_file(folder / "v") == content);
    }
}

TEST_CASE("vocabulary: files that are refused, with path and line") {
    const std::string not_one = ":1: not a vocabulary: its first line would be \"embergrad vocabulary 1\"";
    check_refused("", not_one);
    check_refused(with("vocabulary 1", "vocabulary 3"), not_one);
    check_refused(with("vocabulary 1\n", "vocabulary 1\r\n"),
                  ":1: lines of a vocabulary end with \\n, not \\r\\n: convert it back (dos2unix)");
    check_refused("\xEF\xBB\xBF" + std::string(kFile), not_one);
    check_refused(with("lowercase 1", "lowercase yes"), ":2: lowercase \"yes\": must be 0 or 1");
    check_refused(with("lowercase 1\n", ""), ":2: expected \"lowercase ...\", found \"detach_punctuation 0\"");
    check_refused(with("specials pad unk", "specials unk pad"),
                  ":4: expected some of \" pad unk bos eos\" in this order, found \" unk pad\"");
    check_refused(with("tokens 5", "tokens 1"), ":5: 1 tokens, of which 2 special ones");
    check_refused(with("tokens 5", "tokens 4"), ":10: more than 4 tokens");
    check_refused(with("tokens 5", "tokens 6"), ":11: the file is cut short");
    check_refused(std::string(kFile) + "\n", ":11: more than 5 tokens");
    check_refused(with("the\t12", "the 12"), ":8: no tab in \"the 12\"");
    check_refused(with("the\t12", "\t12"), ":8: an empty token");
    check_refused(with("the\t12", "t e\t12"), ":8: white space in the token \"t e\"");
    check_refused(with("a\t3", "the\t3"), ":9: the token \"the\" is there twice");
    check_refused(with("a\t3", "<PAD>\t3"), ":9: the token \"<PAD>\" is there twice");
    check_refused(with("a\t3", "a\t13"), ":9: the count of \"a\" is above the one before it");
    check_refused(with("<UNK>\t0", "<UNK>\t1"), ":7: the special token \"<UNK>\" has a count of 1");
    check_refused(with("the\t12", "the\t0"), ":8: the word \"the\" has a count of 0");
}

TEST_CASE("vocabulary: texts that are split already, into characters for example") {
    const std::vector<Strings> texts = {{"a", " ", "b", " "}, {}, {"\n", "a", " ", "\t"}};
    const Vocabulary vocabulary = Vocabulary::build(texts, {.bos_token = {}, .eos_token = {}});
    CHECK(tokens_of(vocabulary) == Strings{"<PAD>", "<UNK>", " ", "a", "b", "\n", "\t"});
    CHECK(counts_of(vocabulary) == Ids{0, 0, 3, 2, 1, 1, 1});
    CHECK(vocabulary.encode({"b", " ", "a", "x"}) == Ids{4, 2, 3, 1});
    CHECK(tokens_of(Vocabulary::build(texts, {.min_freq = 2, .max_size = 5})) ==
          Strings{"<PAD>", "<UNK>", "<BOS>", "<EOS>", " "});
    const std::vector<Strings> empty = {{}, {"a", ""}};
    CHECK_THROWS_WITH_AS(Vocabulary::build(empty), "Vocabulary: token 1 of text 1 is empty", std::invalid_argument);
}

TEST_CASE("vocabulary: tokens of any bytes survive a file, white space too") {
    const TemporaryFolder folder;
    std::vector<Strings> texts(1);
    for (int byte = 0; byte < 256; ++byte) texts[0].push_back(std::string(1, static_cast<char>(byte)));
    for (const char* token : {"  ", "\\n", "\\", "\\s", "a b", "\t1", "\r\n", "caf\u00E9 \u00A0"})
        texts[0].push_back(token);
    const Vocabulary vocabulary = Vocabulary::build(texts);
    vocabulary.save(folder / "v");
    check_same(Vocabulary::load(folder / "v"), vocabulary);
    CHECK(read_file(folder / "v").starts_with("embergrad vocabulary 2\n"));
}

TEST_CASE("vocabulary: white space in tokens is escaped, and only then backslashes are") {
    const TemporaryFolder folder;
    const auto saved = [&](const Strings& tokens) {
        Vocabulary::build(std::vector<Strings>{tokens}, no_specials).save(folder / "v");
        return read_file(folder / "v");
    };
    const std::string rest = "\nlowercase 0\ndetach_punctuation 0\nspecials\ntokens ";
    CHECK(saved({"a", "\\n", "\\"}) == "embergrad vocabulary 1" + rest + "3\na\t1\n\\n\t1\n\\\t1\n");
    CHECK(saved({" ", "\t", "\n", "\v", "\f", "\r", "\\n"}) ==
          "embergrad vocabulary 2" + rest + "7\n\\s\t1\n\\t\t1\n\\n\t1\n\\v\t1\n\\f\t1\n\\r\t1\n\\\\n\t1\n");
}

TEST_CASE("vocabulary: escapes that mean nothing are refused") {
    const std::string begin = "embergrad vocabulary 2\nlowercase 0\ndetach_punctuation 0\nspecials\ntokens 2\n\\s\t1\n";
    const std::string wrong = " a backslash is followed by none of s t n v f r and \\";
    check_refused(begin + "a\\q\t1\n", ":7: in the token \"a\\q\"" + wrong);
    check_refused(begin + "a\\\t1\n", ":7: in the token \"a\\\"" + wrong);
    check_refused(begin + "a b\t1\n", ":7: white space in the token \"a b\"");
    check_refused(begin + "\\s\t1\n", ":7: the token \" \" is there twice");
    check_refused(with("vocabulary 1", "vocabulary 2"),
                  ":10: version 2 is for tokens with white space, and there are none");
}

TEST_CASE("vocabulary: hostile counts") {
    for (const std::string number : {"", "-1", "+5", "05", "5.0", "5 ", " 5", "5\t", "0x5", "five",
                                     "9223372036854775808", "99999999999999999999999999"}) {
        const std::string shown = number == "5\t" ? "5\\x09" : number;
        check_refused(with("tokens 5", "tokens " + number), ":5: \"" + shown + "\" is not a count");
        check_refused(with("the\t12", "the\t" + number), ":8: \"" + shown + "\" is not a count");
    }
    check_refused(with("tokens 5", "tokens 9223372036854775807"), ":11: the file is cut short");  // and no such room
}

TEST_CASE("vocabulary: a save that fails leaves the old file") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS(Vocabulary().save(folder / "missing/v"), std::runtime_error);
    CHECK_THROWS_AS(Vocabulary().save(folder.path()), std::runtime_error);
    CHECK_THROWS_AS(Vocabulary::load(folder / "v"), std::runtime_error);
    CHECK(folder.entries() == 0);
}

TEST_CASE("vocabulary: texts and ids in braces") {
    const std::string c = "c";
    const std::string_view d = "d d";
    CHECK(tokens_of(Vocabulary::build({"a b", "a"}, no_specials)) == Strings{"a", "b"});
    CHECK(tokens_of(Vocabulary::build({"a"}, no_specials)) == Strings{"a"});
    CHECK(tokens_of(Vocabulary::build({"a b", c, d}, no_specials)) == Strings{"d", "a", "b", "c"});
    CHECK(tokens_of(Vocabulary::build({c}, no_specials)) == Strings{"c"});
    CHECK(Vocabulary::build({}).size() == 4);
    const Strings texts = {"a b"};
    CHECK(tokens_of(Vocabulary::build({texts}, no_specials)) == Strings{"a", "b"});
    // Texts that are split already; two tokens are not the ends of a string.
    CHECK(tokens_of(Vocabulary::build({{"a", "b"}, {"a"}}, no_specials)) == Strings{"a", "b"});
    CHECK(tokens_of(Vocabulary::build({{"a b", "c"}}, no_specials)) == Strings{"a b", "c"});
    CHECK(tokens_of(Vocabulary::build({{c, c}, {}}, no_specials)) == Strings{"c"});
    CHECK(tokens_of(Vocabulary::build({{d}, {d}}, no_specials)) == Strings{"d d"});

    const Vocabulary vocabulary = Vocabulary::build({"a b", "a"}, no_specials);
    const int id = 1;
    CHECK(vocabulary.decode({0, 1, 0}) == "a b a");
    CHECK(vocabulary.decode({id}) == "b");
    CHECK(vocabulary.decode({}).empty());
    CHECK(vocabulary.decode(vocabulary.encode({"b", "a"})) == "b a");
    CHECK(vocabulary.decode(IdArray{1, 0}) == "b a");
    CHECK_THROWS_WITH_AS(vocabulary.decode({0, 7}),
                         "Vocabulary::decode: id 7 at position 1 is outside a vocabulary of 2 tokens",
                         std::out_of_range);
}

TEST_CASE("vocabulary: special tokens may hold white space: reserved like others, they survive a file") {
    const VocabularyOptions options{.pad_token = "\t", .unk_token = "not known", .bos_token = {}, .eos_token = "\n"};
    const Vocabulary vocabulary = Vocabulary::build({"a not known b", "a"}, options);
    CHECK(tokens_of(vocabulary) == Strings{"\t", "not known", "\n", "a", "not", "known", "b"});  // a text has words
    CHECK(vocabulary.encode("a not c") == Ids{3, 4, 1});
    const Vocabulary lines = Vocabulary::build({{"a", "\n", "not known"}, {"\t", " "}}, options);
    CHECK(tokens_of(lines) == Strings{"\t", "not known", "\n", "a", " "});  // none of theirs is counted
    CHECK(lines.encode({"a", "\n", "\t", " "}) == Ids{3, 1, 1, 4});
    const TemporaryFolder folder;
    for (const Vocabulary& saved : {vocabulary, lines, Vocabulary(options)}) {
        saved.save(folder / "v");
        check_same(Vocabulary::load(folder / "v"), saved);
    }
}

TEST_CASE("vocabulary: one that is moved to itself keeps its tokens") {
    Vocabulary vocabulary = Vocabulary::build(std::vector<std::string>{"a b"});
    Vocabulary& same = vocabulary;
    vocabulary = std::move(same);
    CHECK(vocabulary.decode(vocabulary.encode("a b")) == "a b");
}
