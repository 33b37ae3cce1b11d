// Embedding: a trainable table from ids to vectors.
#pragma once

#include <cstdint>
#include <optional>

#include <embergrad/engine/rng.hpp>
#include <embergrad/layers/module.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// A (V, D) table of vectors, looked up by id. Parameter: "weight".
class Embedding : public Module {
public:
    /// Draws the table from N(0, 1); the padding row is zero.
    /// Throws std::invalid_argument for negative sizes and for options that do not fit (check_embedding_options).
    Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, Rng& rng, const EmbeddingOptions& options = {});

    /// Takes a (V, D) table as it is, padding row included. It is frozen unless freeze = false.
    static Embedding from_pretrained(Array table, bool freeze = true, const EmbeddingOptions& options = {});

    /// ids: any shape S -> S + (D). See embedding() in engine/ops.hpp.
    Var operator()(Tape& tape, const IdArray& ids) const { return embedding(tape, weight_, ids, options_); }

    /// Draws new values, N(mean, std) or uniform in [low, high); the padding row is zero again.
    void init_normal(Rng& rng, double mean = 0, double std = 1) const;
    void init_uniform(Rng& rng, double low, double high) const;

    /// Keeps these rows as they are while the others are trained; see Parameter::freeze_rows for what that means and
    /// what is refused. rows: any shape.
    void freeze_rows(const IdArray& rows) const { weight_.freeze_rows(rows); }
    void unfreeze_rows(const IdArray& rows) const { weight_.unfreeze_rows(rows); }
    void unfreeze_rows() const { weight_.unfreeze_rows(); }

    const Parameter& weight() const { return weight_; }
    std::size_t num_embeddings() const { return weight_.shape()[0]; }
    std::size_t embedding_dim() const { return weight_.shape()[1]; }
    /// The padding row's id, counted from the start.
    std::optional<std::int64_t> padding_idx() const { return options_.padding_idx; }
    const EmbeddingOptions& options() const { return options_; }

    void visit(const Visitor& visit) const override { visit("weight", weight_, Role::parameter); }

private:
    Embedding(Parameter weight, const EmbeddingOptions& options);
    void zero_padding_row() const;

    Parameter weight_;  // (V, D)
    EmbeddingOptions options_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
