// The folder of a saved model: weights that are checked before they are believed, beside the words they belong to.
#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>

#include <embergrad/embergrad.hpp>

namespace examples {

inline constexpr const char* kWeights = "model.safetensors";
inline constexpr const char* kVocabulary = "vocabulary.txt";
inline constexpr const char* kWordsChecksum = "words_checksum";  // in the metadata of the weights

/// Throws std::runtime_error "path: what".
[[noreturn]] void fail_at(const std::filesystem::path& path, const std::string& what);

/// Whether prepare_folder will do, before any work: a folder that is missing is not made yet. Throws as that does.
void check_can_prepare(const std::filesystem::path& folder);
/// Makes the folder if it is missing. Throws std::runtime_error unless files can be written there.
void prepare_folder(const std::filesystem::path& folder);
/// Throws std::runtime_error if there is no such folder.
void check_folder(const std::filesystem::path& folder);

/// FNV-1a, 64 bits, of the files' bytes.
std::string words_checksum(const std::filesystem::path& folder, std::initializer_list<const char*> files);
/// Throws std::runtime_error if the weights carry a checksum that is not that of these files.
void check_saved_together(const std::filesystem::path& folder, const embergrad::SafeTensors& weights,
                          std::initializer_list<const char*> files);

/// Throws std::runtime_error as Vocabulary::load does, and if there is no token for unknown words.
embergrad::Vocabulary load_vocabulary(const std::filesystem::path& folder);

/// Weights by name, as a file has them. What is wrong with them is a std::runtime_error that begins with the path.
class Weights {
public:
    /// `partners`, for messages, is what the weights must fit ("the vocabulary").
    Weights(std::filesystem::path path, embergrad::StateDict tensors, std::string partners)
        : path_(std::move(path)), tensors_(std::move(tensors)), partners_(std::move(partners)) {}

    /// One extent of a matrix. At least 1, so that the check of the shape refuses a 0.
    std::size_t extent(const std::string& name, std::size_t axis) const;
    /// To be called for every weight before the model takes memory: a few bytes can claim an extent in the billions
    /// beside a 0.
    void check_shape(const std::string& name, const embergrad::Shape& expected) const;
    void check_finite() const;
    /// Gives the model these weights.
    void load_into(const embergrad::Module& model) const;

private:
    const embergrad::Array& find(const std::string& name) const;

    std::filesystem::path path_;
    embergrad::StateDict tensors_;
    std::string partners_;
};

}  // namespace examples
