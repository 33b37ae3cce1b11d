// One function for each heading of the help.
#include "text_classifier_options.hpp"

#include "command_line.hpp"

namespace examples {
namespace {

constexpr const char* kDescription =
    "Trains a text classifier (words, their embeddings, the mean, a small network) and asks it.\n"
    "Without options it trains on the project's own messages to a shop. Files are UTF-8, one\n"
    "label<TAB>text a line. The best weights so far are saved after each epoch. Ctrl-C ends\n"
    "training early, with what was learned saved and tested (exit code 130); a second Ctrl-C\n"
    "ends the program.\n";

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

void add_file_options(CLI::App& app, Settings& settings) {
    add_name(app, "--train", settings.train, "FILE", "training texts");
    add_name(app, "--test", settings.test, "FILE", "test texts");
    add_name(app, "--save", settings.save, "FOLDER", "write weights, vocabulary and labels here");
    add_name(app, "--load", settings.load, "FOLDER", "classify standard input (or --test FILE) with what --save wrote");
}

void add_text_options(CLI::App& app, Settings& settings) {
    const auto add = [&](const char* name, auto& value, const char* help, double low, double high) {
        return add_number(app, "Text", name, value, help, low, high);
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
        add_number(app, "Model", name, value, help, low, high)->capture_default_str();
    };
    add("--dim", settings.dim, "width of an embedding", 1, 65536);
    add("--hidden", settings.hidden, "width of the hidden layer", 1, 65536);
    add("--dropout", settings.dropout, "probability that a value is dropped in training", 0, 0.99);
    add("--init-std", settings.init_std, "spread of the embeddings before training", 0, 100);
}

void add_training_options(CLI::App& app, Settings& settings) {
    const auto add = [&](const char* name, auto& value, const char* help, double low, double high) {
        return add_number(app, "Training", name, value, help, low, high);
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
    add("--progress", settings.progress, kProgressHelp, 0, 1e9)->capture_default_str();
}

void check_test_has_a_subject(const CLI::App& app) {
    if (app.count("--test") > 0 && app.count("--train") == 0 && app.count("--load") == 0)
        throw CLI::ValidationError("--test needs --train (what to learn from) or --load (what to test)");
}

/// Overwrites what the command line names; says whether it asks for the document's settings.
bool parse_into(Settings& settings, int argc, char** argv) {
    CLI::App app(kDescription, "text_classifier");
    bool document = false;
    app.footer(kFooter);
    add_file_options(app, settings);
    add_text_options(app, settings);
    add_model_options(app, settings);
    add_training_options(app, settings);
    app.add_flag("--document", document, "the settings of the document's PyTorch example; other options still count")
        ->group("Training");
    add_common_options(app, settings.threads);
    parse_or_exit(app, argc, argv, [&] {
        check_load_alone(app, "asking", {"--test", "--threads"});
        check_test_has_a_subject(app);
    });
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
