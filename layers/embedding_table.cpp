// EmbeddingTable: its initial values and its padding row.
#include <embergrad/layers/embedding_table.hpp>

#include <algorithm>
#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/layers/init.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

Parameter EmbeddingTable::empty_table(std::string_view layer, Extent num_embeddings, Extent embedding_dim) {
    const std::int64_t v = num_embeddings.value(), d = embedding_dim.value();
    require(v >= 0 && d >= 0, layer, ": num_embeddings and embedding_dim must not be negative, but got ", v, " and ",
            d);
    const Shape shape{static_cast<std::size_t>(v), static_cast<std::size_t>(d)};
    element_count(shape);  // refuses what does not fit in memory's address space
    return Parameter(Array(shape));
}

Parameter EmbeddingTable::checked_table(std::string_view layer, Parameter weight) {
    require(weight.defined(), layer, ": the weight is an empty handle; construct it from an array");
    require(weight.shape().size() == 2, layer, ": the weight must be (V, D), not ", weight.shape());
    return weight;
}

Parameter EmbeddingTable::checked_table(std::string_view layer, Array table, bool freeze) {
    require(table.dimension() == 2, layer, "::from_pretrained: the table must be (V, D), not ", table.shape());
    return Parameter(std::move(table), !freeze);
}

void EmbeddingTable::set_padding_idx(std::optional<std::int64_t> padding_idx) {
    padding_idx_ = padding_idx;
    if (padding_idx_ && *padding_idx_ < 0) *padding_idx_ += static_cast<std::int64_t>(num_embeddings());
}

void EmbeddingTable::add_rows(Extent count, Rng& rng, double mean, double std) const {
    require(count.value() >= 0, "add_rows: the number of rows must not be negative, but got ", count.value());
    require(std >= 0, "add_rows: std must not be negative, but got ", std);
    const Shape added{static_cast<std::size_t>(count.value()), embedding_dim()};
    weight_.add_rows(zeros(added));  // nothing is drawn where it is refused
    if (count.value() == 0) return;
    Array& table = weight_.mutable_value();
    std::generate_n(table.data() + table.size() - element_count(added), element_count(added),
                    [&] { return static_cast<Real>(mean + std * rng.normal()); });
}

void EmbeddingTable::init_normal(Rng& rng, double mean, double std) const {
    init_with([&](const Parameter& table) { init::normal(table, rng, mean, std); });
}

void EmbeddingTable::init_uniform(Rng& rng, double low, double high) const {
    init_with([&](const Parameter& table) { init::uniform(table, rng, low, high); });
}

void EmbeddingTable::init_xavier_uniform(Rng& rng, double gain) const {
    init_with([&](const Parameter& table) { init::xavier_uniform(table, rng, gain); });
}

void EmbeddingTable::init_xavier_normal(Rng& rng, double gain) const {
    init_with([&](const Parameter& table) { init::xavier_normal(table, rng, gain); });
}

void EmbeddingTable::init_fan_in_uniform(Rng& rng) const {
    init_with([&](const Parameter& table) { init::fan_in_uniform(table, rng); });
}

void EmbeddingTable::init_zeros() const { init_with(init::zeros); }

void EmbeddingTable::init_with(const std::function<void(const Parameter& table)>& fill) const {
    fill(weight_);
    if (!padding_idx_) return;
    const std::size_t d = embedding_dim();
    std::fill_n(weight_.mutable_value().data() + static_cast<std::size_t>(*padding_idx_) * d, d, Real{0});
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
