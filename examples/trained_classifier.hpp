// A text classifier that can be asked: the model with the words and the labels it was trained on, and its folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/embergrad.hpp>

#include "class_counts.hpp"

namespace examples {

struct TrainedClassifier {
    embergrad::TextClassifier model;
    embergrad::Vocabulary vocabulary;
    std::vector<std::string> label_names;
    std::optional<std::size_t> max_length = {};  ///< only the first words of a text count
};

/// Texts as ids, ready for embergrad::Batches.
struct EncodedTexts {
    std::vector<std::vector<std::int64_t>> ids = {};
    std::vector<std::int64_t> labels = {};
    std::size_t size() const { return ids.size(); }
};

std::vector<std::int64_t> encode(const embergrad::Vocabulary& vocabulary, std::string_view text,
                                 std::optional<std::size_t> max_length);
EncodedTexts encode(const embergrad::Vocabulary& vocabulary, const embergrad::LabelledText& data,
                    std::optional<std::size_t> max_length);

struct Evaluation {
    double loss = 0;  ///< cross entropy a text, in nats
    ClassCounts counts;
};

/// Asks the model about every text, without dropout and without keeping anything for backward.
Evaluation evaluate(const embergrad::TextClassifier& model, const EncodedTexts& texts, std::size_t classes,
                    std::int64_t padding_id);

struct Answer {
    std::string label;
    double probability = 0;
};

/// The `best` most probable labels, the first the most probable.
std::vector<Answer> answer(const TrainedClassifier& classifier, std::string_view text, std::size_t best = 3);

/// Writes model.safetensors, vocabulary.txt and labels.txt (one label a line). Each file is replaced as one step; the
/// weights, which are last, carry a checksum of the others, so that a mixture is noticed.
void save_classifier(const std::filesystem::path& folder, const TrainedClassifier& classifier);

/// Throws std::runtime_error that names the file for anything missing, damaged, or not saved together. Weights without
/// a checksum (from another program, in torch's names) are taken if their shapes fit.
TrainedClassifier load_classifier(const std::filesystem::path& folder);

}  // namespace examples
