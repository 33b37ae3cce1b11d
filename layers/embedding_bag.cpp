// EmbeddingBag: its table and its options; the op does the rest.
#include <embergrad/layers/embedding_bag.hpp>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

EmbeddingBag::EmbeddingBag(Parameter weight, const EmbeddingBagOptions& options)
    : EmbeddingTable(checked_table("EmbeddingBag", std::move(weight))), options_(options) {
    check_embedding_bag_options(options, num_embeddings());
    set_padding_idx(options.padding_idx);
    options_.padding_idx = padding_idx();
}

EmbeddingBag::EmbeddingBag(Extent num_embeddings, Extent embedding_dim, Rng& rng, const EmbeddingBagOptions& options)
    : EmbeddingBag(empty_table("EmbeddingBag", num_embeddings, embedding_dim), options) {
    init_normal(rng);
}

EmbeddingBag EmbeddingBag::from_pretrained(Array table, bool freeze, const EmbeddingBagOptions& options) {
    return EmbeddingBag(checked_table("EmbeddingBag", std::move(table), freeze), options);
}

std::string EmbeddingBag::describe() const {
    const EmbeddingBagOptions defaults;
    const BagMode mode = options_.mode;
    std::string text = "EmbeddingBag(" + std::to_string(num_embeddings()) + ", " + std::to_string(embedding_dim());
    text += std::string(", mode=") + (mode == BagMode::sum ? "sum" : mode == BagMode::mean ? "mean" : "max");
    if (options_.padding_idx) text += ", padding_idx=" + std::to_string(*options_.padding_idx);
    if (options_.max_norm) text += ", max_norm=" + number_text(*options_.max_norm);
    if (options_.norm_type != defaults.norm_type) text += ", norm_type=" + number_text(options_.norm_type);
    if (options_.scale_grad_by_freq) text += ", scale_grad_by_freq=true";
    if (options_.sparse) text += ", sparse=true";
    if (options_.include_last_offset) text += ", include_last_offset=true";
    return text + ")";
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
