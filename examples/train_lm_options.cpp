// One function for each heading of the help.
#include "train_lm_options.hpp"

#include "command_line.hpp"

namespace examples {
namespace {

constexpr const char* kDescription =
    "Trains a language model on a text (the last few words, their embeddings, a small network, the next\n"
    "word) and lets it write. Without options it trains on the project's own story of a lighthouse. The\n"
    "weights of the epoch with the best validation perplexity are kept. The best weights so far are\n"
    "saved after each epoch. Ctrl-C ends training early, with what was learned saved and tried (exit\n"
    "code 130); a second Ctrl-C ends the program.\n";

constexpr const char* kFooter =
    "\nExamples:\n"
    "  train_lm --prompt 'The keeper' --save lighthouse\n"
    "  echo 'In the morning' | train_lm --load lighthouse\n"
    "  train_lm --text mine.txt --context 4 --epochs 20";

void add_file_options(CLI::App& app, LmSettings& settings) {
    add_name(app, "--text", settings.text, "FILE", "what to learn from");
    add_name(app, "--validation", settings.validation, "FILE",
             "what picks the best epoch (default: the last 10 % of the text)");
    add_name(app, "--save", settings.save, "FOLDER", "write weights and vocabulary here");
    add_name(app, "--load", settings.load, "FOLDER",
             "continue --prompt, or each line of standard input, with what --save wrote;\n"
             "with --validation FILE, say how well it foresees that");
}

void add_text_options(CLI::App& app, LmSettings& settings) {
    app.add_flag("--whitespace", settings.whitespace, "words end at spaces only (default: punctuation is detached)")
        ->group("Text");
    app.add_flag("--lowercase", settings.lowercase, "make capital letters small")->group("Text");
    add_number(app, "Text", "--min-freq", settings.min_freq, "rarer words count as unknown", 0, 1e9)
        ->capture_default_str();
    add_number(app, "Text", "--max-size", settings.max_size, "of the vocabulary, its 4 special tokens included", 5,
               1e9);
}

void add_model_options(CLI::App& app, LmSettings& settings) {
    const auto add = [&](const char* name, auto& value, const char* help, double low, double high) {
        add_number(app, "Model", name, value, help, low, high)->capture_default_str();
    };
    add("--context", settings.context, "words that the next one is predicted from", 1, 1024);
    add("--dim", settings.dim, "width of an embedding", 1, 65536);
    add("--hidden", settings.hidden, "width of the hidden layer", 1, 65536);
    add("--init-std", settings.init_std, "spread of the embeddings before training (PyTorch: 1)", 0, 100);
}

void add_training_options(CLI::App& app, LmSettings& settings) {
    const auto add = [&](const char* name, auto& value, const char* help, double low, double high) {
        add_number(app, "Training", name, value, help, low, high)->capture_default_str();
    };
    add("--epochs", settings.epochs, "times through the text", 1, 1e6);
    add("--batch", settings.batch, "predicted words a step", 1, 1e6);
    add("--lr", settings.lr, "learning rate of Adam", 1e-12, 1e300);  // training that diverges ends by itself
    add("--seed", settings.seed, "of all that is random", 0, 1e18);
    add("--progress", settings.progress, kProgressHelp, 0, 1e9);
}

void add_generation_options(CLI::App& app, LmSettings& settings) {
    const auto add = [&](const char* name, auto& value, const char* help, double low, double high) {
        return add_number(app, "Writing", name, value, help, low, high);
    };
    add("--generate", settings.generate, "continuations, of each prompt or of words from the validation text", 0, 1e6)
        ->capture_default_str();
    add("--length", settings.length, "words of a continuation", 1, 1e6)->capture_default_str();
    app.add_option("--prompt", settings.prompt, "what to continue")->type_name("TEXT")->group("Writing");
    add("--temperature", settings.temperature, "below 1: safer words; 0: always the most probable", 0, 1e6)
        ->capture_default_str();
    add("--top-k", settings.top_k, "only this many words are drawn from (default: all)", 1, 1e9);
}

}  // namespace

LmSettings parse_lm_settings(int argc, char** argv) {
    LmSettings settings;
    CLI::App app(kDescription, "train_lm");
    app.footer(kFooter);
    add_file_options(app, settings);
    add_text_options(app, settings);
    add_model_options(app, settings);
    add_training_options(app, settings);
    add_generation_options(app, settings);
    add_common_options(app, settings.threads);
    parse_or_exit(app, argc, argv, [&] {
        check_load_alone(
            app, "writing",
            {"--validation", "--generate", "--length", "--prompt", "--temperature", "--top-k", "--seed", "--threads"});
    });
    return settings;
}

}  // namespace examples
