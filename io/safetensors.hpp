// Safetensors: named arrays in one file that PyTorch, NumPy and every other safetensors reader can open.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/state_dict.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What a safetensors file holds, in the order of its data.
struct SafeTensors {
    /// A tensor of a dtype that is not read.
    struct PassedOver {
        std::string name;
        std::string dtype;
        Shape shape;
    };
    StateDict tensors = {};                                 ///< of reals
    std::map<std::string, std::string> metadata = {};       ///< its `__metadata__`
    std::vector<std::pair<std::string, IdArray>> ids = {};  ///< of integers: PyTorch's buffers that count
    std::vector<PassedOver> passed_over = {};               ///< of anything else
};

/// Writes the tensors, sorted by name, as F32 (F64 where Real is double), bit for bit; the file at path is replaced
/// as one step. `__metadata__` is the caller's with "format": "pt" and "embergrad": "1", which are always ours.
/// Throws std::invalid_argument before anything is written (a name that is empty, used twice, not UTF-8 or
/// "__metadata__"; metadata that is not UTF-8; extents that overflow beside a 0), std::runtime_error if the file cannot
/// be written.
void save_safetensors(const std::string& path, const StateDict& tensors,
                      const std::map<std::string, std::string>& metadata = {});

/// Reads a whole file. F64, F32, F16 and BF16 become Real: exactly, but for F64 read as float, which is rounded (too
/// large is infinity). I64, I32, I16, I8, U64, U32, U16, U8 and BOOL become ids; tensors of other dtypes are passed
/// over and named. Throws std::runtime_error "path: safetensors: what, where" if there is nothing else, for an integer
/// above 2^63 - 1, and for every header that is not exactly right, before it makes room for an array. Stricter than the
/// reference reader in three ways: no key twice, at most 64 axes, and no extents whose product overflows, even beside
/// an extent of 0. Memory: the arrays, for a pipe the file too, and for a hostile header (of at most 100 MB) about 15
/// times its size.
SafeTensors load_safetensors(const std::string& path);

/// The same for a file's bytes, at any alignment. source_name begins the messages.
SafeTensors parse_safetensors(std::span<const std::byte> bytes, std::string_view source_name);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
