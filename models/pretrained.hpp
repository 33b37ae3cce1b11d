// load_pretrained: word vectors into the rows of an embedding table, and a report of what was found.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <embergrad/layers/embedding.hpp>
#include <embergrad/text/vocabulary.hpp>
#include <embergrad/vectors/word_vectors.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What was asked for and what was found. Special tokens are neither asked for nor counted.
struct PretrainedReport {
    std::size_t asked = 0;                  ///< the words of the vocabulary
    std::size_t found = 0;                  ///< those that have a vector
    std::vector<std::string> missing = {};  ///< those that have none, by id
    std::size_t duplicates = 0;             ///< as WordVectorsReport counted them
    std::size_t bad_lines = 0;
    std::string wrong_header = {};  ///< as WordVectorsReport says it
    std::size_t bytes = 0;          ///< of the file that was read
    double seconds = 0;             ///< that took
    /// found / asked; 0 if there was no word.
    double coverage() const;
};

/// "Pre-trained coverage: 2/3 (66.7%)", and "; 1 duplicate, 3 bad lines left out" where there are some.
std::string to_string(const PretrainedReport& report);

/// How words are looked up.
struct PretrainedLookup {
    /// A word without a vector takes that of the word in lowercase (see lowercase() in text/utf8.hpp), if there is one.
    /// GloVe's files of 6B tokens hold lowercase only.
    bool lowercase_fallback = false;
};

/// Writes the vectors of the vocabulary's words into their rows of the table, and nothing else: words without a vector,
/// special tokens (even those the vectors hold), the padding row and rows behind the vocabulary's stay as they are,
/// bit for bit. Frozen tables are written too.
/// Throws std::invalid_argument, and changes nothing, if the vectors are not as wide as the table, if the vocabulary is
/// larger than it, and if the table's padding row is a word's.
PretrainedReport load_pretrained(const Embedding& embedding, const WordVectors& vectors, const Vocabulary& vocabulary,
                                 const PretrainedLookup& lookup = {});
/// The same from a file, of which no more than the vocabulary's vectors is held. Errors also as WordVectors::load; the
/// numbers of other words are not looked at, and duplicates are counted among the vocabulary's.
PretrainedReport load_pretrained(const Embedding& embedding, const std::string& path, const Vocabulary& vocabulary,
                                 const WordVectorsOptions& options = {}, const PretrainedLookup& lookup = {});

struct PretrainedOptions {
    double std = 0.1;     ///< of the rows of words without a vector
    bool freeze = false;  ///< the whole table, rows without a vector too
    PretrainedLookup lookup = {};
    EmbeddingOptions embedding = {};  ///< its padding_idx is the vocabulary's; another one is refused
};

/// What initialize_with_pretrained makes.
struct PretrainedEmbedding {
    Embedding embedding;
    PretrainedReport report;
};

/// A table for the vocabulary, (vocabulary.size(), vectors.dimension()): words with a vector have it, all other rows
/// are drawn from N(0, std), the padding row is zero, and the unknown token's is the mean of the vectors that were
/// found (if any was). Special tokens that the vectors hold are not looked up. A vocabulary need have neither
/// a padding nor an unknown token. Throws std::invalid_argument for a negative std and for options that do not fit.
PretrainedEmbedding initialize_with_pretrained(const Vocabulary& vocabulary, const WordVectors& vectors, Rng& rng,
                                               const PretrainedOptions& options = {});
/// The same from a file; errors also as WordVectors::load.
PretrainedEmbedding initialize_with_pretrained(const Vocabulary& vocabulary, const std::string& path, Rng& rng,
                                               const PretrainedOptions& options = {},
                                               const WordVectorsOptions& file = {});

}  // namespace embergrad::inline EMBERGRAD_PRECISION
