// The bytes of a file of arrays: read, converted, passed over, and met at their end.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/io/array_source.hpp>

using namespace embergrad;
using detail::ArraySource;
using detail::StoredReal;

namespace {

ArraySource source_of(const std::string& bytes) {
    return {"file", "kind", detail::plain_source(std::as_bytes(std::span(bytes)))};
}

/// A million bytes, of a number that is not known before.
struct MillionBytes : detail::ByteSource {
    std::size_t left = 1'000'000, largest = 0;
    std::size_t read(std::span<char> buffer) override {
        largest = std::max(largest, buffer.size());
        const std::size_t n = std::min(buffer.size(), left);
        std::fill_n(buffer.begin(), n, 'x');
        left -= n;
        return n;
    }
};

std::string bytes_of(const std::vector<float>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

}  // namespace

TEST_CASE("array source: bytes come in order, and the position says how many have come") {
    const std::string bytes = "abcdefgh";
    ArraySource source = source_of(bytes);
    CHECK(source.size() == 8);
    CHECK(source.read_up_to(3) == "abc");
    source.skip(2);
    CHECK(source.position() == 5);
    CHECK(source.read_up_to(0) == "");
    CHECK(source.read_up_to(1'000'000'000'000) == "fgh");
    CHECK(source.position() == 8);
    source.check_end();
}

TEST_CASE("array source: room is made as the bytes come") {
    auto bytes = std::make_unique<MillionBytes>();
    const std::size_t& largest = bytes->largest;
    ArraySource source("file", "kind", std::move(bytes));
    CHECK(source.size() == std::nullopt);
    CHECK(source.read_up_to(1'000'000'000'000) == std::string(1'000'000, 'x'));
    CHECK(largest <= 1'000'000);
}

TEST_CASE("array source: an end that comes too early or too late is an error") {
    const std::string bytes = bytes_of({1, 2});
    const std::string five = bytes.substr(0, 5);
    Real numbers[3];
    for (const StoredReal type : {StoredReal::f32, StoredReal::f64, StoredReal::f16}) {
        ArraySource source = source_of(five);
        CHECK_THROWS_WITH_AS(source.read_reals(type, numbers), "file: kind: the file ends too early, after 5 bytes",
                             std::runtime_error);
    }
    ArraySource skipping = source_of(bytes);
    CHECK_THROWS_WITH_AS(skipping.skip(9), "file: kind: the file ends too early, after 8 bytes", std::runtime_error);
    ArraySource longer = source_of(bytes);
    longer.read_reals(StoredReal::f32, std::span(numbers).first(1));
    CHECK(numbers[0] == 1);
    CHECK_THROWS_WITH_AS(longer.check_end(), "file: kind: there are bytes behind the data, which ends at byte 4",
                         std::runtime_error);
}

TEST_CASE("array source: numbers of another width are converted block by block") {
    std::vector<float> floats(40'000);
    std::iota(floats.begin(), floats.end(), 0.0f);
    const std::string bytes = bytes_of(floats);
    ArraySource source = source_of(bytes);
    std::vector<Real> numbers(floats.size());
    source.read_reals(StoredReal::f32, numbers);
    CHECK(std::equal(numbers.begin(), numbers.end(), floats.begin()));
    source.read_reals(StoredReal::f64, {});
    source.check_end();
}

TEST_CASE("array source: skipping what is longer than a block") {
    const std::string bytes = std::string(200'000, 'a') + 'b';
    ArraySource source = source_of(bytes);
    source.skip(200'000);
    CHECK(source.read_up_to(2) == "b");
}

TEST_CASE("array source: sizes are products that fit 63 bits, or nothing") {
    using detail::stored_size;
    CHECK(stored_size(stored_size(StoredReal::f64), Shape{}) == 8);
    CHECK(stored_size(stored_size(StoredReal::bf16), Shape{3, 5}) == 30);
    CHECK(stored_size(stored_size(StoredReal::f32), Shape{3, 0}) == 0);
    CHECK(stored_size(stored_size(StoredReal::f16), Shape{std::size_t{1} << 61}) == std::uint64_t{1} << 62);
    CHECK(stored_size(stored_size(StoredReal::f32), Shape{std::size_t{1} << 61}) == std::nullopt);
    CHECK(stored_size(stored_size(StoredReal::f32), Shape{0, std::size_t{1} << 62, 8}) == std::nullopt);
}
