// A libFuzzer target for the reader of word vectors: any bytes give vectors or std::runtime_error, never anything else.
// The first byte chooses the options, the second the size of blocks and a limit: what is read must not depend on
// blocks.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <embergrad/vectors/reader.hpp>

namespace {

using namespace embergrad;

/// All that is read, as text.
class Transcript : public detail::VectorSink {
public:
    bool selects() const override { return false; }
    bool wants(std::string_view) const override { return true; }
    std::size_t add(std::span<const std::string_view> words, const Real* vectors) override {
        std::size_t fresh = 0;
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (!words_.emplace(words[i]).second) continue;
            text.append(words[i]).append(reinterpret_cast<const char*>(vectors + i * dimension()),
                                         dimension() * sizeof(Real));
            ++fresh;
        }
        return fresh;
    }
    std::string text;

private:
    void make_room(std::optional<std::size_t>) override {}
    std::set<std::string> words_;
};

std::string read(std::string_view text, const WordVectorsOptions& options, std::size_t block_bytes) {
    Transcript transcript;
    detail::VectorFile file{detail::open_source(text, "fuzz"), "fuzz"};
    file.block_bytes = block_bytes;
    try {
        const WordVectorsReport report = detail::read_text_vectors(std::move(file), options, transcript);
        return transcript.text + std::to_string(report.lines) + ' ' + std::to_string(report.bad_lines);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    WordVectorsOptions options{.skip_bad_lines = (data[0] & 1) != 0};
    if (const std::size_t dimension = data[0] >> 1; dimension > 0) options.dimension = dimension;
    if ((data[1] & 128) != 0) options.limit = 2;
    const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
    try {
        const auto vectors = WordVectors::parse(text, "fuzz", options);
        if (vectors.size() == 0 || vectors.find(vectors.word(vectors.size() - 1)) != vectors.size() - 1)
            __builtin_trap();
    } catch (const std::runtime_error&) {
    }
    // What the first block holds decides on the dimension and whether it fits; else blocks make no difference.
    if (!options.dimension) return 0;
    const std::string whole = read(text, options, size), pieces = read(text, options, 1 + (data[1] & 127));
    if (whole != pieces && !whole.starts_with("fuzz:") && !pieces.starts_with("fuzz:")) __builtin_trap();
    return 0;
}
