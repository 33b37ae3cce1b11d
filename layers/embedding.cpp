// The table and its padding row.
#include <embergrad/layers/embedding.hpp>

#include <algorithm>

#include <embergrad/engine/error.hpp>
#include <embergrad/layers/init.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

Parameter empty_table(std::int64_t v, std::int64_t d) {
    require(v >= 0 && d >= 0, "Embedding: num_embeddings and embedding_dim must not be negative, but got ", v, " and ",
            d);
    const Shape shape{static_cast<std::size_t>(v), static_cast<std::size_t>(d)};
    element_count(shape);  // refuses what does not fit in memory's address space
    return Parameter(Array(shape));
}

Parameter checked_table(Array table, bool freeze) {
    require(table.dimension() == 2, "Embedding::from_pretrained: the table must be (V, D), not ", table.shape());
    return Parameter(std::move(table), !freeze);
}

}  // namespace

Embedding::Embedding(Parameter weight, const EmbeddingOptions& options)
    : weight_(std::move(weight)), options_(options) {
    check_embedding_options(options, num_embeddings());
    if (options_.padding_idx && *options_.padding_idx < 0) {
        *options_.padding_idx += static_cast<std::int64_t>(num_embeddings());
    }
}

Embedding::Embedding(Extent num_embeddings, Extent embedding_dim, Rng& rng, const EmbeddingOptions& options)
    : Embedding(empty_table(num_embeddings.value(), embedding_dim.value()), options) {
    init_normal(rng);
}

Embedding Embedding::from_pretrained(Array table, bool freeze, const EmbeddingOptions& options) {
    return Embedding(checked_table(std::move(table), freeze), options);
}

void Embedding::init_normal(Rng& rng, double mean, double std) const {
    init_with([&](const Parameter& table) { init::normal(table, rng, mean, std); });
}

void Embedding::init_uniform(Rng& rng, double low, double high) const {
    init_with([&](const Parameter& table) { init::uniform(table, rng, low, high); });
}

void Embedding::init_xavier_uniform(Rng& rng, double gain) const {
    init_with([&](const Parameter& table) { init::xavier_uniform(table, rng, gain); });
}

void Embedding::init_xavier_normal(Rng& rng, double gain) const {
    init_with([&](const Parameter& table) { init::xavier_normal(table, rng, gain); });
}

void Embedding::init_fan_in_uniform(Rng& rng) const {
    init_with([&](const Parameter& table) { init::fan_in_uniform(table, rng); });
}

void Embedding::init_zeros() const { init_with(init::zeros); }

void Embedding::init_with(const std::function<void(const Parameter& table)>& fill) const {
    fill(weight_);
    if (!options_.padding_idx) return;
    const std::size_t d = embedding_dim();
    std::fill_n(weight_.mutable_value().data() + static_cast<std::size_t>(*options_.padding_idx) * d, d, Real{0});
}

std::string Embedding::describe() const {
    const EmbeddingOptions defaults;
    std::string text = "Embedding(" + std::to_string(num_embeddings()) + ", " + std::to_string(embedding_dim());
    if (options_.padding_idx) text += ", padding_idx=" + std::to_string(*options_.padding_idx);
    if (options_.max_norm) text += ", max_norm=" + detail::number_text(*options_.max_norm);
    if (options_.norm_type != defaults.norm_type) text += ", norm_type=" + detail::number_text(options_.norm_type);
    if (options_.scale_grad_by_freq) text += ", scale_grad_by_freq=true";
    if (options_.sparse) text += ", sparse=true";
    return text + ")";
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
