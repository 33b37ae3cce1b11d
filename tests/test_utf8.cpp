// Reading UTF-8 and making letters small.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include <embergrad/text/utf8.hpp>

using namespace embergrad;

TEST_CASE("utf8: code points of one to four bytes") {
    CHECK(first_code_point("a!").value == U'a');
    CHECK(first_code_point("\u00E9!").value == 0xE9);
    CHECK(first_code_point("\u20AC!").value == 0x20AC);
    CHECK(first_code_point("\U0001F600!").value == 0x1F600);
    CHECK(first_code_point("\U0001F600!").length == 4);
    CHECK(first_code_point(std::string_view("\0", 1)).length == 1);
    CHECK(first_code_point("\U0010FFFF").value == 0x10FFFF);
}

TEST_CASE("utf8: what RFC 3629 forbids is not UTF-8") {
    for (const std::string_view bytes :
         {"", "\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF",
          "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xC3(", "\xE2\x82",
          "\xE2\x82(", "\xF0\x9F\x98", "\xF0\x9F\x98("}) {
        INFO("length ", bytes.size());
        CHECK(first_code_point(bytes).length == 0);
    }
}

TEST_CASE("utf8: the first bad byte is found") {
    CHECK(valid_utf8_length("") == 0);
    CHECK(valid_utf8_length("caf\u00E9 \U0001F600") == 10);
    CHECK(valid_utf8_length("caf\u00E9\xE9 au lait") == 5);
    CHECK(valid_utf8_length("cut \xE2\x82") == 4);
}

TEST_CASE("utf8: other encodings are told by a mark or by zeros") {
    using namespace std::string_literals;
    CHECK(wide_encoding("\xFF\xFE"
                        "a\0"s) == "UTF-16");
    CHECK(wide_encoding("\xFE\xFF\0a"s) == "UTF-16");
    CHECK(wide_encoding("\0\0\xFE\xFF\0\0\0a"s) == "UTF-32");
    CHECK(wide_encoding("h\0a\0m\0\t\0"s) == "UTF-16");
    CHECK(wide_encoding("\0h\0a\0m\0\t"s) == "UTF-16");
    CHECK(wide_encoding("h\0\0\0a\0\0\0"s) == "UTF-32");
    for (const std::string& text :
         {""s, "a\0b\0"s, "hello, world"s, "caf\u00E9"s, "h\0a\0m\0\0s"s, std::string(64, '\0'), "ab\0cd\0ef"s})
        CHECK(wide_encoding(text) == "");
}

TEST_CASE("utf8: capitals of Latin, Greek, Cyrillic and Armenian become small") {
    CHECK(lowercase("Hello, WORLD 123 @[`{") == "hello, world 123 @[`{");
    CHECK(lowercase("ÀÉÎÕÜÞ×ß÷ ĀĞĲĶĹŇŊŶŸŹŽ ĸŉſ") == "àéîõüþ×ß÷ āğĳķĺňŋŷÿźž ĸŉſ");
    CHECK(lowercase("ẼỄỲỸ ȘȚ ǍǛ") == "ẽễỳỹ șț ǎǜ");
    CHECK(lowercase("ΆΈΊΌΎΏ ΑΡΣΩΪΫ ς") == "άέίόύώ αρσωϊϋ ς");
    CHECK(lowercase("ЀЏ АЯЁ ҐӁӀ") == "ѐџ аяё ґӂӏ");
    CHECK(lowercase("ԱՖ") == "աֆ");
}

TEST_CASE("utf8: a small letter may be shorter than its capital") {
    CHECK(lowercase("İI") == "ii");
    CHECK(lowercase("STRAẞE") == "straße");
}

TEST_CASE("utf8: other scripts and bytes that are not UTF-8 pass through lowercase") {
    const std::string text = "\u4F60\u597D \U0001F600 \xFF\xC3 \xE2\x82";
    CHECK(lowercase(text) == text);
    CHECK(lowercase("A\xC3"
                    "B") ==
          "a\xC3"
          "b");
    CHECK(lowercase(std::string_view("A\0B", 3)) == std::string_view("a\0b", 3));
    CHECK(lowercase("").empty());
}
