// Safetensors files: what is written and read back, and every way a file can be wrong.
#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <embergrad/engine/system/file.hpp>
#include <embergrad/io/safetensors.hpp>

using namespace embergrad;
namespace fs = std::filesystem;

namespace {

using Bits = std::conditional_t<sizeof(Real) == 8, std::uint64_t, std::uint32_t>;
using Metadata = std::map<std::string, std::string>;
const Metadata kOwnMetadata = {{"embergrad", "1"}, {"format", "pt"}};
const std::string kRealName = sizeof(Real) == 8 ? "F64" : "F32";

/// A folder for each test, gone at the end.
class Folder {
public:
    Folder() : path_(fs::temp_directory_path() / ("embergrad-safetensors-" + std::to_string(::getpid()))) {
        fs::create_directories(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { fs::remove_all(path_); }
    fs::path operator/(const std::string& name) const { return path_ / name; }
    bool empty() const { return fs::is_empty(path_); }

private:
    fs::path path_;
};

std::string length_bytes(std::uint64_t length) {
    std::string bytes(8, '\0');
    for (char& byte : bytes) {
        byte = static_cast<char>(length & 0xFF);
        length >>= 8;
    }
    return bytes;
}

/// A file put together without our writer.
std::string file_of(const std::string& header, const std::string& data = "") {
    return length_bytes(header.size()) + header + data;
}

std::string file_of(const std::string& header, std::size_t zeros) { return file_of(header, std::string(zeros, '\0')); }

SafeTensors parse(const std::string& bytes) { return parse_safetensors(std::as_bytes(std::span(bytes)), "test"); }

void refuse(const std::string& bytes, const std::string& message) {
    CHECK_THROWS_WITH_AS(parse(bytes), ("test: safetensors: " + message).c_str(), std::runtime_error);
}

/// One tensor "a", its fields as given, in front of eight bytes of data.
void refuse_fields(const std::string& fields, const std::string& message) {
    refuse(file_of("{\"a\":{" + fields + "}}", 8), message);
}

Array array_of(const Shape& shape, const std::vector<Real>& values) {
    Array array(shape);
    REQUIRE(array.size() == values.size());
    std::copy(values.begin(), values.end(), array.data());
    return array;
}

bool same_bits(const Array& a, const Array& b) {
    return a.shape() == b.shape() && (a.size() == 0 || std::memcmp(a.data(), b.data(), a.size() * sizeof(Real)) == 0);
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::vector<Real> values_of(const Array& array) { return {array.data(), array.data() + array.size()}; }

/// Three tensors of three dtypes in 20 bytes, out of order in the header, and metadata.
std::string small_file() {
    return file_of(R"({"b":{"dtype":"F16","shape":[2],"data_offsets":[12,16]},"__metadata__":{"k":"v"},)"
                   R"("a":{"dtype":"F32","shape":[1,3],"data_offsets":[0,12]},)"
                   R"("c":{"dtype":"BF16","shape":[2],"data_offsets":[16,20]}})",
                   20);
}

}  // namespace

TEST_CASE("safetensors: what is saved comes back bit for bit, in the file's order") {
    const Folder folder;
    using Limits = std::numeric_limits<Real>;
    const Bits infinity = std::bit_cast<Bits>(Limits::infinity());
    const Real quiet_payload =
        std::bit_cast<Real>(static_cast<Bits>(std::bit_cast<Bits>(Limits::quiet_NaN()) | 0x1234));
    const Real signalling = std::bit_cast<Real>(static_cast<Bits>(infinity | 1));
    StateDict tensors;
    tensors.emplace_back("z.weight", array_of({2, 5}, {quiet_payload, signalling, -quiet_payload, Limits::infinity(),
                                                       -Limits::infinity(), Real{-0.0}, Limits::denorm_min(),
                                                       -Limits::denorm_min(), Limits::max(), Limits::lowest()}));
    tensors.emplace_back("scalar", array_of({}, {static_cast<Real>(0.1)}));
    tensors.emplace_back("empty", Array(Shape{0}));
    tensors.emplace_back("no rows", Array(Shape{0, 128}));
    tensors.emplace_back("no columns", Array(Shape{7, 0}));
    tensors.emplace_back("six axes", array_of({1, 2, 1, 1, 3, 1}, {1, 2, 3, 4, 5, 6}));
    tensors.emplace_back("\"\\\n\t\x01 \xC3\xA9 \xF0\x9F\x94\xA5", array_of({1}, {3}));
    const Metadata metadata = {{"step", "12"}, {"quote\"", "line\nline"}, {"", ""}};

    save_safetensors(folder / "model", tensors, metadata);
    const SafeTensors loaded = load_safetensors(folder / "model");

    std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    REQUIRE(loaded.tensors.size() == tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        CAPTURE(tensors[i].first);
        CHECK(loaded.tensors[i].first == tensors[i].first);
        CHECK(same_bits(loaded.tensors[i].second, tensors[i].second));
    }
    Metadata expected = metadata;
    expected.insert(kOwnMetadata.begin(), kOwnMetadata.end());
    CHECK(loaded.metadata == expected);
}

TEST_CASE("safetensors: the bytes written are the reference writer's") {
    const Folder folder;
    const StateDict tensors = {{"b", array_of({2}, {1, -2})}, {"a", array_of({}, {0.5})}, {"A", Array(Shape{0, 3})}};
    save_safetensors(folder / "model", tensors, {{"z", "1"}});

    const std::size_t r = sizeof(Real);
    std::string header = R"({"__metadata__":{"embergrad":"1","format":"pt","z":"1"},)";
    header += R"("A":{"dtype":")" + kRealName + R"(","shape":[0,3],"data_offsets":[0,0]},)";
    header += R"("a":{"dtype":")" + kRealName + R"(","shape":[],"data_offsets":[0,)" + std::to_string(r) + "]},";
    header += R"("b":{"dtype":")" + kRealName + R"(","shape":[2],"data_offsets":[)" + std::to_string(r) + ',' +
              std::to_string(3 * r) + "]}}";
    while (header.size() % 8 != 0) header += ' ';
    CHECK(read_file(folder / "model") == file_of(header, bytes_of<Real>({0.5, 1, -2})));
}

TEST_CASE("safetensors: no tensors make a file too, and metadata keep our two keys") {
    const Folder folder;
    save_safetensors(folder / "none", {}, {{"format", "tf"}, {"embergrad", "x"}});
    const SafeTensors loaded = load_safetensors(folder / "none");
    CHECK(loaded.tensors.empty());
    CHECK(loaded.metadata == kOwnMetadata);
    save_safetensors(folder / "again", loaded.tensors, loaded.metadata);
    CHECK(read_file(folder / "again") == read_file(folder / "none"));

    CHECK(parse(file_of("{}")).tensors.empty());
    CHECK(parse(file_of(R"({"__metadata__":{}})")).metadata.empty());
    CHECK(parse(file_of(R"({"__metadata__":null})")).metadata.empty());
}

TEST_CASE("safetensors: a golden file, byte by byte") {
    const std::string golden(
        "\x40\0\0\0\0\0\0\0"
        "{\"test\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}    "
        "\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\x3f\x00\x00\x80\x7f",
        8 + 64 + 16);
    const SafeTensors file = parse(golden);
    REQUIRE(file.tensors.size() == 1);
    CHECK(file.tensors[0].first == "test");
    CHECK(file.tensors[0].second.shape() == Shape{2, 2});
    CHECK(values_of(file.tensors[0].second) == std::vector<Real>{1, -2, 0.5, std::numeric_limits<Real>::infinity()});
    CHECK(file.metadata.empty());
}

TEST_CASE("safetensors: tensors come in the order of their data, at any alignment of the bytes") {
    const std::string bytes = small_file();
    for (std::size_t shift = 0; shift < 8; ++shift) {
        const std::string moved = std::string(shift, 'x') + bytes;
        const SafeTensors file = parse_safetensors(std::as_bytes(std::span(moved)).subspan(shift), "test");
        REQUIRE(file.tensors.size() == 3);
        CHECK(file.tensors[0].first == "a");
        CHECK(file.tensors[1].first == "b");
        CHECK(file.tensors[2].first == "c");
        CHECK(file.tensors[0].second.shape() == Shape{1, 3});
        CHECK(file.metadata == Metadata{{"k", "v"}});
    }
}

TEST_CASE("safetensors: white space on both ends, unknown fields, escapes and axes past an extent of 0 are fine") {
    CHECK(parse(file_of(" \n{}\t \r")).tensors.empty());
    const SafeTensors file = parse(file_of(R"({"\u0061":{"x":[{"y":[1.5,null,-1]},true],"dtype":"F32","later":"1",)"
                                           R"("shape":[0,4],"data_offsets":[0,0],"n":1e3}})"));
    REQUIRE(file.tensors.size() == 1);
    CHECK(file.tensors[0].first == "a");
    CHECK(file.tensors[0].second.shape() == Shape{0, 4});
}

TEST_CASE("safetensors: F16 and BF16 are widened exactly, F32 and F64 converted") {
    const auto read = [](const std::string& dtype, const std::string& data, std::size_t n) {
        const std::string header = R"({"a":{"dtype":")" + dtype + R"(","shape":[)" + std::to_string(n) +
                                   R"(],"data_offsets":[0,)" + std::to_string(data.size()) + "]}}";
        return values_of(parse(file_of(header, data)).tensors.at(0).second);
    };
    const Real infinity = std::numeric_limits<Real>::infinity();

    const std::vector<std::uint16_t> halves = {0x0000, 0x3C00, 0xC000, 0x3555, 0x7BFF, 0x0400, 0x0001,
                                               0x83FF, 0x7C00, 0xFC00, 0x8000, 0x7E01, 0xFC01};
    const std::vector<Real> wide = read("F16", bytes_of(halves), halves.size());
    const std::vector<Real> expected = {0,       1,       -2,           0.333251953125, 65504,
                                        0x1p-14, 0x1p-24, -0x1.FF8p-15, infinity,       -infinity};
    CHECK(std::vector<Real>(wide.begin(), wide.begin() + 10) == expected);
    CHECK(std::signbit(wide[10]));
    CHECK(wide[10] == 0);
    CHECK(std::isnan(wide[11]));
    CHECK(std::isnan(wide[12]));
    CHECK(std::signbit(wide[12]));

    const std::vector<std::uint16_t> brains = {0x3F80, 0xC000, 0x3EAB, 0x7F7F, 0x0001, 0x8000, 0xFF80, 0x7FC1};
    const std::vector<Real> brain = read("BF16", bytes_of(brains), brains.size());
    CHECK(std::vector<Real>(brain.begin(), brain.begin() + 7) ==
          std::vector<Real>{1, -2, 0.333984375, static_cast<Real>(0x1.FEp127), static_cast<Real>(0x1p-133), 0,
                            -infinity});
    CHECK(std::signbit(brain[5]));
    CHECK(std::isnan(brain[7]));

    CHECK(read("F32", bytes_of<float>({0.1f, -3}), 2) == std::vector<Real>{static_cast<Real>(0.1f), -3});
    CHECK(read("F64", bytes_of<double>({0.1, -3}), 2) == std::vector<Real>{static_cast<Real>(0.1), -3});
    const Real large = read("F64", bytes_of<double>({1e300}), 1)[0];
    CHECK(large == (sizeof(Real) == 8 ? static_cast<Real>(1e300L) : infinity));
}

TEST_CASE("safetensors: all 65,536 halves agree with their definition") {
    std::vector<std::uint16_t> halves(65536);
    for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
    const SafeTensors file =
        parse(file_of(R"({"a":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}})", bytes_of(halves)));
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < halves.size(); ++i) {
        const int exponent = static_cast<int>(i >> 10 & 31);
        const int mantissa = static_cast<int>(i & 1023);
        double value = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
        if (exponent == 31) value = mantissa == 0 ? HUGE_VAL : NAN;
        const double got = file.tensors[0].second.data()[i];
        const bool same = std::isnan(value) ? std::isnan(got) : std::fabs(got) == value;
        wrong += !same || std::signbit(got) != (i >= 32768);
    }
    CHECK(wrong == 0);
}

TEST_CASE("safetensors: a header's length that cannot be") {
    refuse("", "the file has 0 bytes, fewer than the 8 of the header's length");
    refuse("1234567", "the file has 7 bytes, fewer than the 8 of the header's length");
    refuse(length_bytes(100'000'001) + "{}", "a header of 100000001 bytes is over the limit of 100000000, byte 0");
    refuse(length_bytes(~std::uint64_t{0}),
           "a header of 18446744073709551615 bytes is over the limit of 100000000, byte 0");
    refuse(length_bytes(3) + "{}", "a header of 3 bytes does not fit a file of 10, byte 0");
    refuse(length_bytes(100'000'000) + "{}", "a header of 100000000 bytes does not fit a file of 10, byte 0");
}

TEST_CASE("safetensors: a header that is not JSON in UTF-8") {
    const std::string message = "the header is not JSON in UTF-8, byte ";
    refuse(length_bytes(0), message + "8");
    refuse(file_of("{\"a\xFF\":{}}"), message + "11");
    refuse(file_of("\xFF"), message + "8");
    refuse(file_of("{\"\xC0\x80\":{}}"), message + "10");
    refuse(file_of("{\"\\ud800\":{}}"), message + "16");
    refuse(file_of("\xEF\xBB\xBF{}"), message + "8");
    refuse(file_of(std::string("{}\0x", 4)), message + "10");
    refuse(file_of("{"), message + "9");
    refuse(file_of("{}x"), message + "10");
    refuse(file_of("{} {}"), message + "11");
    refuse(file_of("{'a':1}"), message + "9");
    refuse(file_of("{\"__metadata__\":{},}"), message + "27");
    refuse(file_of("{/**/}"), message + "9");
    refuse(file_of("{\"a\":{\"shape\":[01]}}"), message + "24");
    refuse(file_of("{\"a\":{\"shape\":[NaN]}}"), message + "23");
}

TEST_CASE("safetensors: JSON of another form") {
    refuse(file_of("[]"), "the header is a list, not an object");
    refuse(file_of("1"), "the header is 1, not an object");
    refuse(file_of("null"), "the header is null, not an object");
    refuse(file_of(R"({"a":[]})"), "tensor \"a\" is a list, not an object");
    refuse(file_of(R"({"a":true})"), "tensor \"a\" is true, not an object");
    refuse(file_of(R"({"__metadata__":"x"})"), "__metadata__ is \"x\", not an object");
    refuse(file_of(R"({"__metadata__":{"k":1}})"), "__metadata__: \"k\" is 1, not a string");
    refuse(file_of(R"({"__metadata__":{"k":{}}})"), "__metadata__: \"k\" is an object, not a string");
    refuse_fields("", "tensor \"a\" has no dtype");
    refuse_fields(R"("dtype":"F32","data_offsets":[0,8])", "tensor \"a\" has no shape");
    refuse_fields(R"("dtype":"F32","shape":[2])", "tensor \"a\" has no data_offsets");
    refuse_fields(R"("dtype":32)", "tensor \"a\": dtype is 32, not a string");
    refuse_fields(R"("dtype":["F32"])", "tensor \"a\": dtype is a list, not a string");
    refuse_fields(R"("shape":2)", "tensor \"a\": shape is 2, not a list");
    refuse_fields(R"("data_offsets":{})", "tensor \"a\": data_offsets is an object, not a list");
    refuse_fields(R"("data_offsets":[8])", "tensor \"a\": data_offsets holds 1 numbers, not 2");
    refuse_fields(R"("data_offsets":[0,4,8])", "tensor \"a\": data_offsets holds 3 numbers, not 2");
}

TEST_CASE("safetensors: numbers that are not sizes") {
    const std::string extent = "tensor \"a\": an extent of shape is ";
    const std::string offset = "tensor \"a\": one of data_offsets is ";
    const std::string wanted = ", not a whole number from 0 to 2^64 - 1";
    refuse_fields(R"("shape":[-1])", extent + "-1" + wanted);
    refuse_fields(R"("shape":[-0])", extent + "-0" + wanted);
    refuse_fields(R"("shape":[2.0])", extent + "2.0" + wanted);
    refuse_fields(R"("shape":[2e0])", extent + "2e0" + wanted);
    refuse_fields(R"("shape":[18446744073709551616])", extent + "18446744073709551616" + wanted);
    refuse_fields(R"("shape":["2"])", extent + "\"2\"" + wanted);
    refuse_fields(R"("shape":[null])", extent + "null" + wanted);
    refuse_fields(R"("shape":[[2]])", extent + "a list" + wanted);
    refuse_fields(R"("data_offsets":[0,-8])", offset + "-8" + wanted);
    refuse_fields(R"("data_offsets":[0,8.0])", offset + "8.0" + wanted);
    refuse_fields(R"("data_offsets":[0,{}])", offset + "an object" + wanted);
    refuse_fields(R"("shape":[1e999])", "the header holds a number that is too large, byte 27");
}

TEST_CASE("safetensors: keys that come twice") {
    const std::string a = R"("a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
    const std::string escaped = R"("\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
    refuse(file_of('{' + a + ',' + a + '}'), "the header has the tensor \"a\" twice");
    refuse(file_of('{' + a + R"(,"__metadata__":{},)" + escaped + '}'), "the header has the tensor \"a\" twice");
    refuse(file_of(R"({"__metadata__":{},"__metadata__":{}})"), "the header has __metadata__ twice");
    refuse(file_of(R"({"__metadata__":{"k":"1","k":"1"}})"), "__metadata__ has the key \"k\" twice");
    refuse_fields(R"("dtype":"F32","dtype":"F32")", "tensor \"a\" has the key \"dtype\" twice");
    refuse_fields(R"("shape":[],"shape":[])", "tensor \"a\" has the key \"shape\" twice");
    refuse_fields(R"("data_offsets":[0,8],"data_offsets":[0,8])", "tensor \"a\" has the key \"data_offsets\" twice");
}

TEST_CASE("safetensors: dtypes we do not read are named") {
    for (const std::string dtype : {"C64", "F8_E4M3", "f32", ""}) {  // and the file has no others
        refuse_fields(R"("dtype":")" + dtype + R"(","shape":[1],"data_offsets":[0,8])",
                      "tensor \"a\": cannot read dtype \"" + dtype + "\", only F64, F32, F16 and BF16");
    }
}

TEST_CASE("safetensors: integers become ids, beside the reals, as PyTorch has them in one file") {
    using Ids = std::vector<std::int64_t>;
    const std::string header = R"({"running_mean":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                               R"("num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[4,12]},)"
                               R"("mask":{"dtype":"BOOL","shape":[3],"data_offsets":[12,15]},)"
                               R"("u":{"dtype":"U8","shape":[2],"data_offsets":[15,17]},)"
                               R"("s":{"dtype":"I16","shape":[1,1],"data_offsets":[17,19]}})";
    const std::string data = bytes_of<float>({0.5F}) + bytes_of<std::int64_t>({-7}) + std::string("\1\0\1\xFF\2", 5) +
                             bytes_of<std::int16_t>({-300});
    const SafeTensors file = parse(file_of(header, data));
    REQUIRE(file.tensors.size() == 1);
    CHECK(values_of(file.tensors[0].second) == std::vector<Real>{0.5});
    REQUIRE(file.ids.size() == 4);
    const auto ids = [&](std::size_t i) {
        return Ids(file.ids[i].second.data(), file.ids[i].second.data() + file.ids[i].second.size());
    };
    CHECK(file.ids[0].first == "num_batches_tracked");
    CHECK(file.ids[0].second.shape() == Shape{});
    CHECK(ids(0) == Ids{-7});
    CHECK(ids(1) == Ids{1, 0, 1});
    CHECK(ids(2) == Ids{255, 2});
    CHECK(file.ids[3].second.shape() == Shape{1, 1});
    CHECK(ids(3) == Ids{-300});
    CHECK(file.passed_over.empty());
}

TEST_CASE("safetensors: tensors of other dtypes are passed over and named, the others read") {
    const std::string header = R"({"a":{"dtype":"F8_E4M3","shape":[2,1],"data_offsets":[0,2]},)"
                               R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]},)"
                               R"("c":{"dtype":"C64","shape":[1],"data_offsets":[6,14]}})";
    const SafeTensors file = parse(file_of(header, "xx" + bytes_of<float>({2}) + "xxxxxxxx"));
    REQUIRE(file.tensors.size() == 1);
    CHECK(values_of(file.tensors[0].second) == std::vector<Real>{2});
    CHECK(file.ids.empty());
    REQUIRE(file.passed_over.size() == 2);
    CHECK(file.passed_over[0].name == "a");
    CHECK(file.passed_over[0].dtype == "F8_E4M3");
    CHECK(file.passed_over[0].shape == Shape{2, 1});
    CHECK(file.passed_over[1].name == "c");
}

TEST_CASE("safetensors: integers that do not fit their data, or are no ids") {
    refuse_fields(R"("dtype":"I64","shape":[2],"data_offsets":[0,8])",
                  "tensor \"a\": I64 of shape (2,) takes 16 bytes, data_offsets give it 8");
    refuse(file_of(R"({"a":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}})", std::string(8, '\xFF')),
           "tensor \"a\": element 0 is above 2^63 - 1");
}

TEST_CASE("safetensors: other files are told by name, with what to do") {
    refuse("{\"metadata\": {}, \"weight_map\": {\"embedding.weight\": \"model-00001-of-00002.safetensors\"}}",
           "this is the index of a model in several files; give the one that it names for the tensor (weight_map)");
    refuse("PK\3\4\x14\x08\x08\x08 and so on",
           "this is a zip archive; unpack it first (GloVe and fastText come as such), or save what is in it as "
           "safetensors or .npy (a PyTorch checkpoint, an .npz)");
}

TEST_CASE("safetensors: depth costs no stack") {
    const std::string deep(200'000, '[');
    const std::string message = "tensor \"a\": a value is nested deeper than 128 levels";
    refuse(file_of(deep), "the header is a list, not an object");
    refuse(file_of("{\"a\":{\"x\":" + deep), message);
    std::string objects = "{\"a\":{";
    for (int i = 0; i < 200'000; ++i) objects += "\"x\":{";
    refuse(file_of(objects), message);

    const auto nested = [](std::size_t depth) {
        return file_of("{\"a\":{\"x\":" + std::string(depth, '[') + std::string(depth, ']') +
                       R"(,"dtype":"F32","shape":[0],"data_offsets":[0,0]}})");
    };
    CHECK(parse(nested(128)).tensors.size() == 1);
    refuse(nested(129), message);
}

TEST_CASE("safetensors: tensors that do not tile the data") {
    const auto two = [](const std::string& a, const std::string& b, std::size_t data) {
        return file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)" + a +
                           R"(},"b":{"dtype":"F32","shape":[2],"data_offsets":)" + b + "}}",
                       data);
    };
    CHECK(parse(two("[8,16]", "[0,8]", 16)).tensors.at(0).first == "b");
    refuse(two("[0,8]", "[4,12]", 12), "tensor \"b\" begins at byte 4 of the data, not at 8");
    refuse(two("[0,8]", "[0,8]", 8), "tensor \"b\" begins at byte 0 of the data, not at 8");
    refuse(two("[0,8]", "[12,20]", 20), "tensor \"b\" begins at byte 12 of the data, not at 8");
    refuse(two("[4,12]", "[12,20]", 20), "tensor \"a\" begins at byte 4 of the data, not at 0");
    refuse(two("[0,8]", "[8,0]", 8), "tensor \"b\" ends at byte 0 of the data, before it begins at 8");
    refuse(two("[0,8]", "[8,16]", 15), "the tensors take 16 bytes of data, the file has 15");
    refuse(two("[0,8]", "[8,16]", 17), "the tensors take 16 bytes of data, the file has 17");
    refuse(two("[0,8]", "[8,16]", 0), "the tensors take 16 bytes of data, the file has 0");
    refuse(file_of("{}", 1), "the tensors take 0 bytes of data, the file has 1");
}

TEST_CASE("safetensors: shapes that do not fit their data") {
    const std::string f32 = R"("dtype":"F32","data_offsets":[0,8],"shape":)";
    refuse_fields(f32 + "[3]", "tensor \"a\": F32 of shape (3,) takes 12 bytes, data_offsets give it 8");
    refuse_fields(f32 + "[]", "tensor \"a\": F32 of shape () takes 4 bytes, data_offsets give it 8");
    refuse_fields(f32 + "[0,2]", "tensor \"a\": F32 of shape (0, 2) takes 0 bytes, data_offsets give it 8");
    refuse_fields(R"("dtype":"F16","data_offsets":[0,8],"shape":[2])",
                  "tensor \"a\": F16 of shape (2,) takes 4 bytes, data_offsets give it 8");
    refuse_fields(f32 + "[2305843009213693951,1]",
                  "tensor \"a\": F32 of shape (2305843009213693951, 1) takes 9223372036854775804 bytes, "
                  "data_offsets give it 8");
    refuse_fields(f32 + "[2305843009213693952]", "tensor \"a\": shape (2305843009213693952,) overflows 64 bits");
    refuse_fields(f32 + "[2,9223372036854775807]", "tensor \"a\": shape (2, 9223372036854775807) overflows 64 bits");
    refuse_fields(f32 + "[4611686018427387904,4,2]",
                  "tensor \"a\": shape (4611686018427387904, 4, 2) overflows 64 bits");
    refuse_fields(f32 + "[18446744073709551615]", "tensor \"a\": shape (18446744073709551615,) overflows 64 bits");
    refuse_fields(f32 + "[0,4611686018427387904,4611686018427387904]",
                  "tensor \"a\": shape (0, 4611686018427387904, 4611686018427387904) overflows 64 bits");

    std::string ones = "[1";
    for (int axis = 1; axis < 64; ++axis) ones += ",1";
    const std::string f64 = R"("dtype":"F64","data_offsets":[0,8],"shape":)";
    CHECK(parse(file_of("{\"a\":{" + f64 + ones + "]}}", 8)).tensors.at(0).second.dimension() == 64);
    refuse_fields(f64 + ones + ",1]", "tensor \"a\": shape holds more than 64 extents");
}

TEST_CASE("safetensors: a size that is not there is refused before there is room for it") {
    const std::string petabyte =
        R"({"a":{"dtype":"F32","shape":[1125899906842624],"data_offsets":[0,4503599627370496]}})";
    refuse(file_of(petabyte, 8), "the tensors take 4503599627370496 bytes of data, the file has 8");
}

TEST_CASE("safetensors: names from a file are shown on one line, shortened") {
    const auto unfinished = [](const std::string& name) { return file_of("{\"" + name + "\":{}}"); };
    refuse(unfinished("\\n\\u0000\x7F\xC3\xA9"), "tensor \"???\xC3\xA9\" has no dtype");
    refuse(unfinished(std::string(101, 'x')), "tensor \"" + std::string(100, 'x') + "...\" has no dtype");
    refuse(unfinished(std::string(99, 'x') + "\xC3\xA9"), "tensor \"" + std::string(99, 'x') + "...\" has no dtype");
    refuse(unfinished(std::string(98, 'x') + "\xC3\xA9"),
           "tensor \"" + std::string(98, 'x') + "\xC3\xA9\" has no dtype");
}

TEST_CASE("safetensors: a file cut anywhere is refused") {
    const std::string bytes = small_file();
    REQUIRE(parse(bytes).tensors.size() == 3);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CAPTURE(size);
        CHECK_THROWS_AS(parse(bytes.substr(0, size)), std::runtime_error);
    }
    CHECK_THROWS_AS(parse(bytes + '\0'), std::runtime_error);
}

TEST_CASE("safetensors: any bit of the header flipped is refused or reads as whole tensors") {
    const std::string bytes = small_file();
    const std::size_t header_end = bytes.size() - 20;
    std::size_t accepted = 0;
    for (std::size_t bit = 0; bit < 8 * header_end; ++bit) {
        std::string flipped = bytes;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        try {
            const SafeTensors file = parse(flipped);
            ++accepted;
            std::size_t elements = 0;
            for (const auto& [name, array] : file.tensors) elements += array.size();
            for (const auto& [name, ids] : file.ids) elements += ids.size();
            for (const SafeTensors::PassedOver& tensor : file.passed_over) elements += element_count(tensor.shape);
            CHECK(elements == 7);
        } catch (const std::runtime_error& error) {
            CHECK(std::string(error.what()).starts_with("test: safetensors: "));
        }
    }
    CHECK(accepted > 0);  // a name's letter, F16 for BF16's data
}

TEST_CASE("safetensors: what cannot be saved is refused before anything is written") {
    const Folder folder;
    const auto refuse_to_save = [&](const StateDict& tensors, const Metadata& metadata, const std::string& message) {
        CHECK_THROWS_WITH_AS(save_safetensors(folder / "model", tensors, metadata),
                             ("save_safetensors: " + message).c_str(), std::invalid_argument);
        CHECK(folder.empty());
    };
    const Array one = ones({1});
    refuse_to_save({{"a", one}, {"", one}}, {}, "tensor 1 has no name");
    refuse_to_save({{"a", one}, {"b", one}, {"a", one}}, {}, "two tensors are named \"a\"");
    refuse_to_save({{"__metadata__", one}}, {}, "no tensor can be named __metadata__");
    refuse_to_save({{"a\xFF", one}}, {}, "a tensor's name is not UTF-8: \"a\xEF\xBF\xBD\"");
    refuse_to_save({}, {{"\x80", "v"}}, "a key of the metadata is not UTF-8: \"\xEF\xBF\xBD\"");
    refuse_to_save({}, {{"k", "\xC3"}}, "a value of the metadata is not UTF-8: \"\xEF\xBF\xBD\"");
    refuse_to_save({{"a", ones(Shape(65, 1))}}, {}, "tensor \"a\" has 65 axes, more than 64");
    refuse_to_save({}, {{"k", std::string(100'000'000, 'x')}},
                   "names and metadata make a header of 100000056 bytes, more than 100000000");
}

TEST_CASE("safetensors: a file that is there is replaced, and kept if saving fails") {
    const Folder folder;
    const fs::path path = folder / "model";
    save_safetensors(path, {{"a", ones({1000})}});
    save_safetensors(path, {{"a", zeros({3})}});
    CHECK(load_safetensors(path).tensors.at(0).second.size() == 3);
    CHECK_THROWS_AS(save_safetensors(path, {{"", ones({1})}}), std::invalid_argument);
    CHECK(load_safetensors(path).tensors.at(0).second.size() == 3);
    CHECK(std::distance(fs::directory_iterator(path.parent_path()), fs::directory_iterator()) == 1);
}

TEST_CASE("safetensors: paths that cannot be used are named with the reason, and nothing is left behind") {
    const Folder folder;
    const fs::path path = folder / "missing/model";
    const std::string reason = path.string() + ": No such file or directory";
    CHECK_THROWS_WITH_AS(save_safetensors(path, {{"a", ones({1})}}), ("cannot write " + reason).c_str(),
                         std::runtime_error);
    CHECK(folder.empty());
    CHECK_THROWS_WITH_AS(load_safetensors(path), ("cannot read " + reason).c_str(), std::runtime_error);

    write_file_atomically(folder / "text", "not tensors at all");
    CHECK_THROWS_WITH_AS(load_safetensors(folder / "text"),
                         ((folder / "text").string() + ": safetensors: a header of 8317697111234998126 bytes is over "
                                                       "the limit of 100000000, byte 0")
                             .c_str(),
                         std::runtime_error);
}
