// train_lm: learns from a text which word follows which, says how well it foresees another, and writes.
// Read from the bottom up: main, train_and_write, load_and_write; then train_lm_training.cpp, and
// models/train_language_model.cpp for the loop.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <embergrad/embergrad.hpp>
#include <embergrad/text/utf8.hpp>

#include "interrupt.hpp"
#include "memory_check.hpp"
#include "model_keeper.hpp"
#include "number_text.hpp"
#include "own_data.hpp"
#include "saved_model.hpp"
#include "train_lm_options.hpp"
#include "train_lm_training.hpp"
#include "trained_language_model.hpp"

namespace {

using namespace embergrad;
using namespace examples;
namespace fs = std::filesystem;

// ---- data ----------------------------------------------------------------------------------------------------------

struct Data {
    fs::path path;             // of the training text
    fs::path validation_path;  // the same, if its end is held out
    std::string training;
    std::string validation;
};

std::string read_text(const fs::path& path) {
    std::string text = read_file(path);
    if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
    return text;
}

Data read_data(const LmSettings& settings) {
    const fs::path path = settings.text.empty() ? own_data("lighthouse.txt", "--text FILE") : fs::path(settings.text);
    Data data{.path = path, .validation_path = path, .training = read_text(path), .validation = {}};
    if (!settings.validation.empty()) {
        data.validation_path = settings.validation;
        data.validation = read_text(data.validation_path);
        return data;
    }
    const auto tenth = static_cast<std::ptrdiff_t>(data.training.size() / 10);
    const auto cut = std::find_if(data.training.end() - tenth, data.training.end(), is_space);  // between two words
    data.validation.assign(cut, data.training.end());
    data.training.erase(cut, data.training.end());
    return data;
}

std::vector<std::int64_t> encode(const Vocabulary& vocabulary, const std::string& text, const fs::path& path,
                                 const char* purpose, std::size_t context) {
    std::vector<std::int64_t> ids = vocabulary.encode(text);
    if (ids.size() <= context)
        fail_at(path, thousands(ids.size()) + " words " + purpose + " are too few: it takes " + thousands(context + 1) +
                          " to predict one from " + thousands(context));
    return ids;
}

// ---- the model -----------------------------------------------------------------------------------------------------

Vocabulary make_vocabulary(const Data& data, const LmSettings& settings) {
    const TokenizerOptions tokenizer{.lowercase = settings.lowercase, .detach_punctuation = !settings.whitespace};
    Vocabulary vocabulary =
        Vocabulary::build(std::span(&data.training, 1),
                          {.min_freq = settings.min_freq, .max_size = settings.max_size, .tokenizer = tokenizer});
    if (vocabulary.size() == vocabulary.special_count())
        fail_at(data.path, "there are no words to learn (of those that occur --min-freq times, " +
                               std::to_string(settings.min_freq) + ")");
    return vocabulary;
}

NGramLanguageModel make_model(const Vocabulary& vocabulary, std::size_t words, const LmSettings& settings, Rng& rng) {
    check_memory({{vocabulary.size(), settings.dim},
                  {settings.hidden, settings.context * settings.dim},
                  {vocabulary.size(), settings.hidden}},
                 static_cast<double>(std::min(settings.batch, words)) *
                     static_cast<double>(settings.context * settings.dim + 2 * settings.hidden + vocabulary.size()),
                 "--dim, --hidden, --batch or --max-size");
    const NGramLanguageModel model({.vocab_size = vocabulary.size(),
                                    .embedding_dim = settings.dim,
                                    .context_size = settings.context,
                                    .hidden_dim = settings.hidden},
                                   rng);
    model.embeddings().init_normal(rng, 0, settings.init_std);
    return model;
}

// ---- what is printed -----------------------------------------------------------------------------------------------

double unknown_part(std::span<const std::int64_t> ids, const Vocabulary& vocabulary) {
    const auto unknown = std::count(ids.begin(), ids.end(), vocabulary.unknown_id().value());
    return static_cast<double>(unknown) / static_cast<double>(ids.size());
}

void print_start(std::size_t training, std::span<const std::int64_t> validation, const TrainedLanguageModel& trained) {
    std::cout << "text        " << thousands(training) << " words to learn from, " << thousands(validation.size())
              << " to pick the best epoch\n"
              << "vocabulary  " << thousands(trained.vocabulary.size()) << " words; "
              << percent(unknown_part(validation, trained.vocabulary)) << " of the validation words are unknown\n"
              << "model       " << thousands(trained.model.parameter_count()) << " parameters, contexts of "
              << thousands(trained.model.context_size()) << " words" << std::endl;
}

void print_score(const LanguageModelScore& score) {
    std::cout << "\nvalidation perplexity " << fixed(score.perplexity(), 2) << ", loss " << fixed(score.loss, 4)
              << '\n';
}

void print_continuations(const TrainedLanguageModel& trained, const std::string& prompt, std::size_t count,
                         const LmSettings& settings, Rng& rng) {
    for (std::size_t i = 0; i < count; ++i)
        std::cout << printable(prompt) << " | "
                  << printable(continuation(trained, prompt, settings.length, rng,
                                            {.temperature = settings.temperature, .top_k = settings.top_k}))
                  << '\n';
}

/// The first words of a sentence at or after a position; the last words if none ends there.
std::span<const std::string> beginning(std::span<const std::string> words, std::size_t position, std::size_t count) {
    const auto ends_sentence = [](const std::string& word) {
        return std::string_view(".!?").find(word.back()) != std::string_view::npos;
    };
    const std::size_t last = words.size() - count;
    for (std::size_t first = std::max<std::size_t>(position, 1); first < last; ++first)
        if (ends_sentence(words[first - 1]) && words[first] != "\"") return words.subspan(first, count);
    return words.subspan(last);
}

/// Continuations of the prompt, or of sentences from all over the validation text. A random source of its own: what is
/// saved and loaded writes the same.
void print_samples(const TrainedLanguageModel& trained, const std::string& validation, const LmSettings& settings) {
    Rng rng(settings.seed);
    if (settings.generate > 0) std::cout << '\n';
    if (settings.prompt) return print_continuations(trained, *settings.prompt, settings.generate, settings, rng);
    const Tokenizer& tokenizer = trained.vocabulary.tokenizer();
    const std::vector<std::string> words = tokenizer(validation);
    for (std::size_t i = 0; i < settings.generate; ++i) {
        const std::size_t position = i * words.size() / settings.generate;
        const auto prompt = beginning(words, position, trained.model.context_size());
        print_continuations(trained, written(tokenizer, prompt), 1, settings, rng);
    }
}

// ---- the two jobs --------------------------------------------------------------------------------------------------

int train_and_write(const LmSettings& settings) {
    if (!settings.save.empty()) check_can_prepare(settings.save);  // better now than after the reading
    const Data data = read_data(settings);
    Rng rng(settings.seed);
    Vocabulary vocabulary = make_vocabulary(data, settings);
    const std::vector<std::int64_t> training =
        encode(vocabulary, data.training, data.path, "to learn from", settings.context);
    const std::vector<std::int64_t> validation =
        encode(vocabulary, data.validation, data.validation_path, "for validation", settings.context);
    NGramLanguageModel model = make_model(vocabulary, training.size(), settings, rng);
    const TrainedLanguageModel trained{std::move(model), std::move(vocabulary)};
    ModelKeeper keeper(settings.save, [&](const fs::path& folder) { save_language_model(folder, trained); });
    print_start(training.size(), validation, trained);
    if (const std::string advice = build_info().advice; !advice.empty()) std::cerr << "train_lm: " + advice + '\n';

    const TrainingSummary summary = train(trained.model, make_ngrams(training, settings.context),
                                          make_ngrams(validation, settings.context), settings, rng, keeper);
    if (summary.diverged) report_divergence("train_lm", summary, keeper.saved());
    print_summary(summary);
    print_score({.loss = -summary.kept_score});
    print_samples(trained, data.validation, settings);
    keeper.finish("let it write");
    if (summary.diverged) return 1;
    return summary.interrupted() ? interrupt_code(summary.signal) : 0;
}

/// Each line of standard input is a prompt.
int continue_input(const TrainedLanguageModel& trained, const LmSettings& settings) {
    const bool ask = ::isatty(STDIN_FILENO) == 1;
    Rng rng(settings.seed);
    if (ask) std::cerr << "One prompt a line; Ctrl-D ends.\n> ";
    for (std::string line; std::getline(std::cin, line);) {
        print_continuations(trained, line, settings.generate, settings, rng);
        if (ask) std::cerr << "> ";
    }
    if (ask) std::cerr << '\n';
    check_input_was_read();
    return 0;
}

int load_and_write(const LmSettings& settings) {
    const TrainedLanguageModel trained = load_language_model(settings.load);
    if (settings.validation.empty() && !settings.prompt) return continue_input(trained, settings);
    std::string validation;
    if (!settings.validation.empty()) {
        validation = read_text(settings.validation);
        const std::size_t n = trained.model.context_size();
        const auto ids = encode(trained.vocabulary, validation, settings.validation, "for validation", n);
        print_score(evaluate_language_model(trained.model, make_ngrams(ids, n)));
    }
    print_samples(trained, validation, settings);
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    const LmSettings settings = parse_lm_settings(argc, argv);
    if (settings.threads) set_num_threads(*settings.threads);
    const int result = settings.load.empty() ? train_and_write(settings) : load_and_write(settings);
    if (!std::cout.flush()) throw std::runtime_error("standard output cannot be written");
    return result;
} catch (const std::exception& error) {
    std::cerr << "train_lm: " << error.what() << '\n';
    return 1;
}
