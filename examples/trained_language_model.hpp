// A language model that can write: the model with the words it was trained on, and its folder.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <embergrad/embergrad.hpp>

namespace examples {

struct TrainedLanguageModel {
    embergrad::NGramLanguageModel model;
    embergrad::Vocabulary vocabulary;
};

/// Tokens as people write them: where the tokenizer detaches punctuation, marks stick to their words again.
/// `quoted` says whether the text begins within straight quotes.
std::string written(const embergrad::Tokenizer& tokenizer, std::span<const std::string> tokens, bool quoted = false);

/// `length` words that go on from a prompt, as people write them. Where the prompt is shorter than the context, unknown
/// words stand before it. Special tokens are never written.
std::string continuation(const TrainedLanguageModel& trained, std::string_view prompt, std::size_t length,
                         embergrad::Rng& rng, embergrad::GenerateOptions options);

/// Writes model.safetensors and vocabulary.txt. Each file is replaced as one step; the weights, which are last, carry a
/// checksum of the vocabulary, so that a mixture is noticed.
void save_language_model(const std::filesystem::path& folder, const TrainedLanguageModel& trained);

/// Throws std::runtime_error that names the file for anything missing, damaged, or not saved together. Weights without
/// a checksum (from another program, in torch's names) are taken if their shapes fit.
TrainedLanguageModel load_language_model(const std::filesystem::path& folder);

}  // namespace examples
