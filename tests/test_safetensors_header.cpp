// The beginning of a safetensors file, for those who want one of its tensors; and files that come from a pipe.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <thread>

#include <embergrad/engine/system/file.hpp>
#include <embergrad/io/safetensors.hpp>
#include <embergrad/io/safetensors_header.hpp>
#include <embergrad/tests/gzip.hpp>
#include <embergrad/tests/temporary_folder.hpp>

using namespace embergrad;
using detail::ArraySource;
using detail::SafeTensorsHeader;
using detail::StoredInteger;
using detail::StoredReal;

namespace {

std::string file_of(const std::string& header, const std::string& data = "") {
    std::string length(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(header.size() >> 8 * i & 0xFF);
    return length + header + data;
}

/// Of a file whose size is not known.
SafeTensorsHeader header_of(const std::string& bytes) {
    const std::string compressed = testing::gzip(bytes);
    ArraySource source("file", "safetensors", detail::open_source(compressed, "file"));
    return detail::read_safetensors_header(source);
}

const std::string kTwo = R"({"m":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},)"
                         R"("e":{"dtype":"F16","shape":[2,3],"data_offsets":[16,28]}})";

}  // namespace

TEST_CASE("safetensors header: dtypes of reals, of integers, and others") {
    const SafeTensorsHeader header = header_of(file_of(kTwo));
    REQUIRE(header.entries.size() == 2);
    CHECK(header.entries[0].name == "m");
    CHECK(header.entries[0].dtype == "I64");
    CHECK(header.entries[0].real == std::nullopt);
    CHECK(header.entries[0].integer == StoredInteger::i64);
    CHECK(header.entries[1].dtype == "F16");
    CHECK(header.entries[1].real == StoredReal::f16);
    CHECK(header.entries[1].shape == Shape{2, 3});
    CHECK(header.entries[1].offsets[0] == 16);
    CHECK(header.entries[1].integer == std::nullopt);
    CHECK(header.data_bytes == 28);
    const SafeTensorsHeader other = header_of(file_of(R"({"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}})"));
    CHECK(other.entries[0].dtype == "F8_E4M3");
    CHECK(other.entries[0].real == std::nullopt);
    CHECK(other.entries[0].integer == std::nullopt);
}

TEST_CASE("safetensors header: tensors of any dtype lie one behind the other") {
    std::string hole = kTwo;
    hole.replace(hole.find("[16,28]"), 7, "[17,29]");
    CHECK_THROWS_WITH_AS(header_of(file_of(hole)),
                         "file: safetensors: tensor \"e\" begins at byte 17 of the data, not at 16",
                         std::runtime_error);
}

TEST_CASE("safetensors header: a header cut anywhere is refused, the size of the file known or not") {
    const std::string bytes = file_of(kTwo);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CAPTURE(size);
        CHECK_THROWS_AS(header_of(bytes.substr(0, size)), std::runtime_error);
    }
    CHECK_THROWS_WITH_AS(header_of(bytes.substr(0, 20)),
                         "file: safetensors: a header of 112 bytes does not fit a file of 20, byte 0",
                         std::runtime_error);
}

TEST_CASE("safetensors header: a pipe is read like a file") {
    const TemporaryFolder folder;
    save_safetensors(folder / "a", {{"x", ones({300, 100})}, {"y", ones({})}});
    const std::string bytes = read_file(folder / "a");
    const std::filesystem::path pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer([&] { std::ofstream(pipe, std::ios::binary) << bytes; });
    const SafeTensors file = load_safetensors(pipe);
    writer.join();
    REQUIRE(file.tensors.size() == 2);
    CHECK(file.tensors[0].second.shape() == Shape{300, 100});
}
