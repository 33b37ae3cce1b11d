// The table of tokens beneath vocabularies and word vectors: numbers, counts, and look-ups that stay short.
#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <embergrad/engine/system/memory.hpp>
#include <embergrad/text/token_table.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;
using embergrad::detail::ReadableMemory;
using embergrad::detail::TokenTable;

namespace {

using Views = std::vector<std::string_view>;

/// prefix, then i in 8 hexadecimal digits, then suffix.
std::vector<std::string> tokens_around(const std::string& prefix, const std::string& suffix, unsigned count) {
    std::vector<std::string> tokens;
    for (unsigned i = 0; i < count; ++i) {
        char digits[16];
        std::snprintf(digits, sizeof(digits), "%08x", i);
        tokens.push_back(prefix + digits + suffix);
    }
    return tokens;
}

}  // namespace

TEST_CASE("token table: tokens are numbered as they come and counted, one by one or many at once") {
    TokenTable table;
    CHECK(table.find("a") == -1);
    CHECK(table.add("b", 3) == 0);
    CHECK(table.add("a", 0) == 1);
    CHECK(table.add("b", 2) == 0);
    table.add(Views{"c", "a", "c", ""});
    CHECK(table.size() == 4);
    CHECK(table.token(2) == "c");
    CHECK(table.count(0) == 5);
    CHECK(table.count(1) == 1);
    CHECK(table.count(2) == 2);
    CHECK(table.find("") == 3);
    std::vector<std::int64_t> numbers(4);
    table.find(Views{"", "x", "c", "b"}, numbers);
    CHECK(numbers == std::vector<std::int64_t>{3, -1, 2, 0});
    TokenTable().find(Views{"a", "b"}, std::span(numbers).first(2));
    CHECK(numbers == std::vector<std::int64_t>{-1, -1, 2, 0});
}

TEST_CASE("token table: tokens of every length, that differ in one byte anywhere, are told apart") {
    TokenTable table;
    std::vector<std::string> tokens;
    for (std::size_t length = 0; length <= 40; ++length) {
        tokens.emplace_back(length, '\0');
        for (std::size_t at = 0; at < length; ++at) {
            tokens.emplace_back(length, '\0');
            tokens.back()[at] = '\1';
        }
    }
    table.add(Views(tokens.begin(), tokens.end()));
    CHECK(table.size() == tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) CHECK(table.find(tokens[i]) == static_cast<std::int64_t>(i));
}

TEST_CASE("token table: tokens of one text are the same with its memory given and without") {
    std::string text;  // tokens of 0 to 40 bytes, zeros among them, the short ones next to the end as well
    std::vector<std::pair<std::size_t, std::size_t>> places;
    for (std::size_t i = 0; i <= 80; ++i) {
        const std::size_t length = i <= 40 ? i : 80 - i;
        places.emplace_back(text.size(), length);
        for (std::size_t at = 0; at < length; ++at) text += static_cast<char>(at % 3 == 2 ? 0 : 'a' + (i + at) % 26);
    }
    const std::vector<char> whole(text.begin(), text.end());  // no byte more may be read
    Views tokens;
    for (const auto& [begin, length] : places) tokens.emplace_back(whole.data() + begin, length);
    const ReadableMemory memory({whole.data(), whole.size()});

    TokenTable one_by_one, of_the_text;
    for (const std::string_view token : tokens) one_by_one.add(token, 1);
    of_the_text.add(tokens, memory);
    REQUIRE(of_the_text.size() == one_by_one.size());
    std::vector<std::int64_t> expected(tokens.size()), without(tokens.size()), with(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) expected[i] = one_by_one.find(tokens[i]);
    of_the_text.find(tokens, without);
    one_by_one.find(tokens, with, memory);
    CHECK(without == expected);
    CHECK(with == expected);
    for (std::size_t i = 0; i < one_by_one.size(); ++i) CHECK(of_the_text.count(i) == one_by_one.count(i));
}

TEST_CASE("token table: tokens of another table are appended with their counts, in the order asked for") {
    const std::vector<std::string> tokens = tokens_around("word ", " of more than 16 bytes", 500);
    TokenTable from, table;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        from.add(tokens[i], static_cast<std::int64_t>(i));
        from.add(tokens[i].substr(0, 13), 1);
    }
    table.add("first", 7);
    std::vector<std::size_t> numbers;
    for (std::size_t number = from.size(); number > 0; number -= 2) numbers.push_back(number - 1 - number % 4 / 2);
    table.append(from, numbers);
    REQUIRE(table.size() == 1 + numbers.size());
    CHECK(table.count(0) == 7);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        CHECK(table.token(i + 1) == from.token(numbers[i]));
        CHECK(table.find(from.token(numbers[i])) == static_cast<std::int64_t>(i + 1));
        CHECK(table.count(i + 1) == from.count(numbers[i]));
    }
    CHECK(table.find(from.token(numbers[0] ^ 1)) == -1);
    CHECK(table.add("first", 1) == 0);
    CHECK(table.add("next", 1) == static_cast<std::int64_t>(numbers.size() + 1));
}

TEST_CASE("token table: copies grow on their own, a moved table is what it was") {
    TokenTable table;
    for (int i = 0; i < 100; ++i) table.add(std::to_string(i), i);
    TokenTable copy = table;
    for (int i = 100; i < 1000; ++i) copy.add("a longer token, number " + std::to_string(i), 1);
    copy.add("7", 1);
    CHECK(table.size() == 100);
    CHECK(table.count(7) == 7);
    CHECK(copy.size() == 1000);
    CHECK(copy.count(7) == 8);
    const TokenTable moved = std::move(table);
    CHECK(moved.find("99") == 99);
    CHECK(moved.count(99) == 99);
    table = TokenTable(copy);
    CHECK(table.find("a longer token, number 999") == 999);
}

TEST_CASE("token table: at most two thirds of the slots are in use, whatever comes at once") {
    const std::vector<std::string> tokens = tokens_around("", "", 3000);
    const Views views(tokens.begin(), tokens.end());
    for (std::size_t room = 0; room < 200; ++room) {
        for (const std::size_t first : std::array<std::size_t, 4>{0, 42, 85, room}) {
            TokenTable table;
            table.reserve(room);
            table.add(std::span(views).first(first));
            CHECK(table.load_factor() <= 2. / 3);
            table.add(std::span(views).subspan(first, 64));
            CHECK(table.load_factor() <= 2. / 3);
            table.add(views);
            CHECK(table.load_factor() <= 2. / 3);
            CHECK(table.size() == views.size());
            CHECK(table.find(tokens.back()) == 2999);
            CHECK(table.find("absent") == -1);
        }
    }
}

TEST_CASE("token table: the same as a map of the standard library, over random tokens") {
    constexpr std::uint64_t kSeed = 11;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    std::unordered_map<std::string, std::int64_t> counts;
    TokenTable table;
    std::vector<std::string> block;
    for (int round = 0; round < 2000; ++round) {
        block.clear();
        for (std::uint64_t i = rng.below(80); i > 0; --i) {
            std::string token(rng.below(20), ' ');
            for (char& byte : token) byte = static_cast<char>('a' + rng.below(3));
            ++counts[token];
            block.push_back(token);
        }
        table.add(Views(block.begin(), block.end()));
    }
    CHECK(table.size() == counts.size());
    for (const auto& [token, count] : counts) {
        const std::int64_t number = table.find(token);
        REQUIRE(number >= 0);
        CHECK(table.count(static_cast<std::size_t>(number)) == count);
    }
}

TEST_CASE("token table: look-ups stay short whatever tokens have in common") {
    const std::vector<std::pair<std::string, std::string>> around = {{"", ""},
                                                                     {"a", ""},
                                                                     {"user", ""},
                                                                     {"same8byt", ""},
                                                                     {"", "same8byt"},
                                                                     {"order-20", ""},
                                                                     {"", "x"},
                                                                     {"\xD0\xBF\xD1\x80\xD0\xB8\xD0\xB2", ""},
                                                                     {"a long prefix of many bytes", ""},
                                                                     {"", "a long suffix of many bytes"}};
    for (const auto& both : around) {
        INFO("between \"", both.first, "\" and \"", both.second, "\"");
        const std::vector<std::string> tokens = tokens_around(both.first, both.second, 50'000);
        TokenTable table, full;  // 131,072 and 76,000 slots
        full.reserve(38'000);
        table.add(Views(tokens.begin(), tokens.end()));
        full.add(Views(tokens.begin(), tokens.end()));
        CHECK(table.size() == tokens.size());
        CHECK(full.size() == tokens.size());
        CHECK(full.load_factor() > 0.65);
        CHECK(table.longest_probe() < 200);  // about 40 where hashes are as good as random
        CHECK(full.longest_probe() < 400);   // about 150
    }
}

TEST_CASE("token table: room is made for what is promised, but never for much more than has come") {
    TokenTable table;
    const std::uint64_t before = memory_stats().system_bytes;
    for (int i = 0; i < 600'000; ++i) {
        table.make_room(1, 1'000'000'000);
        table.add("w" + std::to_string(i), 1);
    }
    CHECK(memory_stats().system_bytes - before < 1'000'000'000);
    for (int i = 0; i < 600'000; ++i) CHECK_EQ(table.find("w" + std::to_string(i)), i);
}
