// The words of an array's rows.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <embergrad/engine/system/file.hpp>
#include <embergrad/tests/temporary_folder.hpp>
#include <embergrad/vectors/word_list.hpp>

using namespace embergrad;
using detail::WordList;

namespace {

std::vector<std::string> words_of(const std::string& text) {
    const TemporaryFolder folder;
    write_file_atomically(folder / "words", text);
    const WordList list(folder / "words");
    std::vector<std::string> words;
    for (std::size_t row = 0; row < list.size(); ++row) words.emplace_back(list[row]);
    return words;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("word list: a word a line, whatever ends the lines") {
    const Words three = {"the", "caf\u00E9", "\xFF"};
    CHECK(words_of("the\ncaf\u00E9\n\xFF\n") == three);
    CHECK(words_of("the\ncaf\u00E9\n\xFF") == three);
    CHECK(words_of("the\r\ncaf\u00E9\r\n\xFF\r\n") == three);
    CHECK(words_of("\xEF\xBB\xBFthe\ncaf\u00E9\n\xFF\n") == three);
    CHECK(words_of("").empty());
}

TEST_CASE("word list: a word is all of its line") {
    CHECK(words_of(" a b \n\tc\r\r\na\tb\na\n") == Words{" a b ", "\tc\r", "a\tb", "a"});
    CHECK(words_of("a\n\xEF\xBB\xBF\n") == Words{"a", "\xEF\xBB\xBF"});
    CHECK(words_of("a\nembergrad vocabulary 1\n") == Words{"a", "embergrad vocabulary 1"});
}

TEST_CASE("word list: an empty line is an error that says where") {
    const TemporaryFolder folder;
    const std::string path = (folder / "words").string();
    const auto refuse = [&](const std::string& text, const std::string& line, const std::string& row) {
        write_file_atomically(path, text);
        const std::string message = path + ":" + line + ": an empty line, where the word of row " + row + " should be";
        CHECK_THROWS_WITH_AS(WordList(std::filesystem::path(path)), message.c_str(), std::runtime_error);
    };
    refuse("\n", "1", "0");
    refuse("a\n\nb\n", "2", "1");
    refuse("a\r\n\r\n", "2", "1");
    refuse("\xEF\xBB\xBF\na\n", "1", "0");
    CHECK_THROWS_WITH_AS(WordList(folder / "none"),
                         ("cannot read " + (folder / "none").string() + ": No such file or directory").c_str(),
                         std::runtime_error);
}

TEST_CASE("word list: a vocabulary gives its tokens by id, a damaged one is refused") {
    const TemporaryFolder folder;
    const std::vector<std::string> texts = {"b a b c b a"};
    Vocabulary::build(texts, {.bos_token = {}, .eos_token = {}}).save(folder / "vocabulary");
    const std::string saved = read_file(folder / "vocabulary");
    CHECK(words_of(saved) == Words{"<PAD>", "<UNK>", "b", "a", "c"});
    for (std::size_t size = 22; size < saved.size(); ++size) {
        CAPTURE(size);
        CHECK_THROWS_AS(words_of(saved.substr(0, size)), std::runtime_error);
    }
    CHECK_THROWS_AS(words_of("embergrad vocabulary 1\r\n"), std::runtime_error);  // and no list of words
}

TEST_CASE("word list: a list may come from a pipe, and so may a vocabulary") {
    const TemporaryFolder folder;
    const std::filesystem::path pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer([&] { std::ofstream(pipe) << "a\nb\n"; });
    CHECK(WordList(pipe).size() == 2);
    writer.join();
    const std::string saved =
        "embergrad vocabulary 1\nlowercase 0\ndetach_punctuation 0\nspecials pad\ntokens 2\n<PAD>\t0\nthe\t5\n";
    writer = std::thread([&] { std::ofstream(pipe) << saved; });
    const WordList list(pipe);
    writer.join();
    REQUIRE(list.size() == 2);
    CHECK(list[1] == "the");
}
