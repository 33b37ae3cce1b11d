// EmbeddingTable: what Embedding and EmbeddingBag share, a trainable table of vectors with a padding row.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include <embergrad/engine/rng.hpp>
#include <embergrad/layers/extent.hpp>
#include <embergrad/layers/module.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// A (V, D) table of vectors. Parameter: "weight".
class EmbeddingTable : public Module {
public:
    // Each draws new values, as the function of that name in init:: does, and sets the padding row to zero.

    void init_normal(Rng& rng, double mean = 0, double std = 1) const;
    void init_uniform(Rng& rng, double low, double high) const;
    void init_xavier_uniform(Rng& rng, double gain = 1) const;
    void init_xavier_normal(Rng& rng, double gain = 1) const;
    /// Uniform within 1 / sqrt(D).
    void init_fan_in_uniform(Rng& rng) const;
    void init_zeros() const;
    /// By any function that fills the table: [&](const Parameter& table) { init::kaiming_normal(table, rng); }
    void init_with(const std::function<void(const Parameter& table)>& fill) const;

    /// Keeps these rows as they are while the others are trained, as Parameter::freeze_rows does. rows: any shape.
    void freeze_rows(const IdArray& rows) const { weight_.freeze_rows(rows); }
    void unfreeze_rows(const IdArray& rows) const { weight_.unfreeze_rows(rows); }
    void unfreeze_rows() const { weight_.unfreeze_rows(); }

    /// Appends rows (n, D), the ids V .. V + n - 1, as Parameter::add_rows does: whoever shares the table sees them,
    /// and optimizers go on. The padding row and frozen rows stay what they are.
    void add_rows(const Array& rows) const { weight_.add_rows(rows); }
    /// So many, drawn from N(mean, std^2). Throws std::invalid_argument for a negative count or std, and as the other.
    void add_rows(Extent count, Rng& rng, double mean = 0, double std = 1) const;

    const Parameter& weight() const { return weight_; }
    std::size_t num_embeddings() const { return weight_.shape()[0]; }
    std::size_t embedding_dim() const { return weight_.shape()[1]; }
    /// The padding row's id, counted from the start.
    std::optional<std::int64_t> padding_idx() const { return padding_idx_; }

    void visit(const Visitor& visit) const override { visit("weight", weight_, Role::parameter); }

protected:
    explicit EmbeddingTable(Parameter weight) : weight_(std::move(weight)) {}
    /// Counted from the start or the end; must be within the table.
    void set_padding_idx(std::optional<std::int64_t> padding_idx);

    /// A table not yet filled. Throws std::invalid_argument, in the name of `layer`, for negative sizes.
    static Parameter empty_table(std::string_view layer, Extent num_embeddings, Extent embedding_dim);
    // These throw std::invalid_argument, in the name of `layer`, unless the table is (V, D).
    static Parameter checked_table(std::string_view layer, Parameter weight);
    static Parameter checked_table(std::string_view layer, Array table, bool freeze);

private:
    Parameter weight_;  // (V, D)
    std::optional<std::int64_t> padding_idx_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
