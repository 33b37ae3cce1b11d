// Embedding: a trainable table from ids to vectors.
#pragma once

#include <string>

#include <embergrad/layers/embedding_table.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// A (V, D) table of vectors, looked up by id. Parameter: "weight". Initial values and frozen rows: EmbeddingTable.
class Embedding : public EmbeddingTable {
public:
    /// Draws the table from N(0, 1); the padding row is zero.
    /// Throws std::invalid_argument for negative sizes and for options that do not fit (check_embedding_options).
    Embedding(Extent num_embeddings, Extent embedding_dim, Rng& rng, const EmbeddingOptions& options = {});
    /// Around a (V, D) table that is there already, which the two share as it is: padding row, frozen rows and
    /// requires_grad are the parameter's. Throws std::invalid_argument for another shape and for options that do not
    /// fit.
    explicit Embedding(Parameter weight, const EmbeddingOptions& options = {});

    /// Takes a (V, D) table as it is, padding row included; never the caller's own memory. `freeze` has no default,
    /// because neither choice goes without saying. Throws std::invalid_argument for another shape and for options that
    /// do not fit.
    static Embedding from_pretrained(Array table, bool freeze, const EmbeddingOptions& options = {});

    /// ids: any shape S -> S + (D). See embedding() in engine/ops.hpp.
    Var operator()(Tape& tape, const IdArray& ids) const { return embedding(tape, weight(), ids, options_); }

    const EmbeddingOptions& options() const { return options_; }

    /// "Embedding(1000, 128, padding_idx=0)": V, D, and the options that are not the default.
    std::string describe() const override;

private:
    EmbeddingOptions options_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
