// load_pretrained: words are looked up first; only then is anything written.
#include <embergrad/models/pretrained.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/text/line_reader.hpp>
#include <embergrad/text/utf8.hpp>
#include <embergrad/vectors/lines.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// Which row of the table gets which vector, and what to say about it.
struct Matches {
    struct Match {
        std::size_t id = 0;
        std::size_t row = 0;  // of the vectors
    };
    std::vector<Match> found;
    PretrainedReport report;
};

std::optional<std::size_t> find(std::string_view word, const WordVectors& vectors, const PretrainedLookup& lookup) {
    const std::optional<std::size_t> row = vectors.find(word);
    return row || !lookup.lowercase_fallback ? row : vectors.find(lowercase(word));
}

Matches match(const Vocabulary& vocabulary, const WordVectors& vectors, const PretrainedLookup& lookup) {
    Matches matches;
    PretrainedReport& report = matches.report;
    for (std::size_t id = vocabulary.special_count(); id < vocabulary.size(); ++id) {
        const std::string& word = vocabulary.token(static_cast<std::int64_t>(id));
        if (const std::optional<std::size_t> row = find(word, vectors, lookup))
            matches.found.push_back({id, *row});
        else
            report.missing.push_back(word);
    }
    report.asked = vocabulary.size() - vocabulary.special_count();
    report.found = matches.found.size();
    report.duplicates = vectors.report().duplicates;
    report.bad_lines = vectors.report().bad_lines;
    report.wrong_header = vectors.report().wrong_header;
    report.bytes = vectors.report().bytes;
    report.seconds = vectors.report().seconds;
    return matches;
}

void check_dimension(const Embedding& embedding, const WordVectors& vectors) {
    require(vectors.dimension() == embedding.embedding_dim(), "load_pretrained: vectors of dimension ",
            vectors.dimension(), " do not fit a table of dimension ", embedding.embedding_dim());
}

void check_vocabulary(const Embedding& embedding, const Vocabulary& vocabulary) {
    require(vocabulary.size() <= embedding.num_embeddings(), "load_pretrained: a vocabulary of ", vocabulary.size(),
            " tokens does not fit a table of ", embedding.num_embeddings(), " rows");
    const std::int64_t padding = embedding.padding_idx().value_or(0);
    const std::size_t id = static_cast<std::size_t>(padding);
    if (embedding.padding_idx() && id >= vocabulary.special_count() && id < vocabulary.size())
        fail<std::invalid_argument>("load_pretrained: the table's padding row ", padding, " belongs to the word ",
                                    in_quotes(vocabulary.token(padding)));
}

void write_rows(const Matches& matches, const WordVectors& vectors, const Parameter& table) {
    if (matches.found.empty()) return;
    const std::size_t d = vectors.dimension();
    Real* const values = table.mutable_value().data();
    for (const auto [id, row] : matches.found) std::copy_n(vectors[row].data(), d, values + id * d);
}

void write_mean(const Matches& matches, const WordVectors& vectors, const Parameter& table, std::int64_t to) {
    if (matches.found.empty()) return;
    const std::size_t d = vectors.dimension();
    std::vector<double> sums(d);
    for (const auto [id, row] : matches.found) {
        const Real* const vector = vectors[row].data();
        for (std::size_t i = 0; i < d; ++i) sums[i] += static_cast<double>(vector[i]);
    }
    Real* const mean = table.mutable_value().data() + static_cast<std::size_t>(to) * d;
    const double count = static_cast<double>(matches.found.size());
    std::transform(sums.begin(), sums.end(), mean, [=](double sum) { return static_cast<Real>(sum / count); });
}

/// The options of a table for the vocabulary.
EmbeddingOptions table_options(const Vocabulary& vocabulary, EmbeddingOptions options) {
    const std::optional<std::int64_t> padding = vocabulary.padding_id();
    require(!options.padding_idx || options.padding_idx == padding, "initialize_with_pretrained: padding_idx ",
            options.padding_idx.value_or(0), " is not the vocabulary's, ", padding ? std::to_string(*padding) : "none");
    options.padding_idx = padding;
    return options;
}

/// The options to read no more of a file than match() can find. They hold a pointer to the vocabulary.
WordVectorsOptions only_words_of(const Vocabulary& vocabulary, WordVectorsOptions options,
                                 const PretrainedLookup& lookup) {
    const auto lowered = std::make_shared<detail::TokenTable>();  // the words in lowercase
    if (lookup.lowercase_fallback) {
        for (std::size_t id = vocabulary.special_count(); id < vocabulary.size(); ++id)
            lowered->add(lowercase(vocabulary.token(static_cast<std::int64_t>(id))), 0);
    }
    options.wanted = [&vocabulary, lowered, also = std::move(options.wanted)](std::string_view word) {
        const auto first_word = static_cast<std::int64_t>(vocabulary.special_count());
        const bool known = vocabulary.id(word).value_or(-1) >= first_word || lowered->find(word) >= 0;
        return known && (!also || also(word));
    };
    return options;
}

}  // namespace

double PretrainedReport::coverage() const {
    return asked == 0 ? 0 : static_cast<double>(found) / static_cast<double>(asked);
}

std::string to_string(const PretrainedReport& report) {
    std::array<char, 32> percent{};
    const auto end = std::to_chars(percent.data(), percent.data() + percent.size(), 100 * report.coverage(),
                                   std::chars_format::fixed, 1);
    std::string text = "Pre-trained coverage: " + std::to_string(report.found) + "/" + std::to_string(report.asked);
    text.append(" (").append(percent.data(), end.ptr).append("%)");
    std::string left_out;
    if (report.duplicates > 0) left_out = detail::counted(report.duplicates, "duplicate");
    if (report.bad_lines > 0)
        left_out += (left_out.empty() ? "" : ", ") + detail::counted(report.bad_lines, "bad line");
    if (!left_out.empty()) text += "; " + left_out + " left out";
    if (!report.wrong_header.empty()) text += "; " + report.wrong_header;
    return text;
}

PretrainedReport load_pretrained(const Embedding& embedding, const WordVectors& vectors, const Vocabulary& vocabulary,
                                 const PretrainedLookup& lookup) {
    check_dimension(embedding, vectors);
    check_vocabulary(embedding, vocabulary);
    Matches matches = match(vocabulary, vectors, lookup);
    write_rows(matches, vectors, embedding.weight());
    return std::move(matches.report);
}

PretrainedReport load_pretrained(const Embedding& embedding, const std::string& path, const Vocabulary& vocabulary,
                                 const WordVectorsOptions& options, const PretrainedLookup& lookup) {
    check_vocabulary(embedding, vocabulary);  // before a long file is read
    const WordVectors vectors = WordVectors::load(path, only_words_of(vocabulary, options, lookup));
    return load_pretrained(embedding, vectors, vocabulary, lookup);
}

PretrainedEmbedding initialize_with_pretrained(const Vocabulary& vocabulary, const WordVectors& vectors, Rng& rng,
                                               const PretrainedOptions& options) {
    const EmbeddingOptions embedding_options = table_options(vocabulary, options.embedding);
    Array table(Shape{vocabulary.size(), vectors.dimension()});
    Embedding embedding = Embedding::from_pretrained(std::move(table), options.freeze, embedding_options);
    embedding.init_normal(rng, 0, options.std);

    Matches matches = match(vocabulary, vectors, options.lookup);
    write_rows(matches, vectors, embedding.weight());
    if (const std::optional<std::int64_t> unknown = vocabulary.unknown_id())
        write_mean(matches, vectors, embedding.weight(), *unknown);
    return {std::move(embedding), std::move(matches.report)};
}

PretrainedEmbedding initialize_with_pretrained(const Vocabulary& vocabulary, const std::string& path, Rng& rng,
                                               const PretrainedOptions& options, const WordVectorsOptions& file) {
    const WordVectors vectors = WordVectors::load(path, only_words_of(vocabulary, file, options.lookup));
    return initialize_with_pretrained(vocabulary, vectors, rng, options);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
