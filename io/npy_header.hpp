// NpyHeader: the beginning of a .npy file, which says what the array behind it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <embergrad/engine/array.hpp>
#include <embergrad/io/array_source.hpp>
#include <embergrad/io/stored_integer.hpp>
#include <embergrad/io/stored_real.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";
inline constexpr std::size_t kNpyMaxRank = 64;  // as NumPy

struct NpyHeader {
    std::string dtype = {};                     ///< "<f4"
    std::optional<StoredReal> real = {};        ///< the dtype, if it is one of these
    std::optional<StoredInteger> integer = {};  ///< or of these
    bool fortran_order = false;
    Shape shape = {};
    std::size_t data_begin = 0;    ///< in the file
    std::uint64_t data_bytes = 0;  ///< as many as dtype and shape take; they are there, if the file's size is known
};

/// Reads as far as the data. An error for everything but versions 1 to 3 with a header of at most 65,536 bytes and
/// reals, integers or booleans, and for a file that is shorter or longer than its header says, if its size is known.
NpyHeader read_npy_header(ArraySource& source);
/// The type of an array of reals. An error, which says what to do, if it holds integers.
StoredReal real_dtype(const NpyHeader& header, const ArraySource& source);

/// What save_npy writes before the Reals of an array of this shape; they begin at a multiple of 64 bytes. Throws
/// std::invalid_argument for more than 64 axes, and for extents that overflow.
std::string npy_header_bytes(const Shape& shape);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
