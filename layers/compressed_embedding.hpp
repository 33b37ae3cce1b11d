// CompressedEmbedding: a table of vectors as the product of two small ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/linear.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Stands for a (V, D) table of rank K at most: a (V, K) table, then a linear map from K to D without bias. Takes
/// V K + K D numbers instead of V D: 6,419,200 instead of 30,000,000 for V = 100,000, D = 300, K = 64.
/// Parameters: "vocab_to_low.weight" (V, K) and "low_to_high.weight" (D, K).
class CompressedEmbedding : public Module {
public:
    /// Draws the table from N(0, 1) and the map from N(0, 1 / K), so that the vectors have a standard deviation of 1,
    /// as an Embedding's have (PyTorch's default for the map would give 1 / sqrt(3)). The options are the (V, K)
    /// table's: `sparse` makes its gradient one by rows, max_norm bounds its rows. Its padding row is zero, and so is
    /// the vector of padding. Throws std::invalid_argument for negative sizes, a rank below 1 or so large that nothing
    /// is saved, and options that do not fit (check_embedding_options).
    CompressedEmbedding(Extent num_embeddings, Extent embedding_dim, Extent rank, Rng& rng,
                        const EmbeddingOptions& options = {});

    /// ids: any shape S -> S + (D). Throws std::out_of_range as embedding() in engine/ops.hpp does.
    Var operator()(Tape& tape, const IdArray& ids) const { return low_to_high_(vocab_to_low_(tape, ids)); }

    const Embedding& vocab_to_low() const { return vocab_to_low_; }
    const Linear& low_to_high() const { return low_to_high_; }
    std::size_t num_embeddings() const { return vocab_to_low_.num_embeddings(); }
    std::size_t embedding_dim() const { return low_to_high_.out_features(); }
    std::size_t rank() const { return vocab_to_low_.embedding_dim(); }
    /// The padding row's id, counted from the start.
    std::optional<std::int64_t> padding_idx() const { return vocab_to_low_.padding_idx(); }

    /// V D, the size of the table that this stands for; parameter_count() is its own.
    std::size_t full_parameter_count() const { return num_embeddings() * embedding_dim(); }
    /// How many times smaller that is: 4.7 for the sizes above.
    double compression_ratio() const;

    void visit(const Visitor& visit) const override;
    /// "CompressedEmbedding(100000, 300, rank=64)"; the options are in the description of the table.
    std::string describe() const override;

private:
    Embedding vocab_to_low_;  // (V, K)
    Linear low_to_high_;      // (D, K)
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
