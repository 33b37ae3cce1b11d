// Word vectors from arrays of NumPy's and from tensors, driven without WordVectors.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <embergrad/engine/system/file.hpp>
#include <embergrad/tests/gzip.hpp>
#include <embergrad/tests/temporary_folder.hpp>
#include <embergrad/vectors/reader.hpp>

using namespace embergrad;
using detail::ByteSource;
using testing::gzip;

namespace {

constexpr VectorFormat kBoth[] = {VectorFormat::npy, VectorFormat::safetensors};

/// What came out of a file.
struct Result : detail::VectorSink {
    std::vector<std::string> words;
    std::vector<std::vector<Real>> vectors;
    std::optional<std::size_t> expected;
    std::size_t starts = 0;
    std::function<bool(std::string_view)> wanted;
    WordVectorsReport report;

    bool selects() const override { return static_cast<bool>(wanted); }
    bool wants(std::string_view word) const override { return !wanted || wanted(word); }
    std::size_t add(std::span<const std::string_view> some, const Real* rows) override {
        std::size_t fresh = 0;
        for (std::size_t i = 0; i < some.size(); ++i) {
            if (std::find(words.begin(), words.end(), some[i]) != words.end()) continue;
            words.emplace_back(some[i]);
            vectors.emplace_back(rows + i * dimension(), rows + (i + 1) * dimension());
            ++fresh;
        }
        return fresh;
    }

private:
    void make_room(std::optional<std::size_t> lines) override {
        expected = lines;
        ++starts;
    }
};

/// A file of words, gone at the end.
class WordFile {
public:
    explicit WordFile(const std::string& text) { write_file_atomically(path(), text); }
    std::filesystem::path path() const { return folder_ / "words"; }

private:
    TemporaryFolder folder_;
};

template <class T>
std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string npy_of(const std::string& shape, const std::string& data, const std::string& descr = "<f4",
                   const std::string& fortran = "False") {
    const std::string header = "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + "}";
    return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(header.size()) + '\0' + header + data;
}

std::string safetensors_of(const std::string& header, const std::string& data) {
    std::string length(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(header.size() >> 8 * i & 0xFF);
    return length + header + data;
}

/// "name":{...} of a safetensors header.
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, std::size_t begin,
                  std::size_t end) {
    return '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[)" +
           std::to_string(begin) + ',' + std::to_string(end) + "]}";
}

/// Three vectors of two numbers; in the safetensors file a tensor stands before them, another behind.
std::string file_of(VectorFormat format, const std::vector<float>& values = {1, 2, 3, 4, 5, 6}) {
    const std::string data = bytes_of(values);
    const std::string rows = std::to_string(values.size() / 2);
    if (format == VectorFormat::npy) return npy_of("(" + rows + ", 2)", data);
    const std::size_t end = 8 + data.size();
    return safetensors_of('{' + entry("a", "I64", "1", 0, 8) + ',' +
                              entry("embedding.weight", "F32", rows + ",2", 8, end) + ',' +
                              entry("z", "F32", "1", end, end + 4) + '}',
                          "8 bytes." + data + "4 by");
}

const std::string kThree = "one\ntwo\nthree\n";
using Words = std::vector<std::string>;

void run(Result& result, std::unique_ptr<ByteSource> source, VectorFormat format, const WordVectorsOptions& options) {
    result.wanted = options.wanted;
    result.report = read_array_vectors({std::move(source), "file"}, format, options, result);
}

Result read(const std::string& bytes, VectorFormat format, const std::string& words, WordVectorsOptions options = {}) {
    const WordFile file(words);
    options.words = file.path();
    Result result;
    run(result, detail::open_source(bytes, "file"), format, options);
    return result;
}

void refuse(const std::string& bytes, VectorFormat format, const std::string& message,
            const WordVectorsOptions& options = {}, const std::string& words = kThree) {
    CHECK_THROWS_WITH_AS(read(bytes, format, words, options), ("file: " + message).c_str(), std::runtime_error);
}

}  // namespace

TEST_CASE("array reader: rows and words come together, in their order") {
    for (const VectorFormat format : kBoth) {
        const std::string bytes = file_of(format);
        const Result result = read(bytes, format, kThree);
        CHECK(result.words == Words{"one", "two", "three"});
        CHECK(result.vectors == std::vector<std::vector<Real>>{{1, 2}, {3, 4}, {5, 6}});
        CHECK(result.starts == 1);
        CHECK(result.expected == 3);
        CHECK(result.report.format == format);
        CHECK(result.report.lines == 3);
        CHECK(result.report.bytes == bytes.size());
        CHECK(result.report.duplicates == 0);
    }
}

TEST_CASE("array reader: halves and doubles, from NumPy and in tensors") {
    const std::string halves = bytes_of<std::uint16_t>({0x3C00, 0xC000});
    const std::string doubles = bytes_of<double>({1, -2});
    const std::string brains = bytes_of<std::uint16_t>({0x3F80, 0xC000});
    const auto tensor = [](const std::string& dtype, const std::string& data) {
        return safetensors_of('{' + entry("x", dtype, "1,2", 0, data.size()) + '}', data);
    };
    for (const Result& result : {read(npy_of("(1, 2)", halves, "<f2"), VectorFormat::npy, "a"),
                                 read(npy_of("(1, 2)", doubles, "<f8"), VectorFormat::npy, "a"),
                                 read(tensor("F16", halves), VectorFormat::safetensors, "a"),
                                 read(tensor("F64", doubles), VectorFormat::safetensors, "a"),
                                 read(tensor("BF16", brains), VectorFormat::safetensors, "a")})
        CHECK(result.vectors == std::vector<std::vector<Real>>{{1, -2}});
}

TEST_CASE("array reader: many blocks, with what is unwanted, bad and twice among them") {
    constexpr std::size_t n = 20'000, d = 50;  // 4 MB
    std::vector<float> values(n * d);
    std::string words;
    for (std::size_t row = 0; row < n; ++row) {
        for (std::size_t i = 0; i < d; ++i) values[row * d + i] = static_cast<float>(row) + static_cast<float>(i) / 64;
        if (row % 1000 == 7) values[row * d + 3] = std::numeric_limits<float>::quiet_NaN();
        words += (row % 5000 == 8 ? "twice" : std::to_string(row)) + "\n";
    }
    const std::string bytes = npy_of("(20000, 50)", bytes_of(values));
    const auto wanted = [](std::string_view word) {
        return word.ends_with('7') || word.ends_with('3') || word == "twice";
    };
    const Result result = read(bytes, VectorFormat::npy, words, {.skip_bad_lines = true, .wanted = wanted});
    CHECK(result.report.lines == n);
    CHECK(result.report.bad_lines == 20);
    CHECK(result.report.duplicates == 3);
    CHECK(result.words.size() == n / 5 - 20 + 1);
    REQUIRE(result.report.first_bad_lines.size() == 10);
    CHECK(result.report.first_bad_lines[9].number == 9008);
    CHECK(result.report.first_bad_lines[9].reason == "value 4 is not finite");
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < result.words.size(); ++i) {
        const std::size_t row = result.words[i] == "twice" ? 8 : std::stoul(result.words[i]);
        for (std::size_t k = 0; k < d; ++k) wrong += result.vectors[i][k] != static_cast<Real>(values[row * d + k]);
    }
    CHECK(wrong == 0);
}

TEST_CASE("array reader: a row that is not finite is an error that says where, or skipped and counted") {
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    for (const VectorFormat format : kBoth) {
        const std::string bytes = file_of(format, {1, 2, 3, -inf, nan, 6});
        CHECK_THROWS_WITH_AS(read(bytes, format, kThree), "file:2: value 2 is not finite", std::runtime_error);
        const Result result = read(bytes, format, kThree, {.skip_bad_lines = true});
        CHECK(result.words == Words{"one"});
        CHECK(result.report.bad_lines == 2);
        CHECK(result.report.first_bad_lines.at(1).number == 3);
        CHECK(result.report.first_bad_lines.at(1).reason == "value 1 is not finite");
        refuse(file_of(format, {nan, 2, 3, inf}), format,
               "all rows are bad, the first of them row 1: value 1 is not finite", {.skip_bad_lines = true}, "a\nb\n");
        const auto first = [](std::string_view word) { return word == "one"; };
        CHECK(read(bytes, format, kThree, {.wanted = first}).words == Words{"one"});  // others are not looked at
        CHECK(read(bytes, format, kThree, {.limit = 1}).words == Words{"one"});
    }
    const std::string large = npy_of("(1, 1)", bytes_of<double>({1e300}), "<f8");
    if (sizeof(Real) == 4)
        CHECK_THROWS_WITH_AS(read(large, VectorFormat::npy, "a"), "file:1: value 1 is not finite", std::runtime_error);
    else
        CHECK(read(large, VectorFormat::npy, "a").words == Words{"a"});
}

TEST_CASE("array reader: the first of equal words counts, and a limit ends the reading") {
    for (const VectorFormat format : kBoth) {
        const std::string bytes = file_of(format);
        const Result twice = read(bytes, format, "a\nb\na\n");
        CHECK(twice.words == Words{"a", "b"});
        CHECK(twice.vectors[0] == std::vector<Real>{1, 2});
        CHECK(twice.report.duplicates == 1);
        CHECK(twice.report.lines == 3);

        const Result limited = read(bytes, format, "a\na\nb\n", {.limit = 1});
        CHECK(limited.words == Words{"a"});
        CHECK(limited.expected == 1);
        CHECK(limited.report.lines == 1);
        CHECK(limited.report.duplicates == 0);
        CHECK(read(bytes, format, "a\na\nb\n", {.limit = 2}).report.lines == 3);
        CHECK(read(bytes, format, kThree, {.limit = 9}).words.size() == 3);

        const auto wanted = [](std::string_view word) { return word.front() == 't'; };
        const Result some = read(bytes, format, kThree, {.wanted = wanted});
        CHECK(some.words == Words{"two", "three"});
        CHECK(some.vectors == std::vector<std::vector<Real>>{{3, 4}, {5, 6}});
        const auto nothing = [](std::string_view) { return false; };
        CHECK(read(bytes, format, kThree, {.wanted = nothing}).words.empty());
    }
}

TEST_CASE("array reader: there must be a word for each row, and a file for the words") {
    for (const VectorFormat format : kBoth) {
        const std::string bytes = file_of(format);
        for (const auto& [words, count] : std::map<std::string, std::string>{
                 {"", "0 words"}, {"a", "1 word"}, {"a\nb", "2 words"}, {"a\nb\nc\nd", "4 words"}}) {
            const WordFile file(words);
            Result result;
            CHECK_THROWS_WITH_AS(run(result, detail::open_source(bytes, "file"), format, {.words = file.path()}),
                                 ("file: 3 rows, but " + file.path().string() + " has " + count).c_str(),
                                 std::runtime_error);
            CHECK(result.starts == 0);
        }
        Result result;
        CHECK_THROWS_WITH_AS(run(result, detail::open_source(bytes, "file"), format, {}),
                             "file: the file holds no words: give the file that does (words)", std::runtime_error);
        refuse(bytes, format, "every row has 2 numbers, not 3", {.dimension = 3});
        CHECK(read(bytes, format, kThree, {.dimension = 2}).words.size() == 3);
    }
}

TEST_CASE("array reader: arrays that hold no vectors") {
    const std::string six = bytes_of<float>({1, 2, 3, 4, 5, 6});
    refuse(npy_of("(6,)", six), VectorFormat::npy,
           "npy: an array of shape (6,) holds no vectors; that takes (words, D)");
    refuse(npy_of("(1, 2, 3)", six), VectorFormat::npy,
           "npy: an array of shape (1, 2, 3) holds no vectors; that takes (words, D)");
    refuse(npy_of("(3, 0)", ""), VectorFormat::npy, "there are no vectors in it");
    refuse(npy_of("(0, 3)", ""), VectorFormat::npy, "there are no vectors in it");
    refuse(npy_of("(3, 2)", six, "<f4", "True"), VectorFormat::npy,
           "npy: the array is in Fortran's order: save numpy.ascontiguousarray(array)");
    refuse(npy_of("(3, 2)", six + 'x'), VectorFormat::npy, "npy: shape (3, 2) takes 24 bytes of data, the file has 25");
    refuse(npy_of("(3, 2)", six, "<i4"), VectorFormat::npy,
           "npy: holds integers, \"<i4\": load_npy_ids reads them; for reals, save array.astype(\"<f4\")");
    refuse("text", VectorFormat::npy, "npy: the file does not begin as one written by numpy.save");
}

TEST_CASE("array reader: the tensor is the one that is asked for, or one of the names it always has, or the only one") {
    const std::string data = bytes_of<float>({1, 2, 3, 4});
    const auto two = [&](const std::string& a, const std::string& b) {
        return safetensors_of('{' + entry(a, "F32", "1,2", 0, 8) + ',' + entry(b, "F32", "1,2", 8, 16) + '}', data);
    };
    const auto first = [](const Result& result) { return result.vectors.at(0).at(0); };
    const VectorFormat format = VectorFormat::safetensors;
    CHECK(first(read(two("x", "embedding.weight"), format, "a")) == 3);
    CHECK(first(read(two("embedding.weight", "x"), format, "a")) == 1);
    CHECK(first(read(two("embeddings", "embeddings.weight"), format, "a")) == 3);
    CHECK(first(read(two("x", "embeddings"), format, "a")) == 3);
    CHECK(first(read(two("embedding.weight", "x"), format, "a", {.tensor = "x"})) == 3);
    refuse(
        two("x", "y"), format,
        "safetensors: which tensor are the vectors in? Name it (tensor); there are \"x\" F32 (1, 2), \"y\" F32 (1, 2)",
        {}, "a");
    refuse(two("x", "y"), format, "safetensors: there is no tensor \"z\", but \"x\" F32 (1, 2), \"y\" F32 (1, 2)",
           {.tensor = "z"}, "a");
    refuse(safetensors_of("{}", ""), format,
           "safetensors: which tensor are the vectors in? Name it (tensor); there are no tensors");

    const std::string mixed =
        safetensors_of('{' + entry("ids", "I32", "1,2", 0, 8) + ',' + entry("only", "F32", "1,1", 8, 12) + ',' +
                           entry("bias", "F32", "1", 12, 16) + '}',
                       data);
    CHECK(first(read(mixed, format, "a")) == 3);
    refuse(mixed, format, "safetensors: tensor \"ids\": cannot read dtype \"I32\", only F64, F32, F16 and BF16",
           {.tensor = "ids"}, "a");
    refuse(mixed, format, "safetensors: an array of shape (1,) holds no vectors; that takes (words, D)",
           {.tensor = "bias"}, "a");

    std::string many = "{" + entry("t0", "F32", "0,1", 0, 0);
    for (int i = 1; i < 12; ++i) many += "," + entry("t" + std::to_string(i), "F32", "0,1", 0, 0);
    CHECK_THROWS_WITH_AS(read(safetensors_of(many + '}', ""), format, ""),
                         doctest::Contains("\"t9\" F32 (0, 1) and 2 more"), std::runtime_error);
}

TEST_CASE("array reader: rows that words share through a mapping are refused") {
    const auto file = [](const std::string& name) {
        return safetensors_of('{' + entry("mapping", "I64", "1", 0, 8) + ',' + entry(name, "F32", "1,1", 8, 12) + '}',
                              "8 bytes." + bytes_of<float>({1}));
    };
    refuse(file("embeddings"), VectorFormat::safetensors,
           "safetensors: words share the rows of \"embeddings\" through the tensor \"mapping\", which cannot be read",
           {}, "a");
    CHECK(read(file("x"), VectorFormat::safetensors, "a").words == Words{"a"});
}

TEST_CASE("array reader: a file cut anywhere is refused, compressed or not") {
    for (const VectorFormat format : kBoth) {
        const std::string bytes = file_of(format);
        const WordFile words(kThree);
        const auto cut = [&](const std::string& part) {
            Result result;
            CHECK_THROWS_AS(run(result, detail::open_source(part, "file"), format, {.words = words.path()}),
                            std::runtime_error);
        };
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            CAPTURE(size);
            cut(bytes.substr(0, size));
            cut(gzip(bytes.substr(0, size)));
        }
        cut(bytes + 'x');
        cut(gzip(bytes + 'x'));
        const std::string compressed = gzip(bytes);
        for (std::size_t size = 0; size < compressed.size(); ++size) {
            CAPTURE(size);
            cut(compressed.substr(0, size));
        }
    }
}

TEST_CASE("array reader: a compressed file is read like another, but not believed before its bytes come") {
    for (const VectorFormat format : kBoth) {
        const Result result = read(gzip(file_of(format)), format, kThree);
        CHECK(result.vectors == std::vector<std::vector<Real>>{{1, 2}, {3, 4}, {5, 6}});
        CHECK(result.expected == std::nullopt);
        CHECK(result.report.bytes == file_of(format).size());
    }
    const std::string petabyte = npy_of("(3, 1125899906842624)", std::string(100, '\0'));
    refuse(gzip(petabyte), VectorFormat::npy,
           "npy: the file ends too early, after " + std::to_string(petabyte.size()) + " bytes");
    refuse(petabyte, VectorFormat::npy,
           "npy: shape (3, 1125899906842624) takes 13510798882111488 bytes of data, the file has 100");
}

TEST_CASE("array reader: progress is told block by block, and can end the reading") {
    constexpr std::size_t n = 10'000, d = 64;  // 2.5 MB
    const std::string data(n * d * sizeof(float), '\0');
    std::string words;
    for (std::size_t row = 0; row < n; ++row) words += std::to_string(row) + "\n";
    const std::string npy = npy_of("(10000, 64)", data);
    const std::string tensor =
        safetensors_of('{' + entry("a", "U8", std::to_string(data.size()), 0, data.size()) + ',' +
                           entry("x", "F32", "10000,64", data.size(), 2 * data.size()) + '}',
                       data + data);
    for (const VectorFormat format : kBoth) {
        const std::string& bytes = format == VectorFormat::npy ? npy : tensor;
        std::vector<WordVectorsProgress> seen;
        const Result result = read(bytes, format, words, {.on_progress = [&](const WordVectorsProgress& progress) {
                                       seen.push_back(progress);
                                       return true;
                                   }});
        CHECK(result.words.size() == n);
        CHECK(seen.size() >= (format == VectorFormat::npy ? 3 : 6));
        CHECK(std::is_sorted(seen.begin(), seen.end(), [](auto& a, auto& b) { return a.bytes < b.bytes; }));
        CHECK(seen.back().words == n);
        CHECK(seen.back().bytes == bytes.size());
        std::size_t calls = 0;
        CHECK_THROWS_WITH_AS(
            read(npy, VectorFormat::npy, words, {.on_progress = [&](auto&) { return ++calls < 2; }}),
            ("file: stopped after " + std::to_string((std::size_t{1} << 20) / sizeof(Real) / d * 2) + " words").c_str(),
            std::runtime_error);
    }
}

TEST_CASE("array reader: any byte of the header changed is refused or gives whole vectors") {
    for (const VectorFormat format : kBoth) {
        const std::string bytes = file_of(format);
        const WordFile words(kThree);
        const std::size_t header_end = bytes.size() - (format == VectorFormat::npy ? 24 : 36);
        for (std::size_t bit = 0; bit < 8 * header_end; ++bit) {
            std::string flipped = bytes;
            flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
            Result result;
            try {
                run(result, detail::open_source(flipped, "file"), format, {.words = words.path()});
                CHECK(result.words.size() == 3);
            } catch (const std::runtime_error& error) {
                CHECK(std::string(error.what()).starts_with("file"));
            }
        }
    }
}
