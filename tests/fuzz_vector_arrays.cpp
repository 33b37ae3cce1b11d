// A libFuzzer target for vectors in arrays, npy and safetensors, whose words are in a file of their own: any bytes give
// vectors or std::runtime_error. The first byte chooses the format, the options and how many words there are.
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include <embergrad/engine/system/file.hpp>
#include <embergrad/vectors/word_vectors.hpp>

namespace {

constexpr std::size_t kLists = 8;

/// Files with 1, 2, ... words, in a folder of this process.
std::array<std::filesystem::path, kLists> write_words() {
    const std::string name = "embergrad-fuzz-" + std::to_string(::getpid());
    const std::filesystem::path folder = std::filesystem::temp_directory_path() / name;
    std::filesystem::create_directories(folder);
    std::array<std::filesystem::path, kLists> paths;
    std::string words;
    for (std::size_t i = 0; i < kLists; ++i) {
        words += (i == 4 ? "word0" : "word" + std::to_string(i)) + "\n";  // once a duplicate
        paths[i] = folder / (std::to_string(i + 1) + ".txt");
        embergrad::write_file_atomically(paths[i], words);
    }
    return paths;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto paths = write_words();
    if (size == 0) return 0;
    embergrad::WordVectorsOptions options{.skip_bad_lines = (data[0] & 1) != 0,
                                          .words = paths[(data[0] >> 2) % kLists]};
    options.format = (data[0] & 2) != 0 ? embergrad::VectorFormat::npy : embergrad::VectorFormat::safetensors;
    if ((data[0] & 32) != 0) options.limit = 2;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    try {
        const auto vectors = embergrad::WordVectors::parse(bytes, "fuzz", options);
        if (vectors.size() > kLists || vectors.vectors().shape()[0] != vectors.size()) __builtin_trap();
    } catch (const std::runtime_error&) {
    }
    return 0;
}
