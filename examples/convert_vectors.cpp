// convert_vectors: reads word vectors in any format and writes them in another. Read from the bottom up: main, convert.
#include <cstddef>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <embergrad/embergrad.hpp>

#include "convert_vectors_options.hpp"
#include "interrupt.hpp"
#include "number_text.hpp"
#include "progress_bar.hpp"

namespace {

using namespace embergrad;
using namespace examples;
namespace fs = std::filesystem;

// ---- words to choose -----------------------------------------------------------------------------------------------

/// Words of a file: one a line, or a saved vocabulary's. It may be a pipe: it is opened once.
class WordChoice {
public:
    WordChoice() = default;
    explicit WordChoice(const std::string& path) {
        LineReader lines(path);
        const bool is_vocabulary = detail::begins_vocabulary(lines.next_text().value_or(""));
        lines.rewind();
        if (is_vocabulary)
            vocabulary_ = Vocabulary::load(lines);
        else
            add_lines(lines);
        if (size() == 0) throw std::runtime_error(path + ": there are no words in it");
    }

    std::size_t size() const { return vocabulary_ ? vocabulary_->size() : words_.size(); }
    bool contains(std::string_view word) const {
        return vocabulary_ ? vocabulary_->id(word).has_value() : words_.find(word) >= 0;
    }

private:
    void add_lines(LineReader& lines) {
        while (const std::optional<std::string_view> word = lines.next_text()) {
            if (!word->empty()) words_.add(*word, 0);
        }
    }

    std::optional<Vocabulary> vocabulary_;
    detail::TokenTable words_;  // without a vocabulary
};

// ---- progress ------------------------------------------------------------------------------------------------------

/// What the library asks after each piece: draws how far it is; false after Ctrl-C.
class Watch {
public:
    Watch(std::string what, const InterruptGuard& interrupt) : what_(std::move(what)), interrupt_(interrupt) {}

    bool operator()(const WordVectorsProgress& progress) {
        const double fraction = progress.fraction.value_or(0);
        if (bar_.due() || (fraction == 1 && bar_.on_terminal()))
            bar_.draw(static_cast<std::size_t>(fraction * kSteps), what_ + ' ' + thousands(progress.words) + " words");
        return !interrupt_.interrupted();
    }

private:
    static constexpr std::size_t kSteps = 1000;

    std::string what_;
    const InterruptGuard& interrupt_;
    ProgressBar bar_{kSteps, 30};
};

// ---- reading -------------------------------------------------------------------------------------------------------

WordVectors read_vectors(const ConvertSettings& settings, const WordChoice& wanted, const InterruptGuard& interrupt) {
    Watch watch("read", interrupt);
    WordVectorsOptions options{.format = settings.from,
                               .dimension = settings.dimension,
                               .skip_bad_lines = settings.skip_bad,
                               .words = settings.words,
                               .tensor = settings.tensor,
                               .on_progress = std::ref(watch)};
    if (settings.limit) options.limit = *settings.limit;
    if (!settings.vocabulary.empty()) options.wanted = [&](std::string_view word) { return wanted.contains(word); };
    WordVectors vectors = WordVectors::load(settings.input, options);
    if (interrupt.interrupted()) throw std::runtime_error("interrupted");
    return vectors;
}

void print_bad_lines(const WordVectorsReport& report) {
    if (report.bad_lines == 0) return;
    std::cout << "bad         " << thousands(report.bad_lines)
              << (report.bad_lines == report.first_bad_lines.size() ? ", left out:\n"
                                                                    : ", left out; the first of them:\n");
    for (const WordVectorsReport::BadLine& bad : report.first_bad_lines)
        std::cout << "  " << bad.number << ": " << bad.reason << '\n';
}

void print_read(const ConvertSettings& settings, const WordVectors& vectors, std::size_t wanted) {
    const WordVectorsReport& report = vectors.report();
    std::cout << "read        " << settings.input << ": " << to_string(report.format) << ", "
              << thousands(vectors.size()) << " words, dimension " << thousands(vectors.dimension()) << '\n';
    if (wanted > 0)
        std::cout << "vocabulary  " << thousands(vectors.size()) << " of its " << thousands(wanted)
                  << " words have a vector\n";
    if (report.duplicates > 0)
        std::cout << "duplicates  " << thousands(report.duplicates) << ", left out: of each word the first counts\n";
    print_bad_lines(report);
    if (!report.wrong_header.empty()) std::cout << "header      " << report.wrong_header << '\n';
    std::cout << "throughput  " << fixed(static_cast<double>(report.bytes) / 1e6 / report.seconds, 0)
              << " MB/s of reading" << std::endl;
}

// ---- writing -------------------------------------------------------------------------------------------------------

std::size_t write_vectors(const ConvertSettings& settings, const WordVectors& vectors,
                          const InterruptGuard& interrupt) {
    Watch watch("written", interrupt);
    return vectors.save(
        settings.output, settings.to,
        {.words = settings.output_words, .skip_unwritable = settings.skip_bad, .on_progress = std::ref(watch)});
}

void print_written(const ConvertSettings& settings, std::size_t words, std::size_t left_out) {
    std::cout << "written     " << settings.output << ": " << to_string(settings.to) << ", " << thousands(words)
              << " words";
    if (!settings.output_words.empty()) std::cout << ", which are in " << settings.output_words;
    std::cout << '\n';
    if (left_out > 0)
        std::cout << "left out    " << thousands(left_out) << " of them: " << to_string(settings.to)
                  << " cannot hold such words\n";
}

/// out.npy and out.safetensors have their words in one out.words.txt, unless told otherwise: the other of the two, if
/// it is there.
fs::path sharing_words(const ConvertSettings& settings) {
    const fs::path output = settings.output, words = settings.output_words;
    for (const char* extension : {".npy", ".safetensors"}) {
        const fs::path other = fs::path(output).replace_extension(extension);
        const bool shares = words == fs::path(output).replace_extension(".words.txt") && other != output;
        if (shares && fs::exists(other) && fs::exists(words)) return other;
    }
    return {};
}

/// Says it where the words of such another file are no longer there.
class SharedWords {
public:
    explicit SharedWords(const ConvertSettings& settings)
        : words_(settings.output_words), other_(sharing_words(settings)) {
        if (!other_.empty()) before_ = read_file(words_);
    }
    void warn_if_replaced() const {
        if (other_.empty() || read_file(words_) == before_) return;
        std::cerr << "convert_vectors: warning: " << words_ << " had other words before, and " << other_.string()
                  << " went by it; --output-words gives each its own\n";
    }

private:
    std::string words_;
    fs::path other_;
    std::string before_;
};

int convert(const ConvertSettings& settings) {
    check_writable(settings.output);  // better now than after the reading
    if (!settings.output_words.empty()) check_writable(settings.output_words);
    const WordChoice wanted = settings.vocabulary.empty() ? WordChoice() : WordChoice(settings.vocabulary);
    const InterruptGuard interrupt({SIGINT});  // the others may end it at once: a file that is not whole is not there
    try {
        const WordVectors vectors = read_vectors(settings, wanted, interrupt);
        print_read(settings, vectors, wanted.size());
        if (vectors.size() == 0)
            throw std::runtime_error(settings.input + ": none of the words of " + settings.vocabulary + " is in it");
        const SharedWords shared(settings);
        const std::size_t left_out = write_vectors(settings, vectors, interrupt);
        shared.warn_if_replaced();
        print_written(settings, vectors.size() - left_out, left_out);
        return 0;
    } catch (const std::runtime_error&) {
        if (!interrupt.interrupted()) throw;
        std::cerr << "convert_vectors: interrupted; nothing was written\n";
        return interrupt_code(interrupt.signal());
    }
}

}  // namespace

int main(int argc, char** argv) try {
    const ConvertSettings settings = parse_convert_settings(argc, argv);
    if (settings.threads) set_num_threads(*settings.threads);
    const int result = convert(settings);
    if (!std::cout.flush()) throw std::runtime_error("standard output cannot be written");
    return result;
} catch (const std::exception& error) {
    std::cerr << "convert_vectors: " << error.what() << '\n';
    return 1;
}
