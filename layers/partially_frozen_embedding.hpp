// PartiallyFrozenEmbedding: a pre-trained table some of whose rows stay as they came.
#pragma once

#include <string>

#include <embergrad/layers/embedding.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// A pre-trained (V, D) table whose rows `frozen_indices` stay as they are while the others are trained: common words
/// keep their vectors, the words of a domain learn theirs. The rows are frozen in the table itself (see
/// Parameter::freeze_rows): bit-identical after any step of any optimizer, in training, evaluation and when saved.
/// Parameter: "embedding.weight" (V, D). Buffer: "frozen_weights" (F, D), a copy of those rows in the order of the
/// indices.
///
/// When a state is loaded, its frozen_weights go into the table: in files of the document's Python class, frozen rows
/// of the table have drifted, and this sets them right.
class PartiallyFrozenEmbedding : public Module {
public:
    /// Takes the table (a copy, or what is moved in). frozen_indices: any shape and order; repeated ones are one row.
    /// Throws std::invalid_argument for another shape and for options that do not fit, std::out_of_range for an index
    /// that is no row.
    PartiallyFrozenEmbedding(Array pretrained_weights, const IdArray& frozen_indices,
                             const EmbeddingOptions& options = {});

    /// ids: any shape S -> S + (D).
    Var operator()(Tape& tape, const IdArray& ids) const { return embedding_(tape, ids); }

    const Embedding& embedding() const { return embedding_; }
    /// As they were given, flattened: (F).
    const IdArray& frozen_indices() const { return frozen_indices_; }

    void visit(const Visitor& visit) const override;
    /// "PartiallyFrozenEmbedding(3 of 1000 rows frozen)".
    std::string describe() const override;

private:
    Array frozen_rows() const;
    void after_load(const Loaded& loaded) const override;

    Embedding embedding_;
    IdArray frozen_indices_;  // (F)
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
