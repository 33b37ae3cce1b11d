// Files of NumPy's: what is written and read back, and every way a file can be wrong.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <embergrad/engine/system/file.hpp>
#include <embergrad/io/npy.hpp>
#include <embergrad/tests/temporary_folder.hpp>

using namespace embergrad;
namespace fs = std::filesystem;

namespace {

const std::string kRealDescr = sizeof(Real) == 8 ? "<f8" : "<f4";
const Real kInfinity = std::numeric_limits<Real>::infinity();

/// A file put together without our writer.
std::string file_of(const std::string& header, const std::string& data = "", char version = 1) {
    std::string bytes = std::string("\x93NUMPY") + version + '\0';
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    for (std::size_t i = 0; i < length_bytes; ++i) bytes += static_cast<char>(header.size() >> 8 * i & 0xFF);
    return bytes + header + data;
}

std::string header_of(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
    return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

Array parse(const std::string& bytes) { return parse_npy(std::as_bytes(std::span(bytes)), "test"); }
std::vector<Real> values_of(const Array& array) { return {array.data(), array.data() + array.size()}; }

void refuse(const std::string& bytes, const std::string& message) {
    CHECK_THROWS_WITH_AS(parse(bytes), ("test: npy: " + message).c_str(), std::runtime_error);
}

/// A header in front of four zero bytes.
void refuse_header(const std::string& header, const std::string& message) {
    refuse(file_of(header, std::string(4, '\0')), message);
}

/// What numpy.save makes of [[1, -2, 0.5], [3, 4, inf]].
std::string golden() {
    return std::string("\x93NUMPY\x01\0v\0", 10) + "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" +
           std::string(58, ' ') + '\n' +
           std::string(
               "\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\x3f\x00\x00\x40\x40\x00\x00\x80\x40\x00\x00\x80\x7f", 24);
}

Array array_of(const Shape& shape, const std::vector<Real>& values) {
    Array array(shape);
    REQUIRE(array.size() == values.size());
    std::copy(values.begin(), values.end(), array.data());
    return array;
}

}  // namespace

TEST_CASE("npy: a golden file, byte by byte, at any alignment") {
    for (std::size_t shift = 0; shift < 8; ++shift) {
        const std::string moved = std::string(shift, 'x') + golden();
        const Array array = parse_npy(std::as_bytes(std::span(moved)).subspan(shift), "test");
        CHECK(array.shape() == Shape{2, 3});
        CHECK(values_of(array) == std::vector<Real>{1, -2, 0.5, 3, 4, kInfinity});
    }
}

TEST_CASE("npy: the bytes written are numpy's") {
    const TemporaryFolder folder;
    const std::vector<Real> values = {1, -2, 0.5, 3, 4, kInfinity};
    save_npy(folder / "a", array_of({2, 3}, values));
    const std::string written = read_file(folder / "a");
    CHECK(written.substr(0, 128) == golden().replace(21, 3, kRealDescr).substr(0, 128));
    CHECK(written.substr(128) == bytes_of(values));
}

TEST_CASE("npy: what is saved comes back bit for bit, the data at a multiple of 64 bytes") {
    const TemporaryFolder folder;
    const Real nan = std::copysign(std::numeric_limits<Real>::quiet_NaN(), Real{-1});
    Shape longest(64, 1);
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{5}, Shape{0, 128}, Shape{7, 0}, Shape{3, 2},
                               Shape{1, 2, 1, 3}, Shape{4, 100'000}, longest}) {
        Array array = zeros(shape);
        for (std::size_t i = 0; i < array.size(); ++i) array.data()[i] = i % 7 == 3 ? nan : static_cast<Real>(i) / 3;
        save_npy(folder / "a", array);
        const Array loaded = load_npy(folder / "a");
        CAPTURE(to_string(shape));
        CHECK(loaded.shape() == shape);
        CHECK((array.size() == 0 || std::memcmp(loaded.data(), array.data(), array.size() * sizeof(Real)) == 0));
        CHECK((fs::file_size(folder / "a") - array.size() * sizeof(Real)) % 64 == 0);
    }
    CHECK_THROWS_WITH_AS(save_npy(folder / "b", ones(Shape(65, 1))), "save_npy: an array of 65 axes, more than 64",
                         std::invalid_argument);
    CHECK_FALSE(fs::exists(folder / "b"));
}

TEST_CASE("npy: versions 1, 2 and 3") {
    for (const char version : {'\x01', '\x02', '\x03'})
        CHECK(values_of(parse(file_of(header_of("<f4", "(1,)"), bytes_of<float>({5}), version)))[0] == 5);
    for (const char version : {'\x00', '\x04', '\xff'}) {
        const int shown = static_cast<unsigned char>(version);
        refuse(file_of(header_of("<f4", "(1,)"), bytes_of<float>({5}), version),
               "cannot read version " + std::to_string(shown) + ".0, only 1.0 to 3.0");
    }
    std::string bytes = golden();
    bytes[7] = 1;
    refuse(bytes, "cannot read version 1.1, only 1.0 to 3.0");
}

TEST_CASE("npy: f8, f4 and f2 become Real") {
    CHECK(values_of(parse(file_of(header_of("<f8", "(2,)"), bytes_of<double>({0.1, -3})))) ==
          std::vector<Real>{static_cast<Real>(0.1), -3});
    CHECK(values_of(parse(file_of(header_of("<f4", "(2,)"), bytes_of<float>({0.1f, -3})))) ==
          std::vector<Real>{static_cast<Real>(0.1f), -3});
    const std::vector<std::uint16_t> halves = {0x3C00, 0xC000, 0x3555, 0x0001, 0x7C00, 0x7E00};
    const std::vector<Real> wide = values_of(parse(file_of(header_of("<f2", "(6,)"), bytes_of(halves))));
    CHECK(std::vector<Real>(wide.begin(), wide.begin() + 5) ==
          std::vector<Real>{1, -2, 0.333251953125, static_cast<Real>(0x1p-24), kInfinity});
    CHECK(std::isnan(wide[5]));
    const Real large = parse(file_of(header_of("<f8", "()"), bytes_of<double>({1e300}))).data()[0];
    CHECK(large == (sizeof(Real) == 8 ? static_cast<Real>(1e300L) : kInfinity));
}

TEST_CASE("npy: more numbers than fit a buffer are converted too") {
    std::vector<std::uint16_t> halves(3 * 32'768 + 1);
    for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(0x3C00 + i % 1024);
    const Array array = parse(file_of(header_of("<f2", "(98305,)"), bytes_of(halves)));
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < halves.size(); ++i) wrong += array.data()[i] != 1 + static_cast<Real>(i % 1024) / 1024;
    CHECK(wrong == 0);
}

TEST_CASE("npy: Fortran's order is turned into C's") {
    const std::string six = bytes_of<float>({0, 3, 1, 4, 2, 5});
    const Array two = parse(file_of(header_of("<f4", "(2, 3)", "True"), six));
    CHECK(two.shape() == Shape{2, 3});
    CHECK(values_of(two) == std::vector<Real>{0, 1, 2, 3, 4, 5});
    // (2, 3, 2): element (i, j, k) lies at i + 2 j + 6 k
    std::vector<float> stored(12);
    for (std::size_t i = 0; i < 12; ++i) stored[i] = static_cast<float>(i);
    const Array three = parse(file_of(header_of("<f4", "(2, 3, 2)", "True"), bytes_of(stored)));
    CHECK(values_of(three) == std::vector<Real>{0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11});
    CHECK(values_of(parse(file_of(header_of("<f4", "(6,)", "True"), six))) == std::vector<Real>{0, 3, 1, 4, 2, 5});
    CHECK(parse(file_of(header_of("<f4", "()", "True"), six.substr(0, 4))).dimension() == 0);
    CHECK(parse(file_of(header_of("<f4", "(3, 0)", "True"))).shape() == Shape{3, 0});
}

TEST_CASE("npy: keys in any order, either quote, any white space, commas at the end or not") {
    const std::string data = bytes_of<float>({1, 2});
    for (const std::string header : {
             "{'shape':(2,),'fortran_order':False,'descr':'<f4'}",
             " {\"descr\" : \"<f4\" ,\n\t'shape' : ( 2 , ) , 'fortran_order' : False , } \n ",
             "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1)}",
             "{'descr': '<f4', 'fortran_order': False, 'shape': (1,2,), }\n",
         }) {
        CAPTURE(header);
        CHECK(values_of(parse(file_of(header, data))) == std::vector<Real>{1, 2});
    }
}

TEST_CASE("npy: headers that are something else") {
    const std::string order = "'fortran_order': False, ";
    const std::string f4 = "'descr': '<f4', ";
    refuse_header("", "expected { in the header, found \"\", byte 10");
    refuse_header("[]", "expected { in the header, found \"[]\", byte 10");
    refuse_header("{}", "the header has no 'descr'");
    refuse_header("{'descr': '<f4'}", "the header has no 'fortran_order'");
    refuse_header("{" + f4 + order + "}", "the header has no 'shape'");
    refuse_header("{" + f4 + f4 + "}", "the header has 'descr' twice");
    refuse_header("{'Shape': ()}", "the header has the key \"Shape\", which means nothing");
    refuse_header("{descr: '<f4'}", "expected a key in the header, found \"descr: '<f4'}\", byte 11");
    refuse_header("{'descr", "expected the end of a string in the header, found \"descr\", byte 12");
    refuse_header("{'descr' '<f4'}", "expected : in the header, found \"'<f4'}\", byte 19");
    refuse_header("{'descr': '<f4' 'shape'", "expected } in the header, found \"'shape'\", byte 26");
    refuse_header("{,}", "expected a key in the header, found \",}\", byte 11");
    refuse_header("{" + f4 + order + "'shape': (1,)}x", "expected nothing more in the header, found \"x\", byte 65");
    refuse_header("{'fortran_order': false}", "expected True or False in the header, found \"false}\", byte 28");
    refuse_header("{'fortran_order': 0}", "expected True or False in the header, found \"0}\", byte 28");
}

TEST_CASE("npy: shapes that are no tuples of sizes") {
    const auto refuse_shape = [](const std::string& shape, const std::string& wanted, const std::string& found) {
        refuse_header("{'shape': " + shape + "}", "expected " + wanted + " in the header, found \"" + found +
                                                      "}\", byte " +
                                                      std::to_string(20 + shape.size() + 1 - found.size() - 1));
    };
    refuse_shape("[1]", "(", "[1]");
    refuse_shape("1", "(", "1");
    refuse_shape("(1)", ",", ")");
    refuse_shape("(,)", "an extent", ",)");
    refuse_shape("(1,,)", "an extent", ",)");
    refuse_shape("(-1,)", "an extent", "-1,)");
    refuse_shape("(+1,)", "an extent", "+1,)");
    refuse_shape("(1L,)", ",", "L,)");
    refuse_shape("(1, 2L)", ")", "L)");
    refuse_shape("(1.0,)", ",", ".0,)");
    refuse_shape("(1_0,)", ",", "_0,)");
    refuse_shape("(0x1,)", ",", "x1,)");
    refuse_shape("(01,)", "an extent", "01,)");
    refuse_shape("(None,)", "an extent", "None,)");
    refuse_header("{'shape': (18446744073709551616,)}",
                  "expected an extent below 2^64 in the header, found \"18446744073709551616\", byte 21");
    refuse_header("{'shape': (2, 3", "expected ) in the header, found \"\", byte 25");
    std::string ones = "(1";
    for (int axis = 1; axis < 64; ++axis) ones += ",1";
    CHECK(parse(file_of(header_of("<f4", ones + ")"), bytes_of<float>({1}))).dimension() == 64);
    refuse_header(header_of("<f4", ones + ",1)"), "shape holds more than 64 extents");
}

TEST_CASE("npy: dtypes we do not read are named") {
    const std::string only = ", only <f8, <f4, <f2, integers and bool: save array.astype(";
    const std::string advice = only + "\"<f4\")";
    for (const std::string dtype : {">f4", ">f8"})
        refuse_header(header_of(dtype, "(1,)"), "cannot read big-endian \"" + dtype + "\"" + advice);
    for (const std::string dtype : {">i8", ">u2"})
        refuse_header(header_of(dtype, "(1,)"), "cannot read big-endian \"" + dtype + "\"" + only + "\"<i8\")");
    for (const std::string dtype : {"|V2", "|O", "<U3", "<c8", "f4", "=f4", "<f16", "i8", "<M8[s]", ""})
        refuse_header(header_of(dtype, "(1,)"), "cannot read dtype \"" + dtype + "\"" + advice);
    refuse_header("{'descr': [('a', '<f4')]}",
                  "expected a dtype in quotes (arrays with fields cannot be read) in the header, found \"[('a', "
                  "'<f4')]}\", byte 20");
}

TEST_CASE("npy: arrays of integers are told where to go, arrays of reals too") {
    for (const std::string dtype : {"<i4", "<u4"})
        refuse_header(
            header_of(dtype, "(1,)"),
            "holds integers, \"" + dtype + "\": load_npy_ids reads them; for reals, save array.astype(\"<f4\")");
    const std::string reals = file_of(header_of("<f4", "(1,)"), std::string(4, '\0'));
    CHECK_THROWS_WITH_AS(parse_npy_ids(std::as_bytes(std::span(reals)), "test"),
                         "test: npy: holds reals, \"<f4\": load_npy reads them; for ids, save array.astype(\"<i8\")",
                         std::runtime_error);
}

TEST_CASE("npy: integers of every width, with a sign and without, and bool become ids") {
    using Ids = std::vector<std::int64_t>;
    const auto read = [](const std::string& dtype, const std::string& shape, const std::string& data,
                         const std::string& fortran = "False") {
        const std::string bytes = file_of(header_of(dtype, shape, fortran), data);
        const IdArray ids = parse_npy_ids(std::as_bytes(std::span(bytes)), "test");
        return Ids(ids.data(), ids.data() + ids.size());
    };
    const auto extremes = [&]<class T>(const std::string& dtype, T) {
        using Limits = std::numeric_limits<T>;
        const std::int64_t low = Limits::min(), high = static_cast<std::int64_t>(Limits::max());
        CHECK(read(dtype, "(3,)", bytes_of<T>({Limits::min(), 7, Limits::max()})) == Ids{low, 7, high});
    };
    extremes("<i8", std::int64_t{});
    extremes("<i4", std::int32_t{});
    extremes("<i2", std::int16_t{});
    extremes("|i1", std::int8_t{});
    extremes("<u4", std::uint32_t{});
    extremes("<u2", std::uint16_t{});
    extremes("|u1", std::uint8_t{});
    CHECK(read("|b1", "(2,)", std::string("\1\0", 2)) == Ids{1, 0});
    CHECK(read("<u8", "(1,)", bytes_of<std::uint64_t>({(std::uint64_t{1} << 63) - 1})) ==
          Ids{std::numeric_limits<std::int64_t>::max()});
    CHECK(read("<i2", "(2, 3)", bytes_of<std::int16_t>({0, 1, 2, 3, 4, 5}), "True") == Ids{0, 2, 4, 1, 3, 5});
    CHECK(read("<i8", "()", bytes_of<std::int64_t>({9})) == Ids{9});
    CHECK(read("<i8", "(0,)", "").empty());
}

TEST_CASE("npy: an integer that is no id, and integers that are not all there") {
    std::vector<std::uint64_t> values(10'000, 1);  // more than a buffer holds
    values[9'000] = std::uint64_t{1} << 63;
    const auto refuse_ids = [](const std::string& bytes, const std::string& message) {
        CHECK_THROWS_WITH_AS(parse_npy_ids(std::as_bytes(std::span(bytes)), "test"), ("test: npy: " + message).c_str(),
                             std::runtime_error);
    };
    refuse_ids(file_of(header_of("<u8", "(10000,)"), bytes_of(values)), "the array: element 9000 is above 2^63 - 1");
    refuse_ids(file_of(header_of("<i8", "(1125899906842624,)"), "x"),
               "shape (1125899906842624,) takes 9007199254740992 bytes of data, the file has 1");
}

TEST_CASE("npy: ids that are saved come back") {
    const TemporaryFolder folder;
    for (const IdArray& ids : {IdArray({{1, -2, 3}, {4, 5, std::numeric_limits<std::int64_t>::min()}}),
                               IdArray::scalar(7), IdArray(Shape{0, 3})}) {
        save_npy_ids(folder / "ids.npy", ids);
        const IdArray read = load_npy_ids(folder / "ids.npy");
        CHECK(read.shape() == ids.shape());
        CHECK(std::equal(read.begin(), read.end(), ids.begin(), ids.end()));
    }
}

TEST_CASE("npy: other files are told by name, with what to do") {
    refuse("PK\3\4 and so on",
           "this is a zip archive; unpack it first (GloVe and fastText come as such), or save what is in "
           "it as safetensors or .npy (a PyTorch checkpoint, an .npz)");
    refuse("\x80\4\x95 and so on",
           "this is a Python pickle; write it anew in Python: gensim's vectors with "
           "KeyedVectors.save_word2vec_format, PyTorch's weights as safetensors");
}

TEST_CASE("npy: a size that is not there is refused before there is room for it") {
    refuse_header(header_of("<f4", "(2,)"), "shape (2,) takes 8 bytes of data, the file has 4");
    refuse_header(header_of("<f4", "(0,)"), "shape (0,) takes 0 bytes of data, the file has 4");
    refuse_header(header_of("<f2", "(1,)"), "shape (1,) takes 2 bytes of data, the file has 4");
    refuse_header(header_of("<f4", "(1125899906842624,)"),
                  "shape (1125899906842624,) takes 4503599627370496 bytes of data, the file has 4");
    refuse_header(header_of("<f4", "(2305843009213693952,)"), "shape (2305843009213693952,) overflows 64 bits");
    refuse_header(header_of("<f4", "(18446744073709551615,)"), "shape (18446744073709551615,) overflows 64 bits");
    refuse_header(header_of("<f4", "(4294967296, 4294967297)"), "shape (4294967296, 4294967297) overflows 64 bits");
    refuse_header(header_of("<f4", "(0, 4611686018427387904, 4611686018427387904)"),
                  "shape (0, 4611686018427387904, 4611686018427387904) overflows 64 bits");
}

TEST_CASE("npy: a header of more than 65,536 bytes is refused, whatever it asks for") {
    const std::string header = header_of("<f4", "(1,)");
    const auto padded = [&](std::size_t size) {
        return file_of(header + std::string(size - header.size(), ' '), bytes_of<float>({1}), 2);
    };
    CHECK(parse(padded(65'536)).size() == 1);
    refuse(padded(65'537), "a header of 65537 bytes is over the limit of 65536");
    refuse(std::string("\x93NUMPY\x02\0\xFF\xFF\xFF\xFF", 12),
           "a header of 4294967295 bytes is over the limit of 65536");
}

TEST_CASE("npy: a file cut anywhere, or longer, is refused") {
    const std::string bytes = golden();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CAPTURE(size);
        CHECK_THROWS_AS(parse(bytes.substr(0, size)), std::runtime_error);
    }
    refuse(bytes + '\0', "shape (2, 3) takes 24 bytes of data, the file has 25");
    refuse("", "the file does not begin as one written by numpy.save");
    refuse("text and more of it", "the file does not begin as one written by numpy.save");
    refuse(bytes.substr(0, 7), "the file ends after 7 bytes, in the middle of its version");
    refuse(bytes.substr(0, 9), "the file ends after 9 bytes, in the middle of the header's length");
    refuse(bytes.substr(0, 127), "the file ends after 127 bytes, in the middle of its header");
}

TEST_CASE("npy: any bit of the header flipped is refused or reads as a whole array") {
    const std::string bytes = golden();
    std::size_t accepted = 0;
    for (std::size_t bit = 0; bit < 8 * 128; ++bit) {
        std::string flipped = bytes;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        try {
            const Array array = parse(flipped);
            ++accepted;
            CHECK(array.size() == 6);
        } catch (const std::runtime_error& error) {
            CHECK(std::string(error.what()).starts_with("test: npy: "));
        }
    }
    CHECK(accepted == 1);  // the comma behind the shape becomes a form feed, which is white space
}

TEST_CASE("npy: a file that is there is replaced, one that is missing named, a pipe read") {
    const TemporaryFolder folder;
    save_npy(folder / "a", ones({1000}));
    save_npy(folder / "a", zeros({3}));
    CHECK(load_npy(folder / "a").size() == 3);
    CHECK(folder.entries() == 1);
    CHECK_THROWS_WITH_AS(load_npy(folder / "b"),
                         ("cannot read " + (folder / "b").string() + ": No such file or directory").c_str(),
                         std::runtime_error);
    write_file_atomically(folder / "text", "not an array");
    CHECK_THROWS_WITH_AS(
        load_npy(folder / "text"),
        ((folder / "text").string() + ": npy: the file does not begin as one written by numpy.save").c_str(),
        std::runtime_error);

    const fs::path pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer([&] { std::ofstream(pipe, std::ios::binary) << golden(); });
    const Array array = load_npy(pipe);
    writer.join();
    CHECK(array.shape() == Shape{2, 3});
}

TEST_CASE("npy: an array is read once, where it will stay") {
    const TemporaryFolder folder;
    save_npy(folder / "large.npy", ones({1000, 1500}));
    release_memory();
    const std::uint64_t before = memory_stats().system_bytes;
    const Array array = load_npy(folder / "large.npy");
    CHECK(memory_stats().system_bytes - before < 1.5 * static_cast<double>(array.size() * sizeof(Real)));
}
