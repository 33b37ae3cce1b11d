// text_classifier: learns to sort texts into classes from labelled examples, says how well, and answers questions.
// Read from the bottom up: main, train_and_test, classify_input; then text_classifier_training.cpp for the loop.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/embergrad.hpp>

#include "class_counts.hpp"
#include "data_report.hpp"
#include "interrupt.hpp"
#include "memory_check.hpp"
#include "model_keeper.hpp"
#include "number_text.hpp"
#include "own_data.hpp"
#include "saved_model.hpp"
#include "text_classifier_options.hpp"
#include "text_classifier_training.hpp"
#include "trained_classifier.hpp"

namespace {

using namespace embergrad;
using namespace examples;
namespace fs = std::filesystem;

// ---- data ----------------------------------------------------------------------------------------------------------

struct Data {
    LabelledText training = {};
    LabelledText validation = {};
    LabelledText test = {};
};

/// A file of the project's own.
fs::path own_texts(const char* file) { return own_data(file, "--train FILE and --test FILE"); }

void check_not_empty(const fs::path& path, const LabelledText& data) {
    if (data.texts.empty()) throw std::runtime_error(path.string() + ": there are no texts");
}

LabelledText read_training_texts(const fs::path& path) {
    LabelledText data = read_labelled_text(path);
    check_not_empty(path, data);
    if (data.label_names.size() < 2)
        throw std::runtime_error(path.string() + ": all texts have the label " + in_quotes(data.label_names[0]) +
                                 "; there must be two labels or more");
    return data;
}

void add(LabelledText& to, const LabelledText& from, std::size_t index) {
    to.texts.push_back(from.texts[index]);
    to.labels.push_back(from.labels[index]);
}

/// Moves this part of each class's texts, drawn at random, from data.training to data.validation. At least one of each
/// class stays.
void split_off_validation(Data& data, double fraction, Rng& rng) {
    const LabelledText all = std::move(data.training);
    data.training = data.validation = {{}, {}, all.label_names};

    std::vector<std::int64_t> to_move(all.label_names.size());
    for (std::size_t label = 0; label < to_move.size(); ++label) {
        const auto count = std::count(all.labels.begin(), all.labels.end(), static_cast<std::int64_t>(label));
        to_move[label] = std::min<std::int64_t>(std::llround(fraction * static_cast<double>(count)), count - 1);
    }
    std::vector<std::size_t> order(all.texts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    rng.shuffle(std::span(order));
    for (const std::size_t index : order) {
        const bool moves = to_move[static_cast<std::size_t>(all.labels[index])]-- > 0;
        add(moves ? data.validation : data.training, all, index);
    }
}

LabelledText read_test_texts(const fs::path& path, std::span<const std::string> label_names) {
    LabelledText data = read_labelled_text(path, label_names);
    check_not_empty(path, data);
    return data;
}

Data read_data(const Settings& settings, Rng& rng) {
    const bool own = settings.train.empty();
    const fs::path training_path = own ? own_texts("messages.train.tsv") : fs::path(settings.train);
    Data data{.training = read_training_texts(training_path)};
    print_warnings("text_classifier", label_warnings(training_path.string(), data.training));
    const fs::path test = own ? own_texts("messages.test.tsv") : fs::path(settings.test);
    if (!test.empty()) data.test = read_test_texts(test, data.training.label_names);
    if (settings.validation > 0) split_off_validation(data, settings.validation, rng);
    if (settings.validation > 0 && data.validation.texts.empty())
        print_warnings("text_classifier", {"no class has texts to spare for picking the best epoch (--validation): the "
                                           "weights after the last one are kept"});
    return data;
}

// ---- the model -----------------------------------------------------------------------------------------------------

Vocabulary make_vocabulary(const LabelledText& training, const Settings& settings) {
    const TokenizerOptions tokenizer{.lowercase = !settings.whitespace, .detach_punctuation = !settings.whitespace};
    return Vocabulary::build(training.texts,
                             {.min_freq = settings.min_freq, .max_size = settings.max_size, .tokenizer = tokenizer});
}

TextClassifier make_model(const Vocabulary& vocabulary, std::size_t classes, std::size_t texts,
                          const Settings& settings, Rng& rng) {
    check_memory({{vocabulary.size(), settings.dim}, {settings.hidden, settings.dim}, {classes, settings.hidden}},
                 static_cast<double>(std::min(settings.batch, texts)) *
                     static_cast<double>(settings.dim + 2 * settings.hidden + classes),
                 "--dim, --hidden or --max-size");
    const TextClassifier model({.vocab_size = vocabulary.size(),
                                .embedding_dim = settings.dim,
                                .num_classes = classes,
                                .hidden_dim = settings.hidden,
                                .dropout = settings.dropout,
                                .padding_idx = vocabulary.padding_id(),
                                .sparse = settings.sparse},
                               rng);
    model.embedding().init_normal(rng, 0, settings.init_std);
    return model;
}

TrainedClassifier make_classifier(const LabelledText& training, const Settings& settings, Rng& rng) {
    Vocabulary vocabulary = make_vocabulary(training, settings);
    TextClassifier model = make_model(vocabulary, training.label_names.size(), training.texts.size(), settings, rng);
    return {std::move(model), std::move(vocabulary), training.label_names, settings.max_length};
}

// ---- what is printed -----------------------------------------------------------------------------------------------

void print_start(const Data& data, const TrainedClassifier& classifier) {
    std::cout << "texts       " << thousands(data.training.texts.size()) << " to learn from, "
              << thousands(data.validation.texts.size()) << " to pick the best epoch, "
              << thousands(data.test.texts.size()) << " to test, in " << classifier.label_names.size() << " classes\n"
              << "vocabulary  " << thousands(classifier.vocabulary.size()) << " words\n"
              << "model       " << thousands(classifier.model.parameter_count()) << " parameters" << std::endl;
    print_classes(std::cout, data.training, data.validation, data.test);
}

std::vector<std::string> unknown_words(const EncodedTexts& training, const Vocabulary& vocabulary) {
    std::size_t unknown = 0, words = 0;
    for (const std::vector<std::int64_t>& ids : training.ids) {
        unknown += static_cast<std::size_t>(std::count(ids.begin(), ids.end(), vocabulary.unknown_id().value()));
        words += ids.size();
    }
    return unknown_word_warnings(unknown, words, "--min-freq or a larger --max-size");
}

void print_answers(const std::vector<Answer>& answers) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
        std::cout << (i == 0 ? "" : "\t") << printable(answers[i].label) << '\t' << fixed(answers[i].probability, 4);
    }
    std::cout << '\n';
}

void print_evaluation(const TrainedClassifier& classifier, const LabelledText& test) {
    const EncodedTexts texts = encode(classifier.vocabulary, test, classifier.max_length);
    const std::int64_t padding_id = classifier.vocabulary.padding_id().value();
    const Evaluation evaluation = evaluate(classifier.model, texts, classifier.label_names.size(), padding_id);
    std::cout << "\ntest accuracy " << percent(evaluation.counts.accuracy()) << " ("
              << thousands(evaluation.counts.correct()) << " of " << thousands(evaluation.counts.total()) << "), loss "
              << fixed(evaluation.loss, 3) << "\n\n";
    print_table(std::cout, evaluation.counts, classifier.label_names);
}

/// A few texts from all over the test part, and what the classifier makes of them.
void print_samples(const TrainedClassifier& classifier, const LabelledText& test) {
    constexpr std::size_t samples = 4;
    std::cout << '\n';
    for (std::size_t i = 0; i < samples && i < test.texts.size(); ++i) {
        const std::string& text = test.texts[(2 * i + 1) * test.texts.size() / (2 * samples)];
        std::cout << in_quotes(printable(text)) << "\n  ";
        print_answers(answer(classifier, text));
    }
}

// ---- the two jobs --------------------------------------------------------------------------------------------------

int train_and_test(const Settings& settings) {
    if (!settings.save.empty()) check_can_prepare(settings.save);  // better now than after the reading
    Rng rng(settings.seed);
    const Data data = read_data(settings, rng);
    const TrainedClassifier classifier = make_classifier(data.training, settings, rng);
    ModelKeeper keeper(settings.save, [&](const fs::path& folder) { save_classifier(folder, classifier); });
    print_start(data, classifier);

    const EncodedTexts training = encode(classifier.vocabulary, data.training, classifier.max_length);
    const EncodedTexts validation = encode(classifier.vocabulary, data.validation, classifier.max_length);
    print_warnings("text_classifier", unknown_words(training, classifier.vocabulary));
    const TrainingSummary summary = train(classifier, training, validation, settings, rng, keeper);
    if (summary.diverged) report_divergence("text_classifier", summary, keeper.saved());
    print_summary(summary,
                  validation.size() == 0 || summary.tokens == 0
                      ? ""
                      : "validation accuracy " + percent(summary.kept_score / static_cast<double>(validation.size())));

    if (!data.test.texts.empty()) {
        print_evaluation(classifier, data.test);
        print_samples(classifier, data.test);
    }
    keeper.finish("ask it");
    if (summary.diverged) return 1;
    return summary.interrupted() ? interrupt_code(summary.signal) : 0;
}

/// One line of answers for each line of standard input (none for one without words), so that both can be put side by
/// side.
int classify_input(const TrainedClassifier& classifier) {
    const bool ask = ::isatty(STDIN_FILENO) == 1;
    if (ask) std::cerr << "One text a line; Ctrl-D ends.\n> ";
    for (std::string line; std::getline(std::cin, line);) {
        const bool empty = line.find_first_not_of(" \t\r") == line.npos;
        if (!empty) print_answers(answer(classifier, line));
        if (empty && !ask) std::cout << '\n';
        if (ask) std::cerr << "> ";
    }
    if (ask) std::cerr << '\n';
    check_input_was_read();
    return 0;
}

int load_and_classify(const Settings& settings) {
    const TrainedClassifier classifier = load_classifier(settings.load);
    if (settings.test.empty()) return classify_input(classifier);
    print_evaluation(classifier, read_test_texts(settings.test, classifier.label_names));
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    const Settings settings = parse_settings(argc, argv);
    if (settings.threads) set_num_threads(*settings.threads);
    const int result = settings.load.empty() ? train_and_test(settings) : load_and_classify(settings);
    if (!std::cout.flush()) throw std::runtime_error("standard output cannot be written");
    return result;
} catch (const std::exception& error) {
    std::cerr << "text_classifier: " << error.what() << '\n';
    return 1;
}
