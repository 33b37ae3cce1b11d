// SafeTensorsHeader: the beginning of a safetensors file, which says what tensors are in it and where.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/io/array_source.hpp>
#include <embergrad/io/stored_integer.hpp>
#include <embergrad/io/stored_real.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

inline constexpr std::string_view kMetadataKey = "__metadata__";
inline constexpr std::size_t kSafeTensorsLengthBytes = 8;
inline constexpr std::size_t kSafeTensorsMaxHeader = 100'000'000;  // as the reference reader
inline constexpr std::size_t kSafeTensorsMaxRank = 64;  // as PyTorch; bounds the memory of a header full of extents

/// "F32" for f32.
std::string_view safetensors_name(StoredReal dtype);

/// What the header says of one tensor.
struct TensorEntry {
    std::string name;
    std::string dtype = {};
    std::optional<StoredReal> real = {};        ///< the dtype, if it is one of these
    std::optional<StoredInteger> integer = {};  ///< or of these
    Shape shape = {};
    std::array<std::uint64_t, 2> offsets = {};  ///< first byte and one past the last, from the end of the header
};

/// The tensor's dtype. An error unless it is one of reals.
StoredReal readable_dtype(const TensorEntry& entry, const ArraySource& source);

struct SafeTensorsHeader {
    std::vector<TensorEntry> entries;  ///< in the order of their data, which they cover
    std::map<std::string, std::string> metadata;
    std::uint64_t data_bytes = 0;
};

/// Reads as far as the data, and checks all that can be known: that the header is right, that the tensors lie one
/// behind the other, each as long as its shape and dtype say (if it is of a dtype that can be read), and that together
/// they are as long as the file, if its size is known.
SafeTensorsHeader read_safetensors_header(ArraySource& source);

struct NamedShape {
    std::string name;
    Shape shape = {};
};

/// What save_safetensors writes before the Reals of these tensors: the length and the JSON, padded so that they begin
/// at a multiple of 8 bytes. Errors as save_safetensors, for names and metadata that are not UTF-8 or too long.
std::string safetensors_header_bytes(const std::vector<NamedShape>& tensors,
                                     const std::map<std::string, std::string>& metadata);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
