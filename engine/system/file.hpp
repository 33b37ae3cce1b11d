// Files: read at once or piece by piece, and written so that a reader finds the old content or the new, never a half.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// A file that is written piece by piece and takes its place as one step: a temporary file beside it, then fsync,
/// rename, fsync of the folder. Without commit(), or if anything fails, the old file is untouched and no temporary one
/// is left, even of a process that is killed (where the folder's file system knows files without a name, as Linux's do;
/// else a file .embergrad-*.tmp stays). Everything throws std::runtime_error with the path and the reason. A file that
/// was there keeps its permissions; a symbolic link stays one: its target is written, be it there or not. Folders,
/// devices and pipes are refused. (Should only the last step, the fsync of the folder, fail, the new file is in place,
/// but a loss of power could still bring the old one back.)
class AtomicFile {
public:
    explicit AtomicFile(const std::string& path);
    AtomicFile(AtomicFile&&) noexcept;
    AtomicFile& operator=(AtomicFile&&) noexcept;
    ~AtomicFile();

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text);
    /// What was written so far is on the disk when this returns.
    void flush();
    /// Flushes, and puts the file into its place; the last call.
    void commit();

private:
    struct Files;
    std::unique_ptr<Files> files_;
};

/// The same for what is in memory already.
void write_file_atomically(const std::string& path, std::span<const std::span<const std::byte>> pieces);
void write_file_atomically(const std::string& path, std::string_view text);

/// Throws std::runtime_error, as AtomicFile does, if no file can be written there: to be asked before long work.
void check_writable(const std::string& path);

/// Whether both paths name one file, there or not, whatever links lead to it. Never throws for a path: a pipe or
/// a circle of links has the name it is given.
bool is_same_path(const std::string& a, const std::string& b);

/// A file or a pipe (/dev/stdin and <(command) in a shell are names of pipes), read from its beginning to its end in
/// pieces. Throws std::runtime_error as read_file.
class FileReader {
public:
    explicit FileReader(const std::string& path);
    FileReader(FileReader&&) noexcept;
    FileReader& operator=(FileReader&&) noexcept;
    ~FileReader();

    /// Fills the buffer as far as the file goes and gives how much that was: less than there is room only at the end.
    std::size_t read(std::span<char> buffer);
    /// All that is left. Throws std::runtime_error if the file is longer than max_bytes.
    std::string read_rest(std::size_t max_bytes = std::numeric_limits<std::size_t>::max());
    /// How long the file says it is; nothing for a pipe.
    std::optional<std::size_t> size() const;

private:
    struct File;
    std::unique_ptr<File> file_;
};

/// All bytes of a file or of a pipe. Throws std::runtime_error with the path and the reason: missing, a folder or a
/// device, unreadable, longer than max_bytes.
std::string read_file(const std::string& path, std::size_t max_bytes = std::numeric_limits<std::size_t>::max());

}  // namespace embergrad::inline EMBERGRAD_PRECISION
