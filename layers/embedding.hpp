// Embedding: a trainable table from ids to vectors.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <embergrad/engine/rng.hpp>
#include <embergrad/layers/extent.hpp>
#include <embergrad/layers/module.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// A (V, D) table of vectors, looked up by id. Parameter: "weight".
class Embedding : public Module {
public:
    /// Draws the table from N(0, 1); the padding row is zero.
    /// Throws std::invalid_argument for negative sizes and for options that do not fit (check_embedding_options).
    Embedding(Extent num_embeddings, Extent embedding_dim, Rng& rng, const EmbeddingOptions& options = {});

    /// Takes a (V, D) table as it is, padding row included; never the caller's own memory. `freeze` has no default: not
    /// to train is as large a decision as to train. Throws std::invalid_argument for another shape and for options.
    static Embedding from_pretrained(Array table, bool freeze, const EmbeddingOptions& options = {});

    /// ids: any shape S -> S + (D). See embedding() in engine/ops.hpp.
    Var operator()(Tape& tape, const IdArray& ids) const { return embedding(tape, weight_, ids, options_); }

    // New values, as the functions of the same names in init:: draw them; the padding row is zero again.

    void init_normal(Rng& rng, double mean = 0, double std = 1) const;
    void init_uniform(Rng& rng, double low, double high) const;
    void init_xavier_uniform(Rng& rng, double gain = 1) const;
    void init_xavier_normal(Rng& rng, double gain = 1) const;
    /// Uniform within 1 / sqrt(D).
    void init_fan_in_uniform(Rng& rng) const;
    void init_zeros() const;
    /// By any function that fills the table: [&](const Parameter& table) { init::kaiming_normal(table, rng); }
    void init_with(const std::function<void(const Parameter& table)>& fill) const;

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
    /// "Embedding(1000, 128, padding_idx=0)": V, D, and the options that are not the default.
    std::string describe() const override;

private:
    Embedding(Parameter weight, const EmbeddingOptions& options);

    Parameter weight_;  // (V, D)
    EmbeddingOptions options_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
