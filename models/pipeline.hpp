// EmbeddingPipeline: texts and labels to what a model trains on. A vocabulary, its embedding, one padded batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/rng.hpp>
#include <embergrad/layers/embedding.hpp>
#include <embergrad/models/pretrained.hpp>
#include <embergrad/text/batch.hpp>
#include <embergrad/text/tokenizer.hpp>
#include <embergrad/text/vocabulary.hpp>
#include <embergrad/vectors/word_vectors.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct PipelineOptions {
    std::optional<std::size_t> embedding_dim = {};   ///< 128 if not given, or as the pretrained vectors have it
    std::int64_t min_freq = 1;                       ///< words met less often are unknown
    std::optional<std::size_t> max_vocab = 50'000;   ///< of the whole vocabulary, special tokens included
    std::optional<std::size_t> max_length = {};      ///< tokens after the first max_length of a text are cut off
    TokenizerOptions tokenizer = {};                 ///< how texts are split
    const WordVectors* pretrained = nullptr;         ///< vectors to begin with; not kept
    PretrainedLookup pretrained_lookup = {};         ///< how words are looked up among them
    bool sparse = false;                             ///< the table's gradient by rows, for SparseAdam or SGD
    std::optional<std::string> pad_token = "<PAD>";  ///< required
    std::optional<std::string> unk_token = "<UNK>";  ///< the others as in VocabularyOptions
    std::optional<std::string> bos_token = "<BOS>";
    std::optional<std::string> eos_token = "<EOS>";
};

/// What create_embedding_pipeline makes.
struct EmbeddingPipeline {
    Embedding embedding;               ///< (vocabulary.size(), embedding_dim); its padding row is the vocabulary's
    Vocabulary vocabulary;             ///< of the texts
    Batch data;                        ///< tokens (N, L), lengths (N) and labels (N) of the texts, in their order
    PretrainedReport pretrained = {};  ///< how many words the vectors cover; empty without vectors
    std::optional<std::size_t> max_length = {};  ///< as in the options

    /// Other texts, in the same way: tokens (B, L), lengths (B), no labels. What the vocabulary does not know is
    /// unknown. Also for a part of a large set of texts at a time. Errors as Vocabulary::encode.
    Batch encode(std::span<const std::string> texts) const;
    Batch encode(std::initializer_list<BracedText> texts) const;
};

/// Builds the vocabulary of the texts, an embedding with a row for each of its tokens, and one batch of all texts,
/// padded with the vocabulary's padding id. Rows are drawn from N(0, 1); with pretrained vectors they are as
/// initialize_with_pretrained makes them: those of the words that have one, N(0, 0.1) for the others. An empty text has
/// length 0; a reserved token in a text is an unknown word. Labels are taken as they are: what they mean (classes, or
/// an ignore_index) is the loss's matter.
///
///     EmbeddingPipeline pipeline = create_embedding_pipeline(texts, labels, rng, {.embedding_dim = 64});
///     Tape tape(Mode::train, rng);
///     Var text = masked_mean(pipeline.embedding(tape, pipeline.data.tokens), pipeline.data.lengths);  // (N, D)
///
/// Throws std::invalid_argument if there are no texts or not as many labels, no padding token, for an embedding_dim
/// that is 0 or not that of the vectors, for a max_length of 0 and what Vocabulary refuses; std::out_of_range for an
/// unknown word where there is no unknown token.
EmbeddingPipeline create_embedding_pipeline(std::span<const std::string> texts, const IdArray& labels, Rng& rng,
                                            const PipelineOptions& options = {});
/// The same of texts in braces: {"a lovely film", "dull"}.
EmbeddingPipeline create_embedding_pipeline(std::initializer_list<BracedText> texts, const IdArray& labels, Rng& rng,
                                            const PipelineOptions& options = {});

}  // namespace embergrad::inline EMBERGRAD_PRECISION
