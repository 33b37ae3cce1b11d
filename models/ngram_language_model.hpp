// NGramLanguageModel: the document's model of running text. The last n tokens, their embeddings, a small network, a
// logit for each token that could follow.
#pragma once

#include <cstddef>
#include <string>

#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/sequential.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct NGramLanguageModelOptions {
    std::size_t vocab_size = 0;     ///< V, required
    std::size_t embedding_dim = 0;  ///< D, required
    std::size_t context_size = 0;   ///< n, required: the tokens that the next one is predicted from
    std::size_t hidden_dim = 128;   ///< H
};

/// embeddings of the context, side by side -> linear, ReLU, linear (Bengio et al. 2003, without the direct
/// connections). A new model's loss is near log(V) nats.
/// Parameters: "embeddings.weight" (V, D), "network.0.weight" (H, n D), "network.0.bias", "network.2.weight" (V, H),
/// "network.2.bias".
class NGramLanguageModel : public Module {
public:
    /// Throws std::invalid_argument if a size is below 1.
    NGramLanguageModel(const NGramLanguageModelOptions& options, Rng& rng);

    /// contexts: (B, n), the oldest token first -> logits (B, V) of the token that follows. B may be 0.
    /// Throws std::invalid_argument for other shapes, std::out_of_range for ids outside the vocabulary.
    Var operator()(Tape& tape, const IdArray& contexts) const;

    std::size_t vocab_size() const { return embeddings_.num_embeddings(); }
    std::size_t context_size() const { return context_size_; }
    const Embedding& embeddings() const { return embeddings_; }
    const Sequential& network() const { return network_; }
    void visit(const Visitor& visit) const override;
    std::string describe() const override { return "NGramLanguageModel"; }

private:
    std::size_t context_size_;
    Embedding embeddings_;
    Sequential network_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
