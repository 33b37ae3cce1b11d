// Nothing but the shapes of the weights, the vocabulary and the labels is needed to build the model again.
#include "trained_classifier.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <span>
#include <stdexcept>

#include "saved_model.hpp"

namespace examples {
namespace {

using namespace embergrad;
namespace fs = std::filesystem;

constexpr const char* kLabels = "labels.txt";
constexpr std::initializer_list<const char*> kWordFiles = {kVocabulary, kLabels};

std::vector<std::string> load_labels(const fs::path& path) {
    LineReader lines(path);
    std::vector<std::string> names;
    std::set<std::string> seen;
    while (const auto line = lines.next()) {
        if (line->empty()) lines.fail("an empty label");
        if (!seen.emplace(*line).second) lines.fail("the label ", in_quotes(*line), " is there twice");
        names.emplace_back(*line);
    }
    if (names.size() < 2) fail_at(path, "fewer than two labels");
    return names;
}

std::string labels_text(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += name + '\n';
    return text;
}

std::optional<std::size_t> load_max_length(const fs::path& path, const std::map<std::string, std::string>& metadata) {
    const auto entry = metadata.find("max_length");
    if (entry == metadata.end()) return {};
    const std::string& text = entry->second;
    std::size_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size() || value == 0)
        fail_at(path, "max_length " + in_quotes(text) + " is no length");
    return value;
}

/// What the weights' shapes say of the model.
TextClassifierOptions model_options(const Weights& weights, const Vocabulary& vocabulary, std::size_t classes) {
    const std::size_t dim = weights.extent("embedding.weight", 1);
    const std::size_t hidden = weights.extent("classifier.1.weight", 0);
    weights.check_shape("embedding.weight", {vocabulary.size(), dim});
    weights.check_shape("classifier.1.weight", {hidden, dim});
    weights.check_shape("classifier.1.bias", {hidden});
    weights.check_shape("classifier.4.weight", {classes, hidden});
    weights.check_shape("classifier.4.bias", {classes});
    return {.vocab_size = vocabulary.size(),
            .embedding_dim = dim,
            .num_classes = classes,
            .hidden_dim = hidden,
            .padding_idx = vocabulary.padding_id()};
}

TextClassifier load_model(const Weights& weights, const Vocabulary& vocabulary, std::size_t classes) {
    weights.check_finite();
    Rng rng(0);  // every value is replaced
    TextClassifier model(model_options(weights, vocabulary, classes), rng);
    weights.load_into(model);
    return model;
}

}  // namespace

std::vector<std::int64_t> encode(const Vocabulary& vocabulary, std::string_view text,
                                 std::optional<std::size_t> max_length) {
    std::vector<std::int64_t> ids = vocabulary.encode(text);
    if (max_length && ids.size() > *max_length) ids.resize(*max_length);
    return ids;
}

EncodedTexts encode(const Vocabulary& vocabulary, const LabelledText& data, std::optional<std::size_t> max_length) {
    EncodedTexts encoded{.labels = data.labels};
    for (const std::string& text : data.texts) encoded.ids.push_back(encode(vocabulary, text, max_length));
    return encoded;
}

Evaluation evaluate(const TextClassifier& model, const EncodedTexts& texts, std::size_t classes,
                    std::int64_t padding_id) {
    Evaluation result{.counts = ClassCounts(classes)};
    for (const Batch& batch : Batches(texts.ids, texts.labels, padding_id, {.batch_size = 256})) {
        Tape tape(Mode::eval);
        const Var logits = model(tape, batch.tokens, batch.lengths);
        result.loss += static_cast<double>(cross_entropy(logits, batch.labels, {.reduction = Reduction::sum}).item());
        result.counts.add(batch.labels, argmax(logits, 1));
    }
    result.loss /= static_cast<double>(texts.size());
    return result;
}

std::vector<Answer> answer(const TrainedClassifier& classifier, std::string_view text, std::size_t best) {
    const std::vector<std::vector<std::int64_t>> ids = {encode(classifier.vocabulary, text, classifier.max_length)};
    const Batch batch = pad_batch(ids, classifier.vocabulary.padding_id().value());
    Tape tape(Mode::eval);
    const Var probabilities = softmax(classifier.model(tape, batch.tokens, batch.lengths));

    std::vector<Answer> answers;
    for (std::size_t label = 0; label < classifier.label_names.size(); ++label) {
        answers.push_back({classifier.label_names[label], static_cast<double>(probabilities.value().data()[label])});
    }
    std::stable_sort(answers.begin(), answers.end(),
                     [](const Answer& a, const Answer& b) { return a.probability > b.probability; });
    answers.resize(std::min(best, answers.size()));
    return answers;
}

void save_classifier(const fs::path& folder, const TrainedClassifier& classifier) {
    classifier.vocabulary.save(folder / kVocabulary);
    write_file_atomically(folder / kLabels, labels_text(classifier.label_names));
    std::map<std::string, std::string> metadata = {{kWordsChecksum, words_checksum(folder, kWordFiles)}};
    if (classifier.max_length) metadata["max_length"] = std::to_string(*classifier.max_length);
    save_safetensors(folder / kWeights, classifier.model.state_dict(), metadata);
}

TrainedClassifier load_classifier(const fs::path& folder) {
    check_folder(folder);
    Vocabulary vocabulary = load_vocabulary(folder);
    if (!vocabulary.padding_id()) fail_at(folder / kVocabulary, "there is no padding token");
    std::vector<std::string> label_names = load_labels(folder / kLabels);

    SafeTensors file = load_safetensors(folder / kWeights);
    check_saved_together(folder, file, kWordFiles);
    const std::optional<std::size_t> max_length = load_max_length(folder / kWeights, file.metadata);
    const Weights weights(folder / kWeights, std::move(file.tensors),
                          "the vocabulary, the labels and the other weights");
    TextClassifier model = load_model(weights, vocabulary, label_names.size());
    return {std::move(model), std::move(vocabulary), std::move(label_names), max_length};
}

}  // namespace examples
