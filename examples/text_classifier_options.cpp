// The one file that includes CLI11, which takes seconds to compile.
#include "text_classifier_options.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>

#include <embergrad/embergrad.hpp>

namespace examples {
namespace {

constexpr const char* kDescription =
    "Trains a text classifier (words, their embeddings, the mean, a small network) and asks it.\n"
    "Without options it trains on the project's own messages to a shop. Files are UTF-8, one\n"
    "label<TAB>text a line. Ctrl-C ends training early: what was learned is tested and saved\n"
    "(exit code 130); a second Ctrl-C ends the program.\n";

constexpr const char* kFooter =
    "\nExamples:\n"
    "  text_classifier --save shop\n"
    "  echo 'Where is my parcel?' | text_classifier --load shop\n"
    "  text_classifier --train mine.train.tsv --test mine.test.tsv --epochs 40";

/// The settings of the document's own example, for comparisons with PyTorch.
Settings document_settings() {
    Settings settings;
    settings.validation = 0;
    settings.whitespace = true;
    settings.min_freq = 2;
    settings.dim = 128;
    settings.hidden = 128;
    settings.dropout = 0.5;
    settings.init_std = 1;
    settings.epochs = 10;
    settings.batch = 32;
    settings.lr = 1e-3;
    settings.embedding_lr = {};
    return settings;
}

/// Unlike CLI::Range it refuses "nan".
CLI::Validator between(double low, double high) {
    const auto number = [](double value) {
        char digits[32];
        return std::string(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    };
    const std::string range = number(low) + " to " + number(high);
    const auto check = [=](const std::string& text) {
        double value = 0;
        const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool is_number = result.ec == std::errc() && result.ptr == text.data() + text.size();
        return is_number && low <= value && value <= high ? "" : "\"" + text + "\" is not a number from " + range;
    };
    return CLI::Validator(check, "");
}

void add_file_options(CLI::App& app, Settings& settings) {
    const CLI::Validator named([](const std::string& text) { return text.empty() ? "the name is empty" : ""; }, "");
    const auto add = [&](const char* name, std::string& value, const char* type, const char* help) {
        app.add_option(name, value, help)->check(named)->type_name(type)->group("Files");
    };
    add("--train", settings.train, "FILE", "training texts");
    add("--test", settings.test, "FILE", "test texts");
    add("--save", settings.save, "FOLDER", "write weights, vocabulary and labels here");
    add("--load", settings.load, "FOLDER", "classify standard input (or --test FILE) with what --save wrote");
}

void add_text_options(CLI::App& app, Settings& settings) {
    const auto add = [&](const char* name, auto& value, const char* help, double low, double high) {
        return app.add_option(name, value, help)->check(between(low, high))->type_name("NUMBER")->group("Text");
    };
    app.add_flag("--whitespace", settings.whitespace, "words end at spaces only (default: also lowercase, punctuation)")
        ->group("Text");
    add("--min-freq", settings.min_freq, "rarer words count as unknown", 0, 1e9)->capture_default_str();
    add("--max-size", settings.max_size, "of the vocabulary, its 4 special tokens included", 5, 1e9);
    add("--max-length", settings.max_length, "words of a text that count", 1, 1e9);
    add("--validation", settings.validation, "part of the training texts that picks the best epoch; 0 keeps the last",
        0, 0.9)
        ->capture_default_str();
}

void add_model_options(CLI::App& app, Settings& settings) {
    const auto add = [&](const char* name, auto& value, const char* help, double low, double high) {
        app.add_option(name, value, help)
            ->check(between(low, high))
            ->type_name("NUMBER")
            ->capture_default_str()
            ->group("Model");
    };
    add("--dim", settings.dim, "width of an embedding", 1, 65536);
    add("--hidden", settings.hidden, "width of the hidden layer", 1, 65536);
    add("--dropout", settings.dropout, "probability that a value is dropped in training", 0, 0.99);
    add("--init-std", settings.init_std, "spread of the embeddings before training", 0, 100);
}

void add_training_options(CLI::App& app, Settings& settings) {
    const auto add = [&](const char* name, auto& value, const char* help, double low, double high) {
        return app.add_option(name, value, help)->check(between(low, high))->type_name("NUMBER")->group("Training");
    };
    add("--epochs", settings.epochs, "times through the training texts", 1, 1e6)->capture_default_str();
    add("--batch", settings.batch, "texts a step", 1, 1e6)->capture_default_str();
    constexpr double most = 1e300;  // no limit at all: training that diverges ends by itself and says so
    add("--lr", settings.lr, "learning rate of Adam", 1e-12, most)->capture_default_str();
    add("--embedding-lr", settings.embedding_lr, "of the embeddings (default: 0.01; with --document: --lr)", 1e-12,
        most);
    app.add_flag("--sparse", settings.sparse, "step only the embeddings of a batch's words (SparseAdam)")
        ->group("Training");
    add("--seed", settings.seed, "of all that is random", 0, 1e18)->capture_default_str();
}

/// A loaded classifier is not trained: what is about training is refused beside --load.
void check_load_alone(const CLI::App& app) {
    if (app.count("--load") == 0) return;
    for (const CLI::Option* option : app.get_options()) {
        const std::string name = option->get_name();
        if (option->count() > 0 && name != "--load" && name != "--test" && name != "--threads")
            throw CLI::ValidationError("--load is for asking, " + name + " for training: one or the other");
    }
}

void check_test_has_a_subject(const CLI::App& app) {
    if (app.count("--test") > 0 && app.count("--train") == 0 && app.count("--load") == 0)
        throw CLI::ValidationError("--test needs --train (what to learn from) or --load (what to test)");
}

/// Overwrites what the command line names; says whether it asks for the document's settings.
bool parse_into(Settings& settings, int argc, char** argv) {
    CLI::App app(kDescription, "text_classifier");
    bool document = false;
    app.set_version_flag("--version", to_string(embergrad::build_info()));
    app.footer(kFooter);
    add_file_options(app, settings);
    add_text_options(app, settings);
    add_model_options(app, settings);
    add_training_options(app, settings);
    app.add_flag("--document", document, "the settings of the document's PyTorch example; other options still count")
        ->group("Training");
    app.add_option("--threads", settings.threads, "at most this many (default: all)")
        ->check(between(1, 1024))
        ->type_name("NUMBER");
    try {
        app.parse(argc, argv);
        check_load_alone(app);
        check_test_has_a_subject(app);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : 2);
    }
    return document;
}

}  // namespace

Settings parse_settings(int argc, char** argv) {
    Settings settings;
    if (parse_into(settings, argc, argv)) {
        settings = document_settings();
        parse_into(settings, argc, argv);  // what was given wins
    }
    return settings;
}

}  // namespace examples
