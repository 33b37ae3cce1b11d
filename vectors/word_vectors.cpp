// WordVectors: from a file to the table. The formats are in *_reader.cpp and writers.cpp.
#include <embergrad/vectors/word_vectors.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/io/byte_source.hpp>
#include <embergrad/text/line_reader.hpp>
#include <embergrad/vectors/reader.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// An array of n rows that begins as another does. Pages that are copied are given back at once, so that there are
/// never two tables in memory.
Array with_rows(Array rows, std::size_t n) {
    constexpr std::size_t piece = std::size_t{1} << 20;
    Array result(Shape{n, rows.shape()[1]});
    const std::size_t all = std::min(rows.size(), result.size());
    for (std::size_t begin = 0; begin < all; begin += piece) {
        const std::size_t some = std::min(piece, all - begin);
        std::copy_n(rows.data() + begin, some, result.data() + begin);
        detail::forget_contents(rows.data() + begin, some * sizeof(Real));
    }
    return result;
}

/// Keeps all vectors, or those that are wanted.
class Collector : public detail::VectorSink {
public:
    explicit Collector(const WordVectorsOptions& options) : options_(options) {}

    bool selects() const override { return static_cast<bool>(options_.wanted); }
    bool wants(std::string_view word) const override { return !options_.wanted || options_.wanted(word); }

    std::size_t add(std::span<const std::string_view> words, const Real* vectors) override {
        const std::size_t before = words_.size(), d = dimension();
        words_.make_room(words.size(), expected_);
        words_.add(words);
        const std::size_t fresh = words_.size() - before;
        if (words_.size() > vectors_.shape()[0])
            vectors_ = with_rows(std::move(vectors_), std::max<std::size_t>(words_.size(), 2 * vectors_.shape()[0]));
        Real* const to = vectors_.data() + before * d;
        if (fresh == words.size())
            std::copy_n(vectors, fresh * d, to);
        else
            copy_fresh(words, vectors, before);
        return fresh;
    }

    detail::TokenTable take_words() { return std::move(words_); }
    Array take_vectors() {
        if (vectors_.shape()[0] != words_.size()) vectors_ = with_rows(std::move(vectors_), words_.size());
        return std::move(vectors_);
    }

private:
    /// Room for vectors takes no memory before they come; that for words does, and is made as they come.
    void make_room(std::optional<std::size_t> lines) override {
        expected_ = std::min(options_.wanted ? 0 : lines.value_or(0), options_.limit);
        vectors_ = Array(Shape{expected_, dimension()});
    }

    /// Copies the vectors of the words that got the next numbers, from `next` on; the others were there before.
    void copy_fresh(std::span<const std::string_view> words, const Real* vectors, std::size_t next) {
        const std::size_t d = dimension();
        numbers_.resize(words.size());
        words_.find(words, numbers_);
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (numbers_[i] != static_cast<std::int64_t>(next)) continue;
            std::copy_n(vectors + i * d, d, vectors_.data() + next * d);
            ++next;
        }
    }

    const WordVectorsOptions& options_;
    detail::TokenTable words_;
    std::size_t expected_ = 0;           // words
    Array vectors_;                      // as many rows of it are in use as there are words
    std::vector<std::int64_t> numbers_;  // of some words
};

std::size_t count(std::string_view text, char byte) {
    std::size_t found = 0;
    for (std::size_t at = text.find(byte); at != text.npos; at = text.find(byte, at + 1)) ++found;
    return found;
}

/// How many lines a file has, counted in all of it. That takes a tenth of the time of reading the vectors, and saves
/// growing the table.
std::size_t count_lines(const std::string& path) {
    const std::unique_ptr<detail::ByteSource> source = detail::open_source(path);
    std::vector<char> buffer(std::size_t{256} << 10);  // stays in the cache
    std::size_t lines = 0;
    char last = '\n';
    for (std::size_t got = buffer.size(); got == buffer.size();) {
        got = source->read(buffer);
        lines += count({buffer.data(), got}, '\n');
        if (got > 0) last = buffer[got - 1];
    }
    return lines + (last == '\n' ? 0 : 1);
}

void check(const WordVectorsOptions& options) {
    require(options.dimension != std::size_t{0}, "WordVectors: vectors need a dimension of at least 1");
    require(options.limit > 0, "WordVectors: a limit of 0 words leaves nothing to read");
    require(options.format != VectorFormat::projector,
            "WordVectors: the Embedding Projector's files are written only; read what they were made from");
}

/// Reads a file in the format that the options say or that its first bytes show.
WordVectorsReport read_vectors(detail::VectorFile file, const WordVectorsOptions& options, detail::VectorSink& sink) {
    check(options);
    const std::size_t sample = std::min(detail::kFormatSample, file.source->size().value_or(detail::kFormatSample));
    const VectorFormat format =
        options.format ? *options.format : detail::detect_format(detail::peek(file.source, sample), file.name);
    require(detail::is_array(format) || options.words.empty(), "WordVectors: ", file.name, " is ", to_string(format),
            ", which has its words itself: there is none to take from ", options.words);
    require(format == VectorFormat::safetensors || options.tensor.empty(), "WordVectors: ", file.name, " is ",
            to_string(format), ", which has no tensor ", options.tensor);
    switch (format) {
        case VectorFormat::word2vec_binary:
            return detail::read_binary_vectors(std::move(file), options, sink);
        case VectorFormat::npy:
        case VectorFormat::safetensors:
            return detail::read_array_vectors(std::move(file), format, options, sink);
        default:
            return detail::read_text_vectors(std::move(file), options, sink);
    }
}

}  // namespace

WordVectors::WordVectors(const std::vector<std::string>& words, Array vectors) : vectors_(std::move(vectors)) {
    require(vectors_.dimension() == 2 && vectors_.shape()[0] == words.size(), "WordVectors: the vectors of ",
            words.size(), " words cannot be of shape ", vectors_.shape());
    for (const std::string& word : words) {
        require(words_.find(word) < 0, "WordVectors: the word ", in_quotes(word), " is there twice");
        words_.add(word, 1);
    }
}

WordVectors::WordVectors(detail::TokenTable words, Array vectors, WordVectorsReport report)
    : words_(std::move(words)), vectors_(std::move(vectors)), report_(std::move(report)) {}

WordVectors WordVectors::read(detail::VectorFile file, const WordVectorsOptions& options) {
    const Clock::time_point start = Clock::now();
    Collector collector(options);
    WordVectorsReport report = read_vectors(std::move(file), options, collector);
    Array vectors = collector.take_vectors();
    report.seconds = seconds_since(start);
    return {collector.take_words(), std::move(vectors), std::move(report)};
}

WordVectors WordVectors::parse(std::string_view text, std::string_view source_name, const WordVectorsOptions& options) {
    return read({detail::open_source(text, source_name), std::string(source_name)}, options);
}

WordVectors WordVectors::load(const std::string& path, const WordVectorsOptions& options) {
    detail::VectorFile file{detail::open_source(path), path};
    if (file.source->size()) file.count_lines = [&] { return count_lines(path); };  // a pipe is not opened twice
    return read(std::move(file), options);
}

void WordVectors::check_row(std::size_t row) const {
    require<std::out_of_range>(row < size(), "WordVectors: row ", row, " is outside ", size(), " vectors");
}

std::string_view WordVectors::word(std::size_t row) const {
    check_row(row);
    return words_.token(row);
}

std::span<const Real> WordVectors::operator[](std::size_t row) const {
    check_row(row);
    return {vectors_.data() + row * dimension(), dimension()};
}

std::optional<std::size_t> WordVectors::find(std::string_view word) const {
    const std::int64_t row = words_.find(word);
    return row < 0 ? std::nullopt : std::optional(static_cast<std::size_t>(row));
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
