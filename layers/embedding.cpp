// Embedding: its table and its options; the op does the rest.
#include <embergrad/layers/embedding.hpp>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

Embedding::Embedding(Parameter weight, const EmbeddingOptions& options)
    : EmbeddingTable(checked_table("Embedding", std::move(weight))), options_(options) {
    check_embedding_options(options, num_embeddings());
    set_padding_idx(options.padding_idx);
    options_.padding_idx = padding_idx();
}

Embedding::Embedding(Extent num_embeddings, Extent embedding_dim, Rng& rng, const EmbeddingOptions& options)
    : Embedding(empty_table("Embedding", num_embeddings, embedding_dim), options) {
    init_normal(rng);
}

Embedding Embedding::from_pretrained(Array table, bool freeze, const EmbeddingOptions& options) {
    return Embedding(checked_table("Embedding", std::move(table), freeze), options);
}

std::string Embedding::describe() const {
    const EmbeddingOptions defaults;
    std::string text = "Embedding(" + std::to_string(num_embeddings()) + ", " + std::to_string(embedding_dim());
    if (options_.padding_idx) text += ", padding_idx=" + std::to_string(*options_.padding_idx);
    if (options_.max_norm) text += ", max_norm=" + number_text(*options_.max_norm);
    if (options_.norm_type != defaults.norm_type) text += ", norm_type=" + number_text(options_.norm_type);
    if (options_.scale_grad_by_freq) text += ", scale_grad_by_freq=true";
    if (options_.sparse) text += ", sparse=true";
    return text + ")";
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
