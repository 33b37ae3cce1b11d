// Safetensors: named arrays in one file that PyTorch, NumPy and every other safetensors reader can open.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/state_dict.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What a safetensors file holds.
struct SafeTensors {
    StateDict tensors = {};                            ///< in the order of the file's data
    std::map<std::string, std::string> metadata = {};  ///< its `__metadata__`
};

/// Writes the tensors, sorted by name, as F32 (F64 where Real is double), bit for bit; the file at path is replaced
/// as one step. `__metadata__` is the caller's with "format": "pt" and "embergrad": "1", which are always ours.
/// Throws std::invalid_argument before anything is written (a name that is empty, used twice, not UTF-8 or
/// "__metadata__"; metadata that is not UTF-8), std::runtime_error if the file cannot be written.
void save_safetensors(const std::string& path, const StateDict& tensors,
                      const std::map<std::string, std::string>& metadata = {});

/// Reads a whole file. F64, F32, F16 and BF16 become Real: exactly, but for F64 read as float, which is rounded (too
/// large is infinity). Throws std::runtime_error "path: safetensors: what, where" for anything else, and for every
/// header that is not exactly right, before it makes room for an array. Stricter than the reference reader in three
/// ways: no key twice, at most 64 axes, and no extents whose product overflows, even beside an extent of 0.
/// Memory: the arrays, for a pipe the file too, and for a hostile header (of at most 100 MB) about 15 times its size.
SafeTensors load_safetensors(const std::string& path);

/// The same for a file's bytes, at any alignment. source_name begins the messages.
SafeTensors parse_safetensors(std::span<const std::byte> bytes, std::string_view source_name);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
