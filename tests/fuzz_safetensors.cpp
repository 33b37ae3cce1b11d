// A libFuzzer target for the safetensors reader: any bytes give tensors or std::runtime_error, never anything else.
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include <embergrad/io/safetensors.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        embergrad::parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz");
    } catch (const std::runtime_error&) {
    }
    return 0;
}
