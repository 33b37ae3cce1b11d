// A libFuzzer target for the reader of word2vec's binary files: any bytes give finite vectors or std::runtime_error,
// never anything else. The first byte chooses the options.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include <embergrad/text/vector_reader.hpp>

namespace {

using namespace embergrad;

class Checker : public detail::VectorSink {
public:
    Checker(const WordVectorsOptions& options, std::size_t file_size) : options_(options), file_size_(file_size) {}

    void start(std::size_t d, std::optional<std::size_t> lines) override {
        const std::size_t most = lines.value_or(0);
        if (d_ != 0 || d == 0 || most > options_.limit || most * (1 + sizeof(float) * d) > file_size_) __builtin_trap();
        d_ = d;
    }
    bool selects() const override { return static_cast<bool>(options_.wanted); }
    bool wants(std::string_view word) const override { return options_.wanted(word); }
    bool add(std::string_view word, const Real* vector) override {
        if (d_ == 0 || word.empty() || words == options_.limit) __builtin_trap();
        for (std::size_t i = 0; i < d_; ++i)
            if (!std::isfinite(vector[i])) __builtin_trap();
        if (word.front() == '2') return false;  // as if it was there before
        ++words;
        return true;
    }

    std::size_t words = 0;

private:
    const WordVectorsOptions& options_;
    std::size_t file_size_;
    std::size_t d_ = 0;
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
    try {
        const WordVectorsReport report =
            detail::read_binary_vectors({detail::open_source(bytes, "fuzz"), "fuzz"}, options, checker);
        if (checker.words + report.duplicates + report.bad_lines > report.lines) __builtin_trap();
        if (!options.skip_bad_lines && !report.wrong_header.empty()) __builtin_trap();
    } catch (const std::runtime_error&) {
    }
    return 0;
}
