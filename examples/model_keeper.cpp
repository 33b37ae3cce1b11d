// New files are complete before they take the place of old ones.
#include "model_keeper.hpp"

#include <iostream>
#include <stdexcept>
#include <utility>

#include "saved_model.hpp"

namespace examples {
namespace {

namespace fs = std::filesystem;

/// Writes beside the old files first: an end in the middle leaves the old model whole.
void replace_model(const fs::path& folder, const std::function<void(const fs::path&)>& write) {
    const fs::path fresh = folder / ".unfinished";
    prepare_folder(fresh);
    write(fresh);
    for (const auto& entry : fs::directory_iterator(fresh)) fs::rename(entry.path(), folder / entry.path().filename());
    fs::remove(fresh);
}

}  // namespace

ModelKeeper::ModelKeeper(fs::path folder, std::function<void(const fs::path&)> write)
    : folder_(std::move(folder)), write_(std::move(write)) {
    if (folder_.empty()) return;
    prepare_folder(folder_);
    occupied_ = fs::exists(folder_ / kWeights);
}

void ModelKeeper::save() {
    if (folder_.empty()) return;
    try {
        replace_model(folder_, write_);
        saved_ = true;
        failed_ = false;
    } catch (const std::runtime_error& error) {
        std::cerr << "not saved: " << error.what() << '\n';
        failed_ = true;
    }
}

void ModelKeeper::save_unfinished() {
    if (saved_ || !occupied_) save();
}

void ModelKeeper::finish(const std::string& use) {
    if (folder_.empty()) return;
    if (failed_) replace_model(folder_, write_);
    if (saved_ || failed_)
        std::cout << "\nsaved in " << folder_.string() << "; " << use << " with --load " << folder_.string() << '\n';
    else
        std::cout << "\nnot saved: no epoch was finished, and " << folder_.string() << " holds an earlier model\n";
}

}  // namespace examples
