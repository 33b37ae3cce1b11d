// Reading whole files and replacing them as one step.
#include <doctest/doctest.h>

#include <sys/stat.h>

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
    check_error([&] { write_file_atomically("/dev/null", "x"); }, "cannot write /dev/null: not a file");
    check_error([&] { read_file(missing); }, "cannot read " + missing + ": No such file or directory");
    check_error([&] { read_file(here); }, "cannot read " + here + ": Is a directory");
    check_error([&] { read_file("/dev/zero"); }, "cannot read /dev/zero: not a file");
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
