// Nothing but the shapes of the weights, the vocabulary and the labels is needed to build the model again.
#include "trained_classifier.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <stdexcept>

#include <embergrad/engine/file.hpp>
#include <embergrad/text/line_reader.hpp>

namespace examples {
namespace {

using namespace embergrad;
namespace fs = std::filesystem;

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kVocabulary = "vocabulary.txt";
constexpr const char* kLabels = "labels.txt";

[[noreturn]] void fail_at(const fs::path& path, const std::string& what) {
    throw std::runtime_error(path.string() + ": " + what);
}

/// FNV-1a, 64 bits, of the vocabulary's and the labels' bytes.
std::string words_checksum(const fs::path& folder) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char* name : {kVocabulary, kLabels}) {
        for (const char byte : read_file(folder / name)) {
            hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
        }
    }
    return std::to_string(hash);
}

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

const Array& find(const fs::path& path, const StateDict& weights, const std::string& name) {
    const auto found =
        std::find_if(weights.begin(), weights.end(), [&](const auto& entry) { return entry.first == name; });
    if (found == weights.end()) fail_at(path, "no tensor is called " + name);
    return found->second;
}

/// One extent of a matrix in the file. At least 1, so that the check of the shape refuses a 0.
std::size_t extent(const fs::path& path, const StateDict& weights, const std::string& name, std::size_t axis) {
    const Array& matrix = find(path, weights, name);
    if (matrix.dimension() != 2) fail_at(path, name + " of shape " + to_string(matrix.shape()) + " is no matrix");
    return std::max<std::size_t>(matrix.shape()[axis], 1);
}

/// What the weights' shapes say of the model. All of them are checked before the model takes memory: a few bytes can
/// claim an extent in the billions beside a 0.
TextClassifierOptions model_options(const fs::path& path, const StateDict& weights, const Vocabulary& vocabulary,
                                    std::size_t classes) {
    const std::size_t dim = extent(path, weights, "embedding.weight", 1);
    const std::size_t hidden = extent(path, weights, "classifier.1.weight", 0);
    const auto check = [&](const std::string& name, const Shape& expected) {
        const Shape shape = find(path, weights, name).shape();
        if (shape != expected)
            fail_at(path, name + " has shape " + to_string(shape) + ", but must have " + to_string(expected) +
                              " to fit the vocabulary, the labels and the other weights");
    };
    check("embedding.weight", {vocabulary.size(), dim});
    check("classifier.1.weight", {hidden, dim});
    check("classifier.1.bias", {hidden});
    check("classifier.4.weight", {classes, hidden});
    check("classifier.4.bias", {classes});
    return {.vocab_size = vocabulary.size(),
            .embedding_dim = dim,
            .num_classes = classes,
            .hidden_dim = hidden,
            .padding_idx = vocabulary.padding_id()};
}

void check_finite(const fs::path& path, const StateDict& weights) {
    for (const auto& [name, array] : weights) {
        const std::span values(array.data(), array.size());
        if (!std::all_of(values.begin(), values.end(), [](Real value) { return std::isfinite(value); }))
            fail_at(path, name + " holds a value that is not finite");
    }
}

TextClassifier load_model(const fs::path& path, const StateDict& weights, const Vocabulary& vocabulary,
                          std::size_t classes) {
    check_finite(path, weights);
    const TextClassifierOptions options = model_options(path, weights, vocabulary, classes);
    Rng rng(0);  // every value is replaced
    try {
        TextClassifier model(options, rng);
        model.load_state_dict(weights);
        return model;
    } catch (const std::invalid_argument& error) {
        fail_at(path, std::string("the weights do not fit the vocabulary and the labels: ") + error.what());
    }
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

void prepare_folder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) fail_at(folder, "cannot make the folder: " + error.message());
    if (::access(folder.c_str(), W_OK | X_OK) != 0) fail_at(folder, "cannot write there");
}

void save_classifier(const fs::path& folder, const TrainedClassifier& classifier) {
    classifier.vocabulary.save(folder / kVocabulary);
    write_file_atomically(folder / kLabels, labels_text(classifier.label_names));
    std::map<std::string, std::string> metadata = {{"words_checksum", words_checksum(folder)}};
    if (classifier.max_length) metadata["max_length"] = std::to_string(*classifier.max_length);
    save_safetensors(folder / kWeights, classifier.model.state_dict(), metadata);
}

TrainedClassifier load_classifier(const fs::path& folder) {
    if (!fs::is_directory(folder)) fail_at(folder, "no such folder (--save makes one)");
    Vocabulary vocabulary = Vocabulary::load(folder / kVocabulary);
    if (!vocabulary.padding_id()) fail_at(folder / kVocabulary, "there is no padding token");
    if (!vocabulary.unknown_id()) fail_at(folder / kVocabulary, "there is no token for unknown words");
    std::vector<std::string> label_names = load_labels(folder / kLabels);

    const SafeTensors file = load_safetensors(folder / kWeights);
    const auto checksum = file.metadata.find("words_checksum");
    if (checksum != file.metadata.end() && checksum->second != words_checksum(folder))
        fail_at(folder, "model.safetensors, vocabulary.txt and labels.txt were not saved together, or were changed");
    TextClassifier model = load_model(folder / kWeights, file.tensors, vocabulary, label_names.size());
    const std::optional<std::size_t> max_length = load_max_length(folder / kWeights, file.metadata);
    return {std::move(model), std::move(vocabulary), std::move(label_names), max_length};
}

}  // namespace examples
