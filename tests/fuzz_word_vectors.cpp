// A libFuzzer target for the reader of word vectors: any bytes give vectors or std::runtime_error, never anything else.
// The first byte chooses the options.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include <embergrad/text/word_vectors.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    embergrad::WordVectorsOptions options{.skip_bad_lines = (data[0] & 1) != 0};
    if (const std::size_t dimension = data[0] >> 1; dimension > 0) options.dimension = dimension;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    try {
        const auto vectors = embergrad::WordVectors::parse(text, "fuzz", options);
        if (vectors.size() == 0 || vectors.find(vectors.word(vectors.size() - 1)) != vectors.size() - 1)
            __builtin_trap();
    } catch (const std::runtime_error&) {
    }
    return 0;
}
