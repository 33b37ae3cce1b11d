// Lines and the places of their errors.
#include <doctest/doctest.h>

#include <string>

#include <embergrad/engine/system/file.hpp>
#include <embergrad/tests/temporary_folder.hpp>
#include <embergrad/text/line_reader.hpp>

using namespace embergrad;

TEST_CASE("line reader: lines end with a newline, the last one may not") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "one\n\nthree\r\nfour");
    LineReader lines(folder / "a");
    CHECK(lines.next() == "one");
    CHECK(lines.next() == "");
    CHECK(lines.next() == "three\r");
    CHECK(lines.complete());
    CHECK(lines.next() == "four");
    CHECK_FALSE(lines.complete());
    CHECK(lines.next() == std::nullopt);
}

TEST_CASE("line reader: lines of a text are read without what programs put around them") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "\xEF\xBB\xBFone\r\n\xEF\xBB\xBF\r\r\n\r\nfour");
    LineReader lines(folder / "a");
    CHECK(lines.next_text() == "one");
    CHECK(lines.next_text() == "\xEF\xBB\xBF\r");
    CHECK(lines.next_text() == "");
    CHECK(lines.next_text() == "four");
    CHECK(lines.next_text() == std::nullopt);
}

TEST_CASE("line reader: back at the first line everything is read again") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "\xEF\xBB\xBFone\r\ntwo");
    LineReader lines(folder / "a");
    CHECK(lines.next_text() == "one");
    CHECK(lines.rest() == "two");
    CHECK(lines.next_text() == "two");
    lines.rewind();
    CHECK(lines.next_text() == "one");
    const std::string message = (folder / "a").string() + ":1: bad";
    CHECK_THROWS_WITH_AS(lines.fail("bad"), message.c_str(), std::runtime_error);
}

TEST_CASE("line reader: an empty file has no lines, one newline is one empty line") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "");
    CHECK(LineReader(folder / "a").next() == std::nullopt);
    write_file_atomically(folder / "a", "\n");
    LineReader lines(folder / "a");
    CHECK(lines.next() == "");
    CHECK(lines.next() == std::nullopt);
}

TEST_CASE("line reader: errors carry path and line") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "one\ntwo\n");
    LineReader lines(folder / "a");
    lines.next();
    lines.next();
    const std::string message = (folder / "a").string() + ":2: bad 7";
    CHECK_THROWS_WITH_AS(lines.fail("bad ", 7), message.c_str(), std::runtime_error);
}

TEST_CASE("line reader: quotes are short and printable") {
    CHECK(in_quotes("") == "\"\"");
    CHECK(in_quotes("caf\u00E9") == "\"caf\u00E9\"");
    CHECK(in_quotes("a\tb\r\x7F\xFF") == "\"a\\x09b\\x0d\\x7f\\xff\"");
    // The controls of C1, in UTF-8: U+009B begins an order to a terminal as escape and [ do. U+00A0 is none.
    CHECK(in_quotes("a\xC2\x80\xC2\x9B\xC2\x9F\xC2\xA0") == "\"a\\xc2\\x80\\xc2\\x9b\\xc2\\x9f\xC2\xA0\"");
    CHECK(in_quotes(std::string(1, '\0')) == "\"\\x00\"");
    CHECK(in_quotes(std::string(1000, 'x')) == "\"" + std::string(59, 'x') + "...\"");
}
