// Files of labelled lines, well-formed and not.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/system/file.hpp>
#include <embergrad/tests/temporary_folder.hpp>
#include <embergrad/text/labelled_text.hpp>

using namespace embergrad;
using namespace std::string_literals;

namespace {

using Strings = std::vector<std::string>;
using Ids = std::vector<std::int64_t>;

LabelledText read(std::string_view content) {
    const TemporaryFolder folder;
    write_file_atomically(folder / "data.tsv", content);
    return read_labelled_text(folder / "data.tsv");
}

void check_error(std::string_view content, const std::string& where_and_what) {
    const TemporaryFolder folder;
    write_file_atomically(folder / "data.tsv", content);
    const std::string message = (folder / "data.tsv").string() + where_and_what;
    CHECK_THROWS_WITH_AS(read_labelled_text(folder / "data.tsv"), message.c_str(), std::runtime_error);
}

}  // namespace

TEST_CASE("labelled text: labels are numbered by their sorted names") {
    const LabelledText data = read("sports\tThe match\nart\tA painting\nsports\tA goal\n");
    CHECK(data.texts == Strings{"The match", "A painting", "A goal"});
    CHECK(data.labels == Ids{1, 0, 1});
    CHECK(data.label_names == Strings{"art", "sports"});
}

TEST_CASE("labelled text: labels of any spelling") {
    const LabelledText data = read("10\ta\n9\tb\nvery good\tc\n\u00E9t\u00E9\td\n 9\te\n");
    CHECK(data.label_names == Strings{" 9", "10", "9", "very good", "\u00E9t\u00E9"});
    CHECK(data.labels == Ids{1, 2, 3, 4, 0});
}

TEST_CASE("labelled text: CRLF, a byte order mark, and no newline at the end") {
    const LabelledText data = read(
        "\xEF\xBB\xBF"
        "a\tone\r\nb\ttwo\r\na\tthree");
    CHECK(data.texts == Strings{"one", "two", "three"});
    CHECK(data.label_names == Strings{"a", "b"});
    CHECK(read("a\tone\r").texts == Strings{"one"});
    CHECK(read("a\tone\rtwo\n").texts == Strings{"one\rtwo"});
}

TEST_CASE("labelled text: texts may be empty and hold tabs, no-break spaces and byte order marks") {
    CHECK(read("a\t\nb\t\r\n").texts == Strings{"", ""});
    CHECK(read("a\tone\ttwo\t\n").texts == Strings{"one\ttwo\t"});
    CHECK(read("a\t10\u00A0000 \n\xEF\xBB\xBF"
               "a\tx\n")
              .texts == Strings{"10\u00A0000 ", "x"});
}

TEST_CASE("labelled text: an empty file has no texts") {
    const LabelledText data = read("");
    CHECK(data.texts.empty());
    CHECK(data.label_names.empty());
}

TEST_CASE("labelled text: a bad line is an error with path and line") {
    const std::string blank = ": a blank line, where a label, a tab and a text should be";
    check_error("a\tone\n\nb\ttwo\n", ":2" + blank);
    check_error("a\tone\r\n \r\n\nb\ttwo", ":2" + blank);
    check_error("\n\t\n", ":1" + blank);
    check_error("a\tone\nno label here\n",
                ":2: no tab between label and text in \"no label here\"; a space does not part them");
    check_error("a\tone\nlabel\n", ":2: no tab between label and text in \"label\"");
    check_error("\tone\n", ":1: an empty label");
}

TEST_CASE("labelled text: another encoding is an error that names the cure") {
    const std::string cure =
        " of the line is not UTF-8; convert the file from its encoding (iconv -f WINDOWS-1252 -t UTF-8, if that is it)";
    check_error("a\tone\nb\tcaf\xE9\n", ":2: byte 6" + cure);
    check_error(
        "\xEF\xBB\xBF"
        "a\t\xED\xA0\x80\n",
        ":1: byte 3" + cure);
    for (const std::string& wide : {"\xFF\xFE"
                                    "a\0\t\0x\0\n\0"s,
                                    "\xFE\xFF\0a\0\t\0x\0\n"s, "s\0p\0a\0m\0\t\0x\0\n\0"s, "\0s\0p\0a\0m\0\t\0x\0\n"s})
        check_error(wide, ":1: the text is in UTF-16; convert it (iconv -f UTF-16 -t UTF-8)");
}

TEST_CASE("labelled text: other formats are told by name, with what to do") {
    check_error("spam,Buy now\n",
                ":1: no tab between label and text in \"spam,Buy now\"; if this is CSV, save it with tabs "
                "between its columns, the label first, and without quotes");
    check_error(
        "__label__spam Buy, now\n",
        ":1: no tab between label and text in \"__label__spam Buy, now\"; that looks like fastText's format: put the "
        "label and a tab before the text (sed 's/^__label__\\([^ ]*\\) */\\1\\t/')");
    check_error(
        "{\"label\": 1, \"text\": \"x\"}\n",
        ":1: no tab between label and text in \"{\"label\": 1, \"text\": \"x\"}\"; that looks like JSON: write lines "
        "of a label, a tab and a text");
    CHECK(read("__label__spam\tBuy, now\n").label_names == Strings{"__label__spam"});
}

TEST_CASE("labelled text: blank lines at the end are no texts") {
    for (const char* end : {"\n", "\r\n\r\n", " \n", "\n\n  \n ", " "}) {
        const LabelledText data = read("a\tone\nb\ttwo\n" + std::string(end));
        CHECK(data.texts == Strings{"one", "two"});
    }
    CHECK(read("\n\n").texts.empty());
}

TEST_CASE("labelled text: a missing file is an error with its path") {
    CHECK_THROWS_WITH_AS(read_labelled_text("/nowhere/data.tsv"),
                         "cannot read /nowhere/data.tsv: No such file or directory", std::runtime_error);
}

TEST_CASE("labelled text: test data gets the numbers of the training labels") {
    const TemporaryFolder folder;
    const Strings names = {"spam", "ham", "other"};
    write_file_atomically(folder / "a", "ham\tone\nspam\ttwo\n");
    const LabelledText data = read_labelled_text(folder / "a", names);
    CHECK(data.labels == Ids{1, 0});
    CHECK(data.label_names == names);
}

TEST_CASE("labelled text: a label that training did not know, names that repeat") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "ham\tone\neggs\ttwo\n");
    const Strings names = {"spam", "ham"}, twice = {"spam", "spam"};
    const std::string message = (folder / "a").string() + ":2: the label \"eggs\" is not one of the 2 known";
    CHECK_THROWS_WITH_AS(read_labelled_text(folder / "a", names), message.c_str(), std::runtime_error);
    CHECK_THROWS_WITH_AS(read_labelled_text(folder / "a", twice),
                         "read_labelled_text: the label name \"spam\" is there twice", std::invalid_argument);
}
