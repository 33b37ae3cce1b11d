// What a file of word vectors is, told from its first bytes.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/io/byte_source.hpp>
#include <embergrad/tests/shared_data.hpp>
#include <embergrad/tests/support.hpp>
#include <embergrad/vectors/format.hpp>

using namespace embergrad;
using namespace embergrad::testing;
using namespace std::string_literals;

namespace {

void check_format(std::string_view begin, VectorFormat format, int line = __builtin_LINE()) {
    INFO("called from line ", line);
    CHECK(to_string(detail::detect_format(begin, "test")) == to_string(format));
}

void check_text(std::string_view begin, int line = __builtin_LINE()) { check_format(begin, VectorFormat::text, line); }

void check_binary(std::string_view begin, int line = __builtin_LINE()) {
    check_format(begin, VectorFormat::word2vec_binary, line);
}

void check_other(std::string_view begin, const std::string& what, int line = __builtin_LINE()) {
    check_refused<std::runtime_error>([&] { detail::detect_format(begin, "test"); }, "test: this is " + what, line);
}

std::string floats(const std::vector<float>& values) {
    std::string bytes(4 * values.size(), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

bool has_control_byte(std::string_view bytes) {
    for (const char byte : bytes)
        if (static_cast<unsigned char>(byte) < ' ' && byte != '\n') return true;
    return false;
}

/// Records of d small random floats, as training makes them.
std::string random_records(std::size_t words, std::size_t d, std::string_view behind, Rng& rng) {
    std::string bytes;
    for (std::size_t i = 0; i < words; ++i) {
        std::vector<float> values(d);
        for (float& value : values) value = static_cast<float>(rng.uniform(-1, 1));
        bytes += "word" + std::to_string(i) + " " + floats(values) + std::string(behind);
    }
    return bytes;
}

std::string safetensors(std::uint64_t length, const std::string& header) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes + header;
}

const std::string kSmallFloats = floats({0.1F, -0.2F});  // no control bytes, not UTF-8

}  // namespace

TEST_CASE("vector format: names") {
    const std::vector<std::pair<VectorFormat, std::string>> names = {{VectorFormat::text, "text"},
                                                                     {VectorFormat::word2vec_text, "word2vec-text"},
                                                                     {VectorFormat::word2vec_binary, "word2vec-binary"},
                                                                     {VectorFormat::npy, "npy"},
                                                                     {VectorFormat::safetensors, "safetensors"},
                                                                     {VectorFormat::projector, "projector"}};
    for (const auto& [format, name] : names) {
        CHECK(to_string(format) == name);
        CHECK(vector_format(name) == format);
    }
    for (const char* name : {"", "Text", "text ", "word2vec", "npz"}) CHECK(vector_format(name) == std::nullopt);
}

TEST_CASE("vector format: npy and safetensors by their first bytes") {
    check_format("\x93NUMPY\x01\x00v", VectorFormat::npy);
    check_text("\x93NUMP");
    check_format(safetensors(2, "{}"), VectorFormat::safetensors);
    check_format(safetensors(100'000'000, "{\"a\":"), VectorFormat::safetensors);
    check_format(safetensors(9, " \t\r\n {}"), VectorFormat::safetensors);  // as the reference reader
    check_text(safetensors(1, "{}"));
    check_text(safetensors(100'000'001, "{}"));
    check_text(safetensors(20, "[]"));
    check_text(safetensors(20, "    "));
    check_text(safetensors(20, ""));
    check_text("{\"a\": 1}");
}

TEST_CASE("vector format: what is something else is refused, and what to do is said") {
    check_other("PK\3\4abc",
                "a zip archive; unpack it first (GloVe and fastText come as such), or save what is in it as "
                "safetensors or .npy (a PyTorch checkpoint, an .npz)");
    check_other("\xBA\x16\x4F\x2F\x0C\0\0\0"s, "a fastText model; read the .vec file that belongs to it");
    for (const char* begin : {"\x80\2}q", "\x80\3}q", "\x80\4\x95", "\x80\5\x95"})
        check_other(begin,
                    "a Python pickle; write it anew in Python: gensim's vectors with "
                    "KeyedVectors.save_word2vec_format, PyTorch's weights as safetensors");
    check_other("\x1F\x8B\x08", "compressed with gzip twice; decompress it once (gunzip)");
    check_other("BZh91AY&SY\xE9", "compressed with bzip2; decompress it first (bunzip2)");
    check_other("BZh1\x17rE8P\x90", "compressed with bzip2; decompress it first (bunzip2)");
    check_other("\xFD\x37zXZ\0\0"s, "compressed with xz; decompress it first (unxz)");
    check_other("\x28\xB5\x2F\xFD\x24", "compressed with zstd; decompress it first (unzstd)");
    check_other("7z\xBC\xAF\x27\x1C", "a 7z archive; unpack it first");
    check_other("\x89HDF\r\n\x1A\n", "an HDF5 file; save the vectors in it as safetensors or .npy");
    check_other("SQLite format 3\0"s, "an SQLite database; write the vectors in it as text");
    check_other("version https://git-lfs.github.com/spec/v1\n",
                "a Git LFS pointer, not the file; fetch that with git lfs pull");
    check_other("\xFF\xFEt\0h\0e\0"s, "text in UTF-16; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)");
    check_other("\xFE\xFF\0t\0h\0e"s, "text in UTF-16; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)");
    std::string tar = "vectors.txt" + std::string(246, '\0') + "ustar";
    check_other(tar + "\0"s + "00", "a tar archive; unpack it first (tar -xf)");
    check_other(tar + "  \0"s, "a tar archive; unpack it first (tar -xf)");
    check_text(tar + " 0.1");
}

TEST_CASE("vector format: files without a magic are told by what they begin with") {
    const auto ints = [](std::vector<std::int32_t> values) {
        return std::string(reinterpret_cast<const char*>(values.data()), 4 * values.size());
    };
    const std::string model = "a fastText model; read the .vec file that belongs to it";
    const std::vector<std::int32_t> arguments = {100, 5, 5, 5, 5, 1, 2, 2, 2'000'000, 3, 6, 100};
    check_other(ints(arguments) + "\x2d\x43\x1c\xeb\xe2\x36\x1a\x3f" + ints({3, 3, 0, 12, 0}) + "the\0"s, model);
    check_other(ints({10, 5, 5, 1, 5, 2, 3, 3, 0, 0, 0, 100}), model);  // a supervised one
    std::vector<std::int32_t> other = arguments;
    other[7] = 9;  // no model is that
    check_text(ints(other));
    check_other("FiFu\0\0\0\0\2\0\0\0"s, "a finalfusion file; write it as text (finalfusion convert -t textdims)");

    const std::string pickle =
        "a Python pickle; write it anew in Python: gensim's vectors with KeyedVectors.save_word2vec_format, PyTorch's "
        "weights as safetensors";
    for (const std::string begin :
         {"(dp0\nS'the'\np1\n", "(dp1\nVthe\n", "(lp0\nF0.5\n", "(dp0\nS'the'\np1\ncnumpy.core.multiarray\n",
          "cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\n",
          "ccopy_reg\n_reconstructor\n(cgensim.models.word2vec\n", "ccollections\nOrderedDict\np0\n", "}q\1(U\3theq\2",
          "]q\1(G?"})
        check_other(begin, pickle);
    check_other("{\"metadata\": {\"total_size\": 1},\n \"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\"}}",
                "the index of a model in several files; give the one that it names for the tensor (weight_map)");
}

TEST_CASE("vector format: numbers without words are told, as GloVe's own binary file has them") {
    Rng rng(5);
    std::vector<double> values(40);
    for (double& value : values) value = rng.uniform(-0.5, 0.5) / 50;
    const auto bytes = [&](std::size_t n) { return std::string(reinterpret_cast<const char*>(values.data()), 8 * n); };
    const std::string what =
        "numbers of 8 bytes without words, as in GloVe's own binary file; read the text that it writes "
        "beside it (-binary 2), or an .npy of the array";
    check_refused<std::runtime_error>([&] { detail::detect_format(bytes(40), "test"); }, "test: this is " + what);
    check_refused<std::runtime_error>([&] { detail::detect_format(bytes(6), "test"); }, "test: this is " + what);
    check_text(std::string(40, '?').append(" 1 2\n"));  // doubles of a usual size, but plain text
}

TEST_CASE("vector format: UTF-16 and UTF-32 without a mark are told by their zeros") {
    const auto wide = [](std::string_view text, std::size_t before, std::size_t behind) {
        std::string bytes;
        for (const char byte : text) bytes += std::string(before, '\0') + byte + std::string(behind, '\0');
        return bytes;
    };
    const std::string text = "the 0.1 0.2\nof 1 2\n";
    const std::string utf16 = "text in UTF-16; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)";
    const std::string utf32 = "text in UTF-32; convert it to UTF-8 (iconv -f UTF-32 -t UTF-8)";
    check_other(wide(text, 0, 1), utf16);
    check_other(wide(text, 1, 0), utf16);
    check_other(wide(text, 0, 3), utf32);
    check_other(wide(text, 3, 0), utf32);
    check_other("\xFF\xFE\0\0"s + wide(text, 0, 3), utf32);
    check_other("\x2D\x4E" + wide(text, 0, 1), utf16);  // a letter that takes both bytes
    check_text("a\0b 1 2\nc\0d 3 4\n"s);
}

TEST_CASE("vector format: the beginning of a word is no other file") {
    for (const char* text : {"PK 1 2\n", "BZh 1 2\n", "BZh9 1 2\n", "7z 1 2\n", "ustar 1 2\n", "version 1 2\n",
                             "\x80 1 2\n", "\x89HDF 1 2\n", "\xFF 1 2\n", "(dp0 1 2\n", "( 1 2\n", "cat 1 2\n",
                             "FiF 1 2\n", "{ 1 2\n", "}q 1 2\n", "(lp 1\n"})
        check_text(text);
}

TEST_CASE("vector format: text") {
    check_text("");
    check_text("the 0.1 0.2\n");
    check_text("2 2\nthe 0.1 0.2\nof 1 2\n");
    check_text("2 2\nthe 0.1 0.2 \nof 1 2 ");        // fastText's spaces, no \n at the end
    check_text("2 2\r\nthe 0.1 0.2\r\nof 1 2\r\n");  // Windows
    check_text("2 2\nthe 0.1 0.2\r\nof 1 2\r\n");    // half Windows
    check_text("2 2\nthe\t0.1\t0.2\nof\t1\t2\n");    //
    check_text(
        "\xEF\xBB\xBF"
        "2 2\nthe 0.1 0.2\n");             // a byte order mark
    check_text("\n\n2 2\nthe 0.1 0.2\n");  // blank lines
    check_text("2 2\n\n\nthe 0.1 0.2\n");
    check_text("2 1\na 1\nb 2\n");                         // D = 1
    check_text("2 1\n");                                   // a header, or a word and its number
    check_text("3 2\ncaf\xE9 1 2\n\xFF\xFE 1 2\nof 1 2");  // not UTF-8
    check_text("1 2\ncaf\xE9 1 2");
    check_text("2 2\n\xE4\xB8\xAD 1 2\n\xE6\x96\x87 1 2\n");
}

TEST_CASE("vector format: text with stray control bytes") {
    check_text("4 2\nthe 1 2\na\0b 1 2\n\x01 1 2\nof 1 2\n"s);
    check_text("2 1\nthe 1\n\x01 1\n");
    check_text("\x01 1\n\x02 2\n");  // there is no header
}

TEST_CASE("vector format: text that is wrong stays text, so that the error is about its lines") {
    check_text("2 300\nthe 1 2\nof 1 2\n");  // a wrong header
    check_text("2 1\n\xE4\xB8\xAD 1 2 3 4 5\n");
    check_text("2 1\ncaf\xE9 1 2 3 4 5\nna\xEFve 1 2 3 4 5\n");
    check_text("2 2\nthe 1 x\nof y 2 z\n");
    check_text("1 1\nword abc\n");  // would be a word and a float
    check_text("12 34\nA text that has no numbers.\n");
    check_text("12 1\nEin sch\xC3\xB6ner Text ohne Zahlen.\n");
    check_text("12 34\nthe " + std::string(100'000, 'x'));
}

TEST_CASE("vector format: text with a line longer than the sample") {
    std::string text = "3 40000\n\xE9t\xE9";
    while (text.size() < detail::kFormatSample) text += " 0.25";
    check_text(text.substr(0, detail::kFormatSample));
}

TEST_CASE("vector format: word2vec's binary files, small and large, with and without newlines") {
    const std::uint64_t seed = 11;
    INFO("seed ", seed);
    Rng rng(seed);
    for (const std::size_t d : std::vector<std::size_t>{1, 2, 3, 50, 300, 5000}) {
        for (const char* behind : {"", "\n"}) {
            for (const std::size_t words : std::vector<std::size_t>{1, 2, 10, 3000}) {
                std::string bytes = random_records(words, d, behind, rng);
                if (!has_control_byte(bytes)) bytes += "x " + std::string(4 * d, '\0');
                bytes = std::to_string(words) + " " + std::to_string(d) + "\n" + bytes;
                INFO("D = ", d, ", words ", words);
                check_binary(bytes.substr(0, detail::kFormatSample));
            }
        }
    }
}

TEST_CASE("vector format: small binary files without a control byte") {
    REQUIRE(!has_control_byte(kSmallFloats));
    check_binary("1 2\nthe " + kSmallFloats);
    check_binary("1 2\nthe " + kSmallFloats + "\n");
    check_binary("2 2\nthe " + kSmallFloats + "\nof " + kSmallFloats + "\n");
    check_binary("2 2\nthe " + kSmallFloats + "of " + kSmallFloats);
    check_binary("1 1\nthe " + floats({0.1F}));
    check_binary("1 1\ncaf\xE9 " + floats({0.1F}) + "\n");
    check_binary("1 2  \n\nthe " + kSmallFloats);         // spaces behind the header
    check_text("1 2\nthe " + kSmallFloats.substr(0, 7));  // no record fits
    check_text("1 2\r\nthe " + kSmallFloats);             // \r: no binary file
    check_text("1  2\nthe " + kSmallFloats);              // two spaces
    check_binary("1 1\nthe " + floats({0.7F}));           // "333?": ASCII throughout, but one word to the end
    check_binary("1 1\nthe " + floats({0.7F}) + "\n");
    check_text("2 1\nthe " + floats({0.7F}));
}

TEST_CASE("vector format: binary files with words that are not UTF-8, a damaged or hostile header") {
    check_binary("1 2\ncaf\xE9 " + floats({1, 2}));
    check_binary("1 2\n\xE4\xB8\xAD " + floats({1, 2}));
    check_binary("1 0\nthe \x01");
    check_binary("18446744073709551615 18446744073709551615\nthe \x01");
    check_text("18446744073709551616 2\nthe \x01");  // no number
    check_text("1 2 3\nthe \x01");
    check_text("1 x\nthe \x01");
    check_text("-1 2\nthe \x01");
    check_text("1 2\tthe \x01\n");
    check_binary("1 2" + std::string(60, ' ') + "\nthe \x01");
    check_text("1 2" + std::string(61, ' ') + "\nthe \x01");  // too long for a header
}

TEST_CASE("vector format: any bytes, cut anywhere, have a format or are refused") {
    const std::uint64_t seed = 12;
    INFO("seed ", seed);
    Rng rng(seed);
    for (const std::string& begin : {""s, "2 3\n"s, "\x93NUM"s, safetensors(50, "{"), "PK\3"s}) {
        for (std::size_t size = 0; size < 300; ++size) {
            std::string bytes = begin;  // of its own size, for AddressSanitizer
            while (bytes.size() < size) bytes += static_cast<char>(rng.below(256));
            try {
                const VectorFormat format = detail::detect_format(bytes, "test");
                CHECK(format != VectorFormat::projector);
            } catch (const std::runtime_error& error) {
                CHECK(std::string(error.what()).starts_with("test: this is "));
            }
        }
    }
}

TEST_CASE("vector format: real files are text") {
    const auto folder = shared_data("vectors_awkward");
    if (!folder) return;
    for (const char* name : {"plain.txt", "crlf.txt", "header.txt", "blank-lines.txt", "bom.txt",
                             "words-with-spaces.txt", "too-few-numbers.txt"}) {
        INFO(name);
        std::string begin(detail::kFormatSample, '\0');
        begin.resize(detail::open_source(*folder / name)->read(begin));
        check_text(begin);
    }
}
