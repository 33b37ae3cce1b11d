// PartiallyFrozenEmbedding: the table freezes its rows; here are their copies in saved states.
#include <embergrad/layers/partially_frozen_embedding.hpp>

#include <algorithm>
#include <utility>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

IdArray flattened(const IdArray& ids) {
    IdArray flat(Shape{ids.size()});
    std::copy_n(ids.data(), ids.size(), flat.data());
    return flat;
}

}  // namespace

PartiallyFrozenEmbedding::PartiallyFrozenEmbedding(Array pretrained_weights, const IdArray& frozen_indices,
                                                   const EmbeddingOptions& options)
    : embedding_(Embedding::from_pretrained(std::move(pretrained_weights), false, options)),
      frozen_indices_(flattened(frozen_indices)) {
    embedding_.freeze_rows(frozen_indices);
}

/// (F, D)
Array PartiallyFrozenEmbedding::frozen_rows() const {
    const std::size_t d = embedding_.embedding_dim();
    Array rows(Shape{frozen_indices_.size(), d});
    for (std::size_t i = 0; i < frozen_indices_.size(); ++i) {
        const auto row = static_cast<std::size_t>(frozen_indices_.data()[i]);
        std::copy_n(embedding_.weight().value().data() + row * d, d, rows.data() + i * d);
    }
    return rows;
}

void PartiallyFrozenEmbedding::visit(const Visitor& visit) const {
    if (visit.wants_buffers()) visit("frozen_weights", Parameter(frozen_rows(), false), Role::buffer);
    visit.child("embedding", embedding_);
}

std::string PartiallyFrozenEmbedding::describe() const {
    const std::size_t frozen = embedding_.weight().frozen_rows().size();
    return "PartiallyFrozenEmbedding(" + std::to_string(frozen) + " of " + std::to_string(embedding_.num_embeddings()) +
           " rows frozen)";
}

void PartiallyFrozenEmbedding::after_load(const Loaded& loaded) const {
    const Array* const rows = loaded("frozen_weights");
    if (rows == nullptr) return;
    const std::size_t d = embedding_.embedding_dim();
    Real* const table = embedding_.weight().mutable_value().data();
    for (std::size_t i = 0; i < frozen_indices_.size(); ++i) {
        const auto row = static_cast<std::size_t>(frozen_indices_.data()[i]);
        std::copy_n(rows->data() + i * d, d, table + row * d);
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
