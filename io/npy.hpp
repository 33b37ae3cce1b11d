// .npy: one array in a file that numpy.load can open.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <embergrad/engine/array.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Writes the array as numpy.save does, format 1.0, "<f4" ("<f8" where Real is double), bit for bit; the file at path
/// is replaced as one step. Throws std::invalid_argument for more than 64 axes, or extents that overflow beside a 0,
/// before anything is written, std::runtime_error if the file cannot be written.
void save_npy(const std::string& path, const Array& array);
/// The same of ids, as "<i8".
void save_npy_ids(const std::string& path, const IdArray& ids);

/// Reads "<f4", "<f8" and "<f2" of any shape, in C's or Fortran's order, formats 1.0 to 3.0. They become Real: exactly,
/// but for "<f8" read as float, which is rounded (too large is infinity). Throws std::runtime_error "path: npy: what"
/// for anything else (of integers it says to use load_npy_ids), and for every file that is not exactly as long as its
/// header says, before it makes room for the array. Memory: the array, in Fortran's order twice; for a pipe the file
/// too.
Array load_npy(const std::string& path);

/// The same for a file's bytes, at any alignment. source_name begins the messages.
Array parse_npy(std::span<const std::byte> bytes, std::string_view source_name);

/// Reads integers of 1, 2, 4 and 8 bytes, with a sign or without, and bool (0 and 1); all else as load_npy. An integer
/// above 2^63 - 1 is an error.
IdArray load_npy_ids(const std::string& path);
/// The same for a file's bytes.
IdArray parse_npy_ids(std::span<const std::byte> bytes, std::string_view source_name);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
