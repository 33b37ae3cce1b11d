// EmbeddingBag: a trainable table whose rows are summed, averaged or maximised over bags of ids.
#pragma once

#include <concepts>
#include <string>

#include <embergrad/layers/embedding_table.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What embedding_bag() takes as factors for the rows of a bag: a Var, or an array of reals.
template <class T>
concept PerSampleWeights = std::same_as<T, Var> || RealExpression<T>;

/// A (V, D) table of vectors, reduced over bags of ids. Parameter: "weight". Initial values and frozen rows:
/// EmbeddingTable.
class EmbeddingBag : public EmbeddingTable {
public:
    /// Draws the table from N(0, 1); the padding row is zero.
    /// Throws std::invalid_argument for negative sizes and for options that do not fit (check_embedding_bag_options).
    EmbeddingBag(Extent num_embeddings, Extent embedding_dim, Rng& rng, const EmbeddingBagOptions& options = {});
    /// Around a (V, D) table that is there already, which the two share as it is: padding row, frozen rows and
    /// requires_grad are the parameter's. Throws std::invalid_argument for another shape and for options that do not
    /// fit.
    explicit EmbeddingBag(Parameter weight, const EmbeddingBagOptions& options = {});

    /// Takes a (V, D) table as it is, padding row included; never the caller's own memory. `freeze` has no default.
    /// Throws std::invalid_argument for another shape and for options that do not fit.
    static EmbeddingBag from_pretrained(Array table, bool freeze, const EmbeddingBagOptions& options = {});

    // See embedding_bag() in engine/ops.hpp. per_sample_weights have the shape of ids, and need mode sum.

    /// ids: (B, N) -> (B, D).
    Var operator()(Tape& tape, const IdArray& ids) const { return embedding_bag(tape, weight(), ids, options_); }
    /// ids: (n), offsets: (B), or (B + 1) with include_last_offset -> (B, D).
    Var operator()(Tape& tape, const IdArray& ids, const IdArray& offsets) const {
        return embedding_bag(tape, weight(), ids, offsets, options_);
    }
    template <PerSampleWeights Weights>
    Var operator()(Tape& tape, const IdArray& ids, const Weights& per_sample_weights) const {
        return embedding_bag(tape, weight(), ids, per_sample_weights, options_);
    }
    template <PerSampleWeights Weights>
    Var operator()(Tape& tape, const IdArray& ids, const IdArray& offsets, const Weights& per_sample_weights) const {
        return embedding_bag(tape, weight(), ids, offsets, per_sample_weights, options_);
    }

    const EmbeddingBagOptions& options() const { return options_; }

    /// "EmbeddingBag(1000, 128, mode=sum)": V, D, the mode, and the options that are not the default.
    std::string describe() const override;

private:
    EmbeddingBagOptions options_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
