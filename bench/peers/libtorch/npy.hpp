// Reads a .npy file of float32 or int64 in C order into a tensor; whatever else a file holds is refused.
#pragma once
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace npy {

[[noreturn]] inline void fail(const std::string& path, const std::string& why) {
    throw std::runtime_error(path + ": " + why);
}

/// The header's dictionary, as text: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
inline std::string read_header(std::istream& file, const std::string& path) {
    unsigned char start[10];  // magic, version, length of the dictionary in little-endian order
    if (!file.read(reinterpret_cast<char*>(start), sizeof start)) fail(path, "is too short for a .npy file");
    if (std::string(start, start + 6) != "\x93NUMPY" || start[6] != 1) fail(path, "is no .npy file of version 1");
    std::string header(start[8] + 256U * start[9], ' ');
    if (!file.read(header.data(), static_cast<std::streamsize>(header.size()))) fail(path, "ends in its header");
    return header;
}

inline std::vector<std::int64_t> parse_shape(const std::string& header, const std::string& path) {
    const std::size_t begin = header.find("'shape': ("), end = header.find(')', begin);
    if (begin == std::string::npos || end == std::string::npos) fail(path, "has no shape");
    std::vector<std::int64_t> shape;
    std::int64_t size = 1;
    for (std::size_t at = header.find_first_of("0123456789)", begin); at < end;
         at = header.find_first_of("0123456789)", at)) {
        std::size_t digits = 0;
        shape.push_back(std::stoll(header.substr(at, end - at), &digits));
        at += digits;
        if (shape.back() < 1 || shape.back() > (std::int64_t{1} << 40) / size) fail(path, "has a shape beyond all use");
        size *= shape.back();
    }
    return shape;
}

inline torch::ScalarType parse_type(const std::string& header, const std::string& path) {
    const auto has = [&](const char* text) { return header.find(text) != std::string::npos; };
    if (!has("'fortran_order': False")) fail(path, "is not in C order");
    if (has("'descr': '<f4'")) return torch::kFloat32;
    if (has("'descr': '<i8'")) return torch::kInt64;
    fail(path, "holds neither float32 nor int64");
}

/// Nothing is allocated before the file's size has confirmed the header.
inline torch::Tensor read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) fail(path, "cannot be opened");
    const std::string header = read_header(file, path);
    const std::vector<std::int64_t> shape = parse_shape(header, path);
    const torch::ScalarType type = parse_type(header, path);
    const auto bytes = static_cast<std::uint64_t>(c10::multiply_integers(shape)) * c10::elementSize(type);
    if (std::filesystem::file_size(path) != 10 + header.size() + bytes) fail(path, "is not of its shape's size");
    torch::Tensor tensor = torch::empty(shape, type);
    if (!file.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(bytes)))
        fail(path, "is unreadable");
    return tensor;
}

}  // namespace npy
