// Real data that lies beside the project, not in it: tests that need it say so and pass where it is absent.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace embergrad {

/// The path of a file or folder of that data: below $EMBERGRAD_SHARED_DATA, else below shared/data of a folder that the
/// current one lies in. Nothing, and a message, if it is not there.
inline std::optional<std::filesystem::path> shared_data(const std::string& name) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    if (const char* const given = std::getenv("EMBERGRAD_SHARED_DATA")) {
        if (fs::exists(fs::path(given) / name, ignored)) return fs::path(given) / name;
    } else {
        for (fs::path folder = fs::current_path(); folder != folder.parent_path(); folder = folder.parent_path())
            if (const fs::path path = folder / "shared" / "data" / name; fs::exists(path, ignored)) return path;
    }
    MESSAGE("SKIPPED: there is no shared data ", name, "; EMBERGRAD_SHARED_DATA may say where it is");
    return std::nullopt;
}

}  // namespace embergrad
