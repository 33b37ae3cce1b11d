// Files: POSIX calls, each with its errno in the message and started again when a signal cuts it short.
#include <embergrad/engine/system/file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestCall = std::size_t{1} << 30;  // some systems refuse 2 GiB in one read or write
constexpr std::size_t kFirstRead = std::size_t{64} << 10;

[[noreturn]] void fail_to(std::string_view what, const std::string& path, std::string_view reason) {
    fail<std::runtime_error>("cannot ", what, " ", path, ": ", reason);
}

/// What to do about errors that the system names without saying.
std::string_view advice(int error) {
    switch (error) {
        case ELOOP:
            return " (its links lead in a circle; ls -l shows where to)";
        case ENAMETOOLONG:
            return " (most systems allow 255 bytes between two slashes and 4095 in all)";
        case ENXIO:
            return " (a socket has no name to open: pass its bytes through a pipe, | cat |)";
        default:
            return "";
    }
}

[[noreturn]] void fail_to(std::string_view what, const std::string& path, int error) {
    fail_to(what, path, std::generic_category().message(error).append(advice(error)));
}

/// What it is that has a file's name and is none.
std::string_view other_kind(mode_t mode) {
    return S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

/// The call's result, called again while a signal interrupts it.
template <class Call>
auto uninterrupted(Call call) {
    auto result = call();
    while (result == -1 && errno == EINTR) result = call();
    return result;
}

/// An open file, closed at the end of the scope.
class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int get() const { return number_; }

private:
    int number_;
};

Descriptor open_to_read(const std::string& path, int flags = 0) {
    return Descriptor(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags); }));
}

/// A new file that removes itself unless it is renamed. Errors name the path it is meant to become. Where the system
/// can do that it has no name until then, so that a process that is killed leaves nothing behind either.
class TemporaryFile {
public:
    explicit TemporaryFile(const fs::path& target)
        : target_(target), folder_(target.parent_path()), file_(open_unnamed()) {
        if (file_ >= 0) return;
        with_free_name(
            [&](const char* name) { return file_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        ::close(file_);
        if (!path_.empty()) ::unlink(path_.c_str());
    }

    void write(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const std::size_t wanted = std::min(bytes.size(), kLargestCall);
            const ssize_t written = uninterrupted([&] { return ::write(file_, bytes.data(), wanted); });
            if (written < 0) fail_to("write", target_, errno);
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
    }

    void set_permissions(mode_t mode) {
        if (::fchmod(file_, mode & 0777) != 0) fail_to("write", target_, errno);
    }

    void flush() {
        if (uninterrupted([&] { return ::fsync(file_); }) != 0) fail_to("write", target_, errno);
    }

    /// Puts it into its place.
    void rename() {
        if (path_.empty()) {
            const std::string open_file = kOpenFiles + std::to_string(file_);
            with_free_name([&](const char* name) {
                return ::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW);
            });
        }
        if (::rename(path_.c_str(), target_.c_str()) != 0) fail_to("write", target_, errno);
        path_.clear();
    }

private:
    static constexpr const char* kOpenFiles = "/proc/self/fd/";  // by which a file without a name can be given one

    /// -1 where there are no such files.
    int open_unnamed() const {
#ifdef O_TMPFILE
        if (::access(kOpenFiles, X_OK) != 0) return -1;
        const char* const folder = folder_.empty() ? "." : folder_.c_str();
        return uninterrupted([&] { return ::open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666); });
#else
        return -1;
#endif
    }

    /// Calls make(name) with names until one is free, which becomes path_. Names a crash or another process left behind
    /// are passed over.
    template <class Make>
    void with_free_name(Make make) {
        static std::atomic<unsigned> counter = 0;
        for (;;) {
            const std::string number = std::to_string(::getpid()) + "-" + std::to_string(counter++);
            const fs::path name = folder_ / (".embergrad-" + number + ".tmp");
            if (uninterrupted([&] { return make(name.c_str()); }) >= 0) {
                path_ = name;
                return;
            }
            if (errno != EEXIST) fail_to("write", target_, errno);
        }
    }

    std::string target_;
    fs::path folder_;
    fs::path path_;  // empty while it has no name
    int file_;
};

/// Where writing to path ends up: links are followed, also to what is not there yet.
fs::path target_of(const std::string& path) {
    constexpr int most_links = 40;  // as Linux
    std::error_code error;
    fs::path target = path;
    for (int links = 0; links < most_links && fs::is_symlink(fs::symlink_status(target, error)); ++links) {
        const fs::path next = fs::read_symlink(target, error);
        if (error) break;
        target = target.parent_path() / next;
    }
    return target;
}

/// The name of what path leads to, whether it is there or not; links and dots are gone.
fs::path full_name(const std::string& path) {
    std::error_code error;
    const fs::path absolute = fs::absolute(target_of(path), error);
    const fs::path canonical = fs::weakly_canonical(absolute, error);
    return error ? absolute.lexically_normal() : canonical;
}

}  // namespace

struct AtomicFile::Files {
    std::string path;
    Descriptor folder;
    TemporaryFile file;
};

AtomicFile::AtomicFile(const std::string& path) {
    struct stat old {};
    const bool replaces = ::stat(path.c_str(), &old) == 0;
    if (!replaces && errno != ENOENT) fail_to("write", path, errno);
    const fs::path target = target_of(path);
    if (!target.has_filename() || (replaces && S_ISDIR(old.st_mode))) fail_to("write", path, EISDIR);
    if (replaces && !S_ISREG(old.st_mode))
        fail_to("write", path,
                "it is " + std::string(other_kind(old.st_mode)) +
                    ", and only a file can be replaced as a whole: write a file, and pass that on");

    const fs::path parent = target.parent_path();
    Descriptor folder = open_to_read(parent.empty() ? "." : parent.string(), O_DIRECTORY);
    if (folder.get() < 0) fail_to("write", path, errno);
    files_.reset(new Files{path, std::move(folder), TemporaryFile(target)});
    if (replaces) files_->file.set_permissions(old.st_mode);
}

AtomicFile::AtomicFile(AtomicFile&&) noexcept = default;
AtomicFile& AtomicFile::operator=(AtomicFile&&) noexcept = default;
AtomicFile::~AtomicFile() = default;

void AtomicFile::write(std::span<const std::byte> bytes) { files_->file.write(bytes); }

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::flush() { files_->file.flush(); }

void AtomicFile::commit() {
    flush();
    files_->file.rename();
    const int synced = uninterrupted([&] { return ::fsync(files_->folder.get()); });
    if (synced != 0 && errno != EINVAL)
        fail_to("fsync the folder of", files_->path, errno);  // EINVAL: has no such thing
}

void write_file_atomically(const std::string& path, std::span<const std::span<const std::byte>> pieces) {
    AtomicFile file(path);
    for (const std::span<const std::byte> piece : pieces) file.write(piece);
    file.commit();
}

void write_file_atomically(const std::string& path, std::string_view text) {
    const std::span<const std::byte> piece = std::as_bytes(std::span(text));
    write_file_atomically(path, std::span(&piece, 1));
}

void check_writable(const std::string& path) { AtomicFile{path}; }

bool is_same_path(const std::string& a, const std::string& b) { return full_name(a) == full_name(b); }

struct FileReader::File {
    std::string path;
    Descriptor descriptor;
    struct stat status {};
};

FileReader::FileReader(const std::string& path) : file_(new File{path, open_to_read(path)}) {
    struct stat& status = file_->status;
    if (file_->descriptor.get() < 0 || ::fstat(file_->descriptor.get(), &status) != 0) fail_to("read", path, errno);
    if (S_ISDIR(status.st_mode)) fail_to("read", path, EISDIR);
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode))
        fail_to("read", path, "it is " + std::string(other_kind(status.st_mode)) + ", neither a file nor a pipe");
}

FileReader::FileReader(FileReader&&) noexcept = default;
FileReader& FileReader::operator=(FileReader&&) noexcept = default;
FileReader::~FileReader() = default;

std::size_t FileReader::read(std::span<char> buffer) {
    std::size_t size = 0;
    while (size < buffer.size()) {
        const std::size_t wanted = std::min(buffer.size() - size, kLargestCall);
        const int file = file_->descriptor.get();
        const ssize_t got = uninterrupted([&] { return ::read(file, buffer.data() + size, wanted); });
        if (got < 0) fail_to("read", file_->path, errno);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    return size;
}

std::optional<std::size_t> FileReader::size() const {
    if (!S_ISREG(file_->status.st_mode)) return std::nullopt;
    return static_cast<std::size_t>(file_->status.st_size);
}

std::string FileReader::read_rest(std::size_t max_bytes) {
    const auto check = [&](std::size_t size) {
        if (size > max_bytes) fail_to("read", file_->path, "longer than " + std::to_string(max_bytes) + " bytes");
    };
    const std::size_t expected = this->size().value_or(0);  // only a hint: it may grow
    check(expected);
    std::string bytes(expected > 0 ? expected + 1 : kFirstRead, '\0');  // one more: the end is met without growing
    std::size_t size = 0;
    for (;;) {
        const std::size_t room = bytes.size() - size;
        const std::size_t got = read(std::span(bytes).subspan(size));
        size += got;
        check(size);
        if (got < room) break;
        bytes.resize(2 * size);
    }
    bytes.resize(size);
    return bytes;
}

std::string read_file(const std::string& path, std::size_t max_bytes) { return FileReader(path).read_rest(max_bytes); }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
