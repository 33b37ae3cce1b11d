// Whole files: read at once, and written so that a reader finds the old content or the new, never a half.
#pragma once

#include <cstddef>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include <embergrad/engine/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Writes the pieces, one after the other, into path: a temporary file beside it, fsync, rename, fsync of the folder.
/// If anything fails the old file is untouched and no temporary one is left. Throws std::runtime_error with the path
/// and the reason. A file that was there keeps its permissions, a symbolic link stays one (its target is written).
/// Folders, devices and pipes are refused. (Should only the last step, the fsync of the folder, fail, the new file
/// is in place, but a loss of power could still bring the old one back.)
void write_file_atomically(const std::filesystem::path& path, std::span<const std::span<const std::byte>> pieces);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// All bytes of a file or of a pipe. Throws std::runtime_error with the path and the reason: missing, a folder or a
/// device, unreadable, longer than max_bytes.
std::string read_file(const std::filesystem::path& path,
                      std::size_t max_bytes = std::numeric_limits<std::size_t>::max());

}  // namespace embergrad::inline EMBERGRAD_PRECISION
