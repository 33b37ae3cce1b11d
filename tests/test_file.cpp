// Reading whole files and replacing them as one step.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <embergrad/engine/system/file.hpp>
#include <embergrad/tests/temporary_folder.hpp>

using namespace embergrad;
namespace fs = std::filesystem;

namespace {

void check_error(const auto& call, const std::string& message) {
    CHECK_THROWS_WITH_AS(call(), message.c_str(), std::runtime_error);
}

/// "/dev/fd/7": how a shell names what it passes on.
std::string name_of(int descriptor) { return "/dev/fd/" + std::to_string(descriptor); }

/// Whether the file system knows files without a name, which vanish with their process.
bool has_unnamed_files(const fs::path& folder) {
    const int file = ::open(folder.c_str(), O_TMPFILE | O_WRONLY, 0600);
    if (file < 0) return false;
    ::close(file);
    return true;
}

}  // namespace

TEST_CASE("file: what is written is read back, any bytes, empty too") {
    const TemporaryFolder folder;
    for (const std::string& text : {std::string(), std::string("a\0\r\n\xff", 5), std::string(1 << 20, 'x')}) {
        write_file_atomically(folder / "a", text);
        CHECK(read_file(folder / "a") == text);
    }
    CHECK(folder.entries() == 1);
}

TEST_CASE("file: pieces follow one another, empty ones too") {
    const TemporaryFolder folder;
    const std::string first = "one ", second = "two";
    const std::vector<std::span<const std::byte>> pieces = {
        std::as_bytes(std::span(first)), {}, std::as_bytes(std::span(second))};
    write_file_atomically(folder / "a", pieces);
    CHECK(read_file(folder / "a") == "one two");
}

TEST_CASE("file: permissions and symbolic links stay") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "old");
    fs::permissions(folder / "a", fs::perms(0640));
    fs::create_symlink("a", folder / "link");
    write_file_atomically(folder / "link", "new");
    CHECK(fs::is_symlink(folder / "link"));
    CHECK(read_file(folder / "a") == "new");
    CHECK(fs::status(folder / "a").permissions() == fs::perms(0640));
}

TEST_CASE("file: a link to nothing stays a link, and what it leads to is written") {
    const TemporaryFolder folder;
    fs::create_directory(folder / "far");
    fs::create_symlink("far/second", folder / "first");
    fs::create_symlink("new", folder / "far/second");
    write_file_atomically(folder / "first", "text");
    CHECK(fs::is_symlink(folder / "first"));
    CHECK(fs::is_symlink(folder / "far/second"));
    CHECK(read_file(folder / "far/new") == "text");
    fs::create_symlink(folder / "gone/new", folder / "nowhere");
    check_error([&] { write_file_atomically(folder / "nowhere", "x"); },
                "cannot write " + (folder / "nowhere").string() + ": No such file or directory");
    CHECK(fs::is_symlink(folder / "nowhere"));
}

TEST_CASE("file: links in a circle and names that are too long are refused with what to know") {
    const TemporaryFolder folder;
    fs::create_symlink("b", folder / "a");
    fs::create_symlink("a", folder / "b");
    const std::string circle = (folder / "a").string(), name = (folder / std::string(256, 'n')).string();
    const std::string in_circle =
        circle + ": Too many levels of symbolic links (its links lead in a circle; ls -l shows where to)";
    const std::string too_long =
        name + ": File name too long (most systems allow 255 bytes between two slashes and 4095 in all)";
    check_error([&] { read_file(circle); }, "cannot read " + in_circle);
    check_error([&] { write_file_atomically(circle, "x"); }, "cannot write " + in_circle);
    check_error([&] { read_file(name); }, "cannot read " + too_long);
    check_error([&] { write_file_atomically(name, "x"); }, "cannot write " + too_long);
    CHECK(folder.entries() == 2);
}

TEST_CASE("file: two paths to one file are told, for any kind of path") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "x");
    fs::create_symlink("a", folder / "link");
    fs::create_symlink("new", folder / "to nothing");
    fs::create_symlink("circle", folder / "circle");
    CHECK(is_same_path(folder / "a", folder / "./link"));
    CHECK(is_same_path(folder / "new", folder / "to nothing"));
    CHECK(is_same_path(folder / "circle", folder / "circle"));
    CHECK_FALSE(is_same_path(folder / "a", folder / "new"));
    CHECK_FALSE(is_same_path(folder / "circle", folder / "a"));
    const std::string long_name = (folder / std::string(5000, 'n')).string();
    CHECK(is_same_path(long_name, long_name));
    CHECK_FALSE(is_same_path(long_name, folder / "a"));
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    CHECK(is_same_path(name_of(ends[0]), name_of(ends[0])));
    CHECK_FALSE(is_same_path(name_of(ends[0]), folder / "a"));
    for (const int end : ends) ::close(end);
}

TEST_CASE("file: a new file has the permissions of any other new file") {
    const TemporaryFolder folder;
    const mode_t umask_before = ::umask(027);
    write_file_atomically(folder / "a", "new");
    ::umask(umask_before);
    CHECK(fs::status(folder / "a").permissions() == fs::perms(0640));
}

TEST_CASE("file: errors name the path and the reason, and leave nothing behind") {
    const TemporaryFolder folder;
    const std::string missing = (folder / "no/a").string(), here = folder.path().string();
    check_error([&] { write_file_atomically(missing, "x"); },
                "cannot write " + missing + ": No such file or directory");
    check_error([&] { write_file_atomically(here, "x"); }, "cannot write " + here + ": Is a directory");
    check_error([&] { write_file_atomically("", "x"); }, "cannot write : Is a directory");
    check_error([&] { write_file_atomically("/dev/null", "x"); },
                "cannot write /dev/null: it is a device, and only a file can be replaced as a whole: write a file, and "
                "pass that on");
    check_error([&] { read_file(missing); }, "cannot read " + missing + ": No such file or directory");
    check_error([&] { read_file(here); }, "cannot read " + here + ": Is a directory");
    check_error([&] { read_file("/dev/zero"); }, "cannot read /dev/zero: it is a device, neither a file nor a pipe");
    CHECK(folder.entries() == 0);
}

TEST_CASE("file: a failure while writing keeps the old file and no temporary one") {
    const TemporaryFolder folder;
    const fs::path path = folder / "a";
    write_file_atomically(path, "old");
    const std::string text = "new";
    // A piece that lies outside the process's memory: write() itself fails half way.
    const std::vector<std::span<const std::byte>> pieces = {std::as_bytes(std::span(text)),
                                                            {reinterpret_cast<const std::byte*>(8), 4}};
    check_error([&] { write_file_atomically(path, pieces); }, "cannot write " + path.string() + ": Bad address");
    CHECK(read_file(path) == "old");
    CHECK(folder.entries() == 1);
}

TEST_CASE("file: a file longer than the limit is refused") {
    const TemporaryFolder folder;
    const fs::path path = folder / "a";
    write_file_atomically(path, "12345");
    CHECK(read_file(path, 5) == "12345");
    check_error([&] { read_file(path, 4); }, "cannot read " + path.string() + ": longer than 4 bytes");
}

TEST_CASE("file: a pipe is read to its end") {
    const TemporaryFolder folder;
    const fs::path path = folder / "pipe";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    const std::string text(300'000, 'p');
    std::thread writer([&] { std::ofstream(path) << text; });
    CHECK(read_file(path) == text);
    writer.join();
}

TEST_CASE("file: a pipe by its name in /dev/fd is read; as output it is refused with what to do") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    REQUIRE(::write(ends[1], "text", 4) == 4);
    check_error([&] { write_file_atomically(name_of(ends[1]), "x"); },
                "cannot write " + name_of(ends[1]) +
                    ": it is a pipe, and only a file can be replaced as a whole: write a file, and pass that on");
    check_error([&] { check_writable(name_of(ends[1])); },
                "cannot write " + name_of(ends[1]) +
                    ": it is a pipe, and only a file can be replaced as a whole: write a file, and pass that on");
    ::close(ends[1]);
    CHECK(read_file(name_of(ends[0])) == "text");
    ::close(ends[0]);
}

TEST_CASE("file: a socket by its name in /dev/fd is refused with what to do") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    check_error(
        [&] { read_file(name_of(ends[0])); },
        "cannot read " + name_of(ends[0]) +
            ": No such device or address (a socket has no name to open: pass its bytes through a pipe, | cat |)");
    for (const int end : ends) ::close(end);
}

TEST_CASE("file: whether a file can be written is known before, and asking changes nothing") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "old", "old");
    check_writable(folder / "old");
    check_writable(folder / "new");
    CHECK(read_file(folder / "old") == "old");
    CHECK(folder.entries() == 1);
    const std::string missing = (folder / "no/a").string();
    check_error([&] { check_writable(missing); }, "cannot write " + missing + ": No such file or directory");
    check_error([&] { check_writable(folder.path()); }, "cannot write " + folder.path().string() + ": Is a directory");
}

TEST_CASE("file: a process that is killed while it writes leaves the old file and nothing else") {
    const TemporaryFolder folder;
    if (!has_unnamed_files(folder.path())) return;
    write_file_atomically(folder / "a", "old");
    const std::string path = (folder / "a").string();
    for (const int signal : {SIGTERM, SIGHUP, SIGKILL}) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::signal(signal, SIG_DFL);  // doctest's would tell of a crash
            AtomicFile file(path);
            file.write("new");
            file.flush();
            ::raise(signal);
            ::_exit(0);
        }
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status));
        CHECK(read_file(path) == "old");
        CHECK(folder.entries() == 1);
    }
}

TEST_CASE("file: read in pieces, whole pieces until the end") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "hello world");
    FileReader reader(folder / "a");
    CHECK(reader.size() == 11);
    std::string piece(4, '?');
    CHECK(reader.read(piece) == 4);
    CHECK(piece == "hell");
    CHECK(reader.read(piece) == 4);
    CHECK(reader.read(piece) == 3);
    CHECK(piece == "rldo");  // the last byte is from before
    CHECK(reader.read(piece) == 0);

    FileReader again(folder / "a");
    again.read(piece);
    CHECK(again.read_rest() == "o world");
    CHECK(again.read_rest() == "");
    CHECK_THROWS_AS(FileReader(folder / "missing"), std::runtime_error);
    CHECK_THROWS_AS(FileReader(folder.path()), std::runtime_error);
}

TEST_CASE("file: written in pieces, it is there when committed and not before") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "old");
    {
        AtomicFile file(folder / "a");
        file.write("ne");
        CHECK(read_file(folder / "a") == "old");
    }
    CHECK(read_file(folder / "a") == "old");
    CHECK(folder.entries() == 1);
    AtomicFile file(folder / "a");
    file.write("ne");
    file.write("w");
    file.commit();
    CHECK(read_file(folder / "a") == "new");
    CHECK(folder.entries() == 1);
}
