// Shapes first, memory later.
#include "saved_model.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <system_error>

namespace examples {

using namespace embergrad;
namespace fs = std::filesystem;

void fail_at(const fs::path& path, const std::string& what) { throw std::runtime_error(path.string() + ": " + what); }

void check_can_prepare(const fs::path& folder) {
    if (fs::is_directory(folder)) return prepare_folder(folder);
    fs::path above = fs::absolute(folder);
    while (!fs::exists(fs::symlink_status(above)) && above.has_relative_path()) above = above.parent_path();
    const auto cannot = [&](std::errc reason) {
        fail_at(folder, "cannot make the folder: " + std::make_error_code(reason).message());
    };
    if (!fs::is_directory(above)) cannot(std::errc::not_a_directory);
    if (::access(above.c_str(), W_OK | X_OK) != 0) cannot(std::errc::permission_denied);
}

void prepare_folder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) fail_at(folder, "cannot make the folder: " + error.message());
    if (::access(folder.c_str(), W_OK | X_OK) != 0) fail_at(folder, "cannot write there");
    for (const char* name : {kVocabulary, kWeights}) check_writable(folder / name);
}

void check_folder(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) fail_at(folder, "no such folder (--save makes one)");
}

std::string words_checksum(const fs::path& folder, std::initializer_list<const char*> files) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char* name : files) {
        for (const char byte : read_file(folder / name)) {
            hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
        }
    }
    return std::to_string(hash);
}

void check_saved_together(const fs::path& folder, const SafeTensors& weights,
                          std::initializer_list<const char*> files) {
    const auto found = weights.metadata.find(kWordsChecksum);
    if (found == weights.metadata.end() || found->second == words_checksum(folder, files)) return;
    std::string names = kWeights;
    for (const char* name : files) names += (name == files.end()[-1] ? " and " : ", ") + std::string(name);
    fail_at(folder, names + " were not saved together, or were changed");
}

Vocabulary load_vocabulary(const fs::path& folder) {
    Vocabulary vocabulary = Vocabulary::load(folder / kVocabulary);
    if (!vocabulary.unknown_id()) fail_at(folder / kVocabulary, "there is no token for unknown words");
    return vocabulary;
}

const Array& Weights::find(const std::string& name) const {
    const auto found =
        std::find_if(tensors_.begin(), tensors_.end(), [&](const auto& entry) { return entry.first == name; });
    if (found == tensors_.end()) fail_at(path_, "no tensor is called " + name);
    return found->second;
}

std::size_t Weights::extent(const std::string& name, std::size_t axis) const {
    const Array& matrix = find(name);
    if (matrix.dimension() != 2) fail_at(path_, name + " of shape " + to_string(matrix.shape()) + " is no matrix");
    return std::max<std::size_t>(matrix.shape()[axis], 1);
}

void Weights::check_shape(const std::string& name, const Shape& expected) const {
    const Shape shape = find(name).shape();
    if (shape != expected)
        fail_at(path_, name + " has shape " + to_string(shape) + ", but must have " + to_string(expected) + " to fit " +
                           partners_);
}

void Weights::check_finite() const {
    for (const auto& [name, array] : tensors_)
        if (!all_finite(array)) fail_at(path_, name + " holds a value that is not finite");
}

void Weights::load_into(const Module& model) const {
    try {
        model.load_state_dict(tensors_);
    } catch (const std::invalid_argument& error) {
        fail_at(path_, "the weights do not fit " + partners_ + ": " + error.what());
    }
}

}  // namespace examples
