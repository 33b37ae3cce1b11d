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

constexpr std::size_t kLargestCall = std::size_t{1} << 30;  // some systems refuse 2 GiB in one read or write
constexpr std::size_t kFirstRead = std::size_t{64} << 10;

[[noreturn]] void fail_to(std::string_view what, const std::string& path, std::string_view reason) {
    fail<std::runtime_error>("cannot ", what, " ", path, ": ", reason);
}

[[noreturn]] void fail_to(std::string_view what, const std::string& path, int error) {
    fail_to(what, path, std::generic_category().message(error));
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

/// A new file that removes itself unless it is renamed. Errors name the path it is meant to become.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::filesystem::path& target)
        : target_(target), path_(target.parent_path()), file_(create()) {}
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (!renamed_) ::unlink(path_.c_str());
    }

    void write(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const std::size_t wanted = std::min(bytes.size(), kLargestCall);
            const ssize_t written = uninterrupted([&] { return ::write(file_.get(), bytes.data(), wanted); });
            if (written < 0) fail_to("write", target_, errno);
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
    }

    void set_permissions(mode_t mode) {
        if (::fchmod(file_.get(), mode & 0777) != 0) fail_to("write", target_, errno);
    }

    void flush() {
        if (uninterrupted([&] { return ::fsync(file_.get()); }) != 0) fail_to("write", target_, errno);
    }

    void rename() {
        if (::rename(path_.c_str(), target_.c_str()) != 0) fail_to("write", target_, errno);
        renamed_ = true;
    }

private:
    /// Names a crash or another process left behind are passed over.
    int create() {
        static std::atomic<unsigned> counter = 0;
        const std::filesystem::path folder = path_;
        for (;;) {
            path_ = folder / (".embergrad-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp");
            const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
            const int file = uninterrupted([&] { return ::open(path_.c_str(), flags, 0666); });
            if (file >= 0) return file;
            if (errno != EEXIST) fail_to("write", target_, errno);
        }
    }

    std::string target_;
    std::filesystem::path path_;
    Descriptor file_;
    bool renamed_ = false;
};

/// Where writing to path ends up, links followed. (canonical() knows only what exists.)
std::filesystem::path target_of(const std::string& path) {
    std::error_code none;
    const std::filesystem::path canonical = std::filesystem::canonical(path, none);
    return none ? std::filesystem::path(path) : canonical;
}

}  // namespace

struct AtomicFile::Files {
    std::string path;
    Descriptor folder;
    TemporaryFile file;
};

AtomicFile::AtomicFile(const std::string& path) {
    const std::filesystem::path target = target_of(path);
    struct stat old {};
    const bool replaces = ::stat(target.c_str(), &old) == 0;
    if (!replaces && errno != ENOENT) fail_to("write", path, errno);
    if (!target.has_filename() || (replaces && S_ISDIR(old.st_mode))) fail_to("write", path, EISDIR);
    if (replaces && !S_ISREG(old.st_mode)) fail_to("write", path, "not a file");

    const std::filesystem::path parent = target.parent_path();
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

struct FileReader::File {
    std::string path;
    Descriptor descriptor;
    struct stat status {};
};

FileReader::FileReader(const std::string& path) : file_(new File{path, open_to_read(path)}) {
    struct stat& status = file_->status;
    if (file_->descriptor.get() < 0 || ::fstat(file_->descriptor.get(), &status) != 0) fail_to("read", path, errno);
    if (S_ISDIR(status.st_mode)) fail_to("read", path, EISDIR);
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) fail_to("read", path, "not a file");
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
