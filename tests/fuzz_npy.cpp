// A libFuzzer target for the reader of .npy: any bytes give an array or std::runtime_error, never anything else.
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include <embergrad/io/npy.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        embergrad::parse_npy(std::as_bytes(std::span(data, size)), "fuzz");
    } catch (const std::runtime_error&) {
    }
    return 0;
}
