// A libFuzzer target for the guess at a file's format: any bytes have one or give std::runtime_error.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include <embergrad/vectors/format.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace embergrad;
    try {
        const VectorFormat format = detail::detect_format({reinterpret_cast<const char*>(data), size}, "fuzz");
        if (vector_format(to_string(format)) != format) __builtin_trap();
    } catch (const std::runtime_error&) {
    }
    return 0;
}
