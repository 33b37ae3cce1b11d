// A libFuzzer target for the reader of word2vec's binary files: any bytes give finite vectors or std::runtime_error,
// never anything else. The first byte chooses the options.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <embergrad/vectors/reader.hpp>

namespace {

using namespace embergrad;

class Checker : public detail::VectorSink {
public:
    Checker(const WordVectorsOptions& options, std::size_t file_size) : options_(options), file_size_(file_size) {}

    bool selects() const override { return static_cast<bool>(options_.wanted); }
    bool wants(std::string_view word) const override { return options_.wanted(word); }
    std::size_t add(std::span<const std::string_view> some, const Real* vectors) override {
        if (!started_) __builtin_trap();
        const std::size_t before = words;
        for (std::size_t i = 0; i < some.size() * dimension(); ++i)
            if (!std::isfinite(vectors[i])) __builtin_trap();
        for (const std::string_view word : some) {
            if (word.empty() || words == options_.limit) __builtin_trap();
            if (word.front() != '2') ++words;  // those with a 2 as if they were there before
        }
        return words - before;
    }

    std::size_t words = 0;

private:
    void make_room(std::optional<std::size_t> lines) override {
        const std::size_t most = lines.value_or(0);
        const bool fits = most * (1 + sizeof(float) * dimension()) <= file_size_;
        if (started_ || dimension() == 0 || most > options_.limit || !fits) __builtin_trap();
        started_ = true;
    }

    const WordVectorsOptions& options_;
    std::size_t file_size_;
    bool started_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    WordVectorsOptions options{.skip_bad_lines = (data[0] & 1) != 0};
    if ((data[0] & 2) != 0) options.wanted = [](std::string_view word) { return word.size() % 2 == 0; };
    if ((data[0] & 4) != 0) options.limit = data[0] >> 6;
    if ((data[0] & 8) != 0) options.dimension = 1 + (data[0] >> 6);
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    Checker checker(options, bytes.size());
    detail::VectorFile file{detail::open_source(bytes, "fuzz"), "fuzz"};
    file.block_bytes = (data[0] & 32) != 0 ? 7 : 4096;  // words and numbers across the ends of blocks
    try {
        const WordVectorsReport report = detail::read_binary_vectors(std::move(file), options, checker);
        if (checker.words + report.duplicates + report.bad_lines > report.lines) __builtin_trap();
        if (!options.skip_bad_lines && !report.wrong_header.empty()) __builtin_trap();
    } catch (const std::runtime_error&) {
    }
    return 0;
}
