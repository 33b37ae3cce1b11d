// TextClassifier: the document's model. Tokens, embedding, mean over the text, a small network, class logits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/sequential.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct TextClassifierOptions {
    std::size_t vocab_size = 0;     ///< V, required
    std::size_t embedding_dim = 0;  ///< D, required
    std::size_t num_classes = 0;    ///< K, required
    std::size_t hidden_dim = 128;
    double dropout = 0.5;
    std::optional<std::int64_t> padding_idx = 0;
    bool sparse = false;  ///< the table's gradient by rows, for SparseAdam or SGD
};

/// What is behind the table.
struct TextClassifierHeadOptions {
    std::size_t num_classes = 0;  ///< K, required
    std::size_t hidden_dim = 128;
    double dropout = 0.5;
};

/// embedding -> mean of each text's vectors -> dropout, linear, ReLU, dropout, linear.
/// Parameters: "embedding.weight" (V, D), "classifier.1.weight" (hidden, D), "classifier.1.bias",
/// "classifier.4.weight" (K, hidden), "classifier.4.bias".
class TextClassifier : public Module {
public:
    /// Throws std::invalid_argument if a size is below 1 or an option does not fit.
    TextClassifier(const TextClassifierOptions& options, Rng& rng);
    /// Around a table that is there already, such as a pre-trained one; the two share it. Errors as above.
    TextClassifier(Embedding embedding, const TextClassifierHeadOptions& options, Rng& rng);

    /// tokens: (B, L), lengths: (B) in 0..L -> logits (B, K). An empty text is a vector of zeros.
    Var operator()(Tape& tape, const IdArray& tokens, const IdArray& lengths) const;
    /// The same with every position counted, padding too (its zeros make short texts' means smaller). L must not be 0.
    Var operator()(Tape& tape, const IdArray& tokens) const;

    const Embedding& embedding() const { return embedding_; }
    const Sequential& classifier() const { return classifier_; }
    void visit(const Visitor& visit) const override;
    std::string describe() const override { return "TextClassifier"; }

private:
    Embedding embedding_;
    Sequential classifier_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
