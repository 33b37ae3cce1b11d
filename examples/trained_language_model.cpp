// Nothing but the shapes of the weights and the vocabulary is needed to build the model again.
#include "trained_language_model.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "saved_model.hpp"

namespace examples {
namespace {

using namespace embergrad;
namespace fs = std::filesystem;

/// What the weights' shapes say of the model.
NGramLanguageModelOptions model_options(const Weights& weights, const Vocabulary& vocabulary) {
    const std::size_t v = vocabulary.size();
    const std::size_t dim = weights.extent("embeddings.weight", 1);
    const std::size_t hidden = weights.extent("network.0.weight", 0);
    const std::size_t context = std::max<std::size_t>(weights.extent("network.0.weight", 1) / dim, 1);
    weights.check_shape("embeddings.weight", {v, dim});
    weights.check_shape("network.0.weight", {hidden, context * dim});
    weights.check_shape("network.0.bias", {hidden});
    weights.check_shape("network.2.weight", {v, hidden});
    weights.check_shape("network.2.bias", {v});
    return {.vocab_size = v, .embedding_dim = dim, .context_size = context, .hidden_dim = hidden};
}

bool is_one_of(std::string_view token, std::initializer_list<std::string_view> marks) {
    return std::find(marks.begin(), marks.end(), token) != marks.end();
}

bool sticks_to_the_left(std::string_view token) {
    return is_one_of(token, {".", ",", ";", ":", "!", "?", ")", "]", "}", "%", "\u2019", "\u201D", "\u2026"});
}

bool sticks_to_the_right(std::string_view token) {
    return is_one_of(token, {"(", "[", "{", "$", "#", "\u2018", "\u201C"});
}

bool is_quote(std::string_view token) { return token == "\""; }

/// Quotes open and close in turns; but a model forgets some. Of two in a row the first closes, and so does one after
/// a comma.
bool closes_quotation(std::span<const std::string> tokens, std::size_t quote, bool quoted) {
    if (quote + 1 < tokens.size() && is_quote(tokens[quote + 1])) return true;
    if (quote > 0 && is_quote(tokens[quote - 1])) return false;
    return quoted || (quote > 0 && tokens[quote - 1] == ",");
}

std::vector<std::int64_t> special_ids(const Vocabulary& vocabulary) {
    std::vector<std::int64_t> ids;
    for (std::size_t id = 0; id < vocabulary.special_count(); ++id) ids.push_back(static_cast<std::int64_t>(id));
    return ids;
}

}  // namespace

std::string written(const Tokenizer& tokenizer, std::span<const std::string> tokens, bool quoted) {
    const bool detached = tokenizer.options().detach_punctuation;
    std::string text;
    bool glued = true;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const std::string& token = tokens[i];
        const bool opens = detached && is_quote(token) && !closes_quotation(tokens, i, quoted);
        const bool closes = detached && is_quote(token) && !opens;
        if (opens || closes) quoted = opens;
        if (!glued && !closes && !(detached && sticks_to_the_left(token))) text += ' ';
        text += token;
        glued = opens || (detached && sticks_to_the_right(token));
    }
    return text;
}

std::string continuation(const TrainedLanguageModel& trained, std::string_view prompt, std::size_t length, Rng& rng,
                         GenerateOptions options) {
    const Vocabulary& vocabulary = trained.vocabulary;
    const std::vector<std::string> words = vocabulary.tokenizer()(prompt);
    const std::vector<std::int64_t> ids = vocabulary.encode(words);
    std::vector<std::int64_t> context(trained.model.context_size(), vocabulary.unknown_id().value());
    context.insert(context.end(), ids.begin(), ids.end());
    options.suppress_tokens = special_ids(vocabulary);

    std::vector<std::string> tokens;
    for (const std::int64_t id : generate(trained.model, context, length, rng, options))
        tokens.push_back(vocabulary.token(id));
    const bool quoted = std::count_if(words.begin(), words.end(), is_quote) % 2 == 1;
    return written(vocabulary.tokenizer(), tokens, quoted);
}

void save_language_model(const fs::path& folder, const TrainedLanguageModel& trained) {
    trained.vocabulary.save(folder / kVocabulary);
    save_safetensors(folder / kWeights, trained.model.state_dict(),
                     {{kWordsChecksum, words_checksum(folder, {kVocabulary})}});
}

TrainedLanguageModel load_language_model(const fs::path& folder) {
    check_folder(folder);
    Vocabulary vocabulary = load_vocabulary(folder);
    if (vocabulary.size() == vocabulary.special_count()) fail_at(folder / kVocabulary, "there are no words");
    SafeTensors file = load_safetensors(folder / kWeights);
    check_saved_together(folder, file, {kVocabulary});
    const Weights weights(folder / kWeights, std::move(file.tensors), "the vocabulary and the other weights");
    weights.check_finite();
    Rng rng(0);  // every value is replaced
    NGramLanguageModel model(model_options(weights, vocabulary), rng);
    weights.load_into(model);
    return {std::move(model), std::move(vocabulary)};
}

}  // namespace examples
