// A folder of a test's own, gone when the test ends.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>

namespace embergrad {

class TemporaryFolder {
public:
    TemporaryFolder() : path_(unused_path()) { std::filesystem::create_directories(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    /// The number of files in it.
    std::size_t entries() const {
        const std::filesystem::directory_iterator first(path_), last;
        return static_cast<std::size_t>(std::distance(first, last));
    }

private:
    static std::filesystem::path unused_path() {
        static std::atomic<unsigned> counter = 0;
        const std::string name = "embergrad-test-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
        return std::filesystem::temp_directory_path() / name;
    }

    std::filesystem::path path_;
};

}  // namespace embergrad
