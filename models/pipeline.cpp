// EmbeddingPipeline: checks first, then vocabulary, batch and embedding.
#include <embergrad/models/pipeline.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Texts = std::span<const std::string>;

constexpr std::size_t kDefaultDim = 128;

void check(Texts texts, const IdArray& labels, const PipelineOptions& options) {
    require(!texts.empty(), "create_embedding_pipeline: there are no texts");
    require(texts.size() == labels.size(), "create_embedding_pipeline: ", texts.size(), " texts, but ", labels.size(),
            " labels");
    require(labels.dimension() == 1, "create_embedding_pipeline: labels must be (N), not ", labels.shape());
    require(options.embedding_dim != 0, "create_embedding_pipeline: embedding_dim is 0");
    const std::size_t dim = options.embedding_dim.value_or(0);
    require(options.pretrained == nullptr || dim == 0 || dim == options.pretrained->dimension(),
            "create_embedding_pipeline: embedding_dim is ", dim, ", but the pretrained vectors have ",
            options.pretrained == nullptr ? 0 : options.pretrained->dimension(), " numbers each");
    require(options.max_length != 0, "create_embedding_pipeline: max_length is 0");
    require(!options.pad_token.value_or("").empty(), "create_embedding_pipeline: texts of different length need a ",
            "padding token, and pad_token is empty");
}

VocabularyOptions vocabulary_options(const PipelineOptions& options) {
    return {.min_freq = options.min_freq,
            .max_size = options.max_vocab,
            .pad_token = options.pad_token,
            .unk_token = options.unk_token,
            .bos_token = options.bos_token,
            .eos_token = options.eos_token,
            .tokenizer = options.tokenizer};
}

Batch encode_texts(Texts texts, const Vocabulary& vocabulary, std::optional<std::size_t> max_length) {
    std::vector<std::vector<std::int64_t>> sequences(texts.size());
    std::transform(texts.begin(), texts.end(), sequences.begin(),
                   [&](const std::string& text) { return vocabulary.encode(text); });
    return pad_batch(sequences, vocabulary.padding_id().value(), max_length);
}

PretrainedEmbedding make_table(const Vocabulary& vocabulary, Rng& rng, const PipelineOptions& options) {
    const EmbeddingOptions table{.padding_idx = vocabulary.padding_id(), .sparse = options.sparse};
    if (options.pretrained != nullptr) {
        return initialize_with_pretrained(vocabulary, *options.pretrained, rng,
                                          {.lookup = options.pretrained_lookup, .embedding = table});
    }
    const std::size_t d = options.embedding_dim.value_or(kDefaultDim);
    return {.embedding = Embedding(vocabulary.size(), d, rng, table), .report = {}};
}

}  // namespace

Batch EmbeddingPipeline::encode(Texts texts) const { return encode_texts(texts, vocabulary, max_length); }

Batch EmbeddingPipeline::encode(std::initializer_list<BracedText> texts) const {
    return encode(std::vector<std::string>(texts.begin(), texts.end()));
}

EmbeddingPipeline create_embedding_pipeline(Texts texts, const IdArray& labels, Rng& rng,
                                            const PipelineOptions& options) {
    check(texts, labels, options);
    Vocabulary vocabulary = Vocabulary::build(texts, vocabulary_options(options));
    Batch data = encode_texts(texts, vocabulary, options.max_length);
    data.labels = labels;
    PretrainedEmbedding table = make_table(vocabulary, rng, options);
    return {.embedding = std::move(table.embedding),
            .vocabulary = std::move(vocabulary),
            .data = std::move(data),
            .pretrained = std::move(table.report),
            .max_length = options.max_length};
}

EmbeddingPipeline create_embedding_pipeline(std::initializer_list<BracedText> texts, const IdArray& labels, Rng& rng,
                                            const PipelineOptions& options) {
    return create_embedding_pipeline(std::vector<std::string>(texts.begin(), texts.end()), labels, rng, options);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
