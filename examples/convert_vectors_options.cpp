// The output's extension says its format, and the output's name that of the second file.
#include "convert_vectors_options.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>

#include "command_line.hpp"

namespace examples {
namespace {

using embergrad::VectorFormat;
namespace fs = std::filesystem;

constexpr const char* kDescription =
    "Reads word vectors and writes them in another format. The input's format is found from its content\n"
    "(gzip too), the output's from its extension. Ctrl-C ends it with nothing written (exit code 130).\n"
    "\n"
    "  text             .txt          GloVe: a word and its numbers a line\n"
    "  word2vec-text    .vec          the same below a line \"N D\": fastText, gensim\n"
    "  word2vec-binary  .bin          word2vec, gensim\n"
    "  npy              .npy          NumPy's array; the words in a second file, one a line\n"
    "  safetensors      .safetensors  the tensor embedding.weight; the words in a second file\n"
    "  projector        .tsv          for projector.tensorflow.org, with the words in a second file; only written\n";

constexpr const char* kFooter =
    "\nExamples:\n"
    "  convert_vectors glove.6B.100d.txt glove.bin\n"
    "  convert_vectors --limit 50000 wiki-news-300d-1M.vec news.npy\n"
    "  convert_vectors --vocabulary shop/vocabulary.txt glove.6B.100d.txt shop.safetensors";

constexpr VectorFormat kFormats[] = {VectorFormat::text, VectorFormat::word2vec_text, VectorFormat::word2vec_binary,
                                     VectorFormat::npy,  VectorFormat::safetensors,   VectorFormat::projector};

std::string format_names(bool readable) {
    std::string names;
    for (const VectorFormat format : kFormats) {
        if (readable && format == VectorFormat::projector) continue;
        names += (names.empty() ? "" : ", ") + std::string(to_string(format));
    }
    return names;
}

VectorFormat format_named(const std::string& option, const std::string& name) {
    const bool readable = option == "--from";
    const std::optional<VectorFormat> format = embergrad::vector_format(name);
    if (!format || (readable && format == VectorFormat::projector))
        throw CLI::ValidationError(option + ": \"" + name + "\" is none of " + format_names(readable));
    return *format;
}

VectorFormat format_of(const fs::path& output) {
    static const std::map<std::string, VectorFormat> formats = {{".txt", VectorFormat::text},
                                                                {".vec", VectorFormat::word2vec_text},
                                                                {".bin", VectorFormat::word2vec_binary},
                                                                {".npy", VectorFormat::npy},
                                                                {".safetensors", VectorFormat::safetensors},
                                                                {".tsv", VectorFormat::projector}};
    const auto found = formats.find(output.extension().string());
    if (found == formats.end())
        throw CLI::ValidationError(output.string() +
                                   ": its extension says no format; choose one with --to: " + format_names(false));
    return found->second;
}

/// The name of the second file, if nothing else is said; empty for formats that have none.
std::string second_file(const fs::path& output, VectorFormat format) {
    if (format == VectorFormat::npy || format == VectorFormat::safetensors)
        return fs::path(output).replace_extension(".words.txt").string();
    if (format != VectorFormat::projector) return "";
    if (output.stem() == "vectors")
        return (output.parent_path() / "metadata.tsv").string();  // as the projector has them
    return fs::path(output).replace_extension(".metadata.tsv").string();
}

void add_file_options(CLI::App& app, ConvertSettings& settings) {
    add_name(app, "INPUT", settings.input, "", "the file to read")->required();
    add_name(app, "OUTPUT", settings.output, "", "the file to write")->required();
    add_name(app, "--words", settings.words, "FILE",
             "the input's words, one a line or a saved vocabulary (for npy and safetensors)");
    add_name(app, "--output-words", settings.output_words, "FILE",
             "the second file to write (default: OUTPUT with .words.txt for its extension; for\n"
             "projector with .metadata.tsv, and metadata.tsv for vectors.tsv)");
}

void add_format_options(CLI::App& app, std::string& from, std::string& to, std::string& tensor) {
    app.add_option("--from", from, "the input's (default: found from its content)")->type_name("NAME")->group("Format");
    app.add_option("--to", to, "the output's (default: by its extension)")->type_name("NAME")->group("Format");
    app.add_option("--tensor", tensor, "in a safetensors file (default: embedding.weight and the like)")
        ->type_name("NAME")
        ->group("Format");
}

void add_choice_options(CLI::App& app, ConvertSettings& settings) {
    const char* const group = "What is converted";
    add_name(app, "--vocabulary", settings.vocabulary, "FILE",
             "only words of this file: one a line, or a saved vocabulary")
        ->group(group);
    add_number(app, group, "--limit", settings.limit, "only the first so many words", 1, 1e15);
    add_number(app, group, "--dimension", settings.dimension, "numbers of a word (default: found from the file)", 1,
               1e9);
    app.add_flag("--skip-bad", settings.skip_bad,
                 "leave out lines that cannot be read and words that cannot be written")
        ->group(group);
}

/// What is read must not be replaced on the way.
void refuse_overwriting(const ConvertSettings& settings) {
    const auto same = [](const std::string& a, const std::string& b) {
        return !a.empty() && !b.empty() && embergrad::is_same_path(a, b);
    };
    for (const std::string& written : {settings.output, settings.output_words})
        for (const std::string& read : {settings.input, settings.words, settings.vocabulary})
            if (same(written, read))
                throw CLI::ValidationError(written +
                                           " is read and would be replaced; choose another name for what is "
                                           "written (OUTPUT, --output-words)");
    if (fs::path(settings.output).extension() == ".gz")
        throw CLI::ValidationError(settings.output +
                                   ": nothing is compressed on the way out; choose a name without .gz");
}

/// What follows from the names.
void complete(ConvertSettings& settings, const std::string& from, const std::string& to) {
    if (!from.empty()) settings.from = format_named("--from", from);
    settings.to = to.empty() ? format_of(settings.output) : format_named("--to", to);
    const std::string second = second_file(settings.output, settings.to);
    if (second.empty() && !settings.output_words.empty())
        throw CLI::ValidationError("--output-words: there is no second file to write for " +
                                   std::string(to_string(settings.to)));
    if (settings.output_words.empty()) settings.output_words = second;
    refuse_overwriting(settings);
}

}  // namespace

ConvertSettings parse_convert_settings(int argc, char** argv) {
    ConvertSettings settings;
    std::string from, to;
    CLI::App app(kDescription, "convert_vectors");
    app.footer(kFooter);
    add_file_options(app, settings);
    add_format_options(app, from, to, settings.tensor);
    add_choice_options(app, settings);
    add_common_options(app, settings.threads);
    if (argc == 1) {  // asked for nothing, it says what it can do
        std::cout << app.help();
        std::exit(0);
    }
    parse_or_exit(app, argc, argv, [&] { complete(settings, from, to); });
    return settings;
}

}  // namespace examples
