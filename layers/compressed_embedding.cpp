// CompressedEmbedding: the check of its rank, and a draw that gives its vectors a standard deviation of 1.
#include <embergrad/layers/compressed_embedding.hpp>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/layers/init.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

std::int64_t checked_rank(std::int64_t v, std::int64_t d, std::int64_t rank) {
    require(v >= 0 && d >= 0, "CompressedEmbedding: num_embeddings and embedding_dim must not be negative, but got ", v,
            " and ", d);
    require(rank >= 1, "CompressedEmbedding: rank must be at least 1, but got ", rank);
    const auto rows = static_cast<std::size_t>(v), columns = static_cast<std::size_t>(d),
               k = static_cast<std::size_t>(rank);
    // element_count refuses what does not fit, and leaves room for the sum
    const std::size_t full = element_count({rows, columns});
    const std::size_t compressed = element_count({rows, k}) + element_count({k, columns});
    require(compressed < full, "CompressedEmbedding: V = ", v, ", D = ", d, ", rank ", rank, " would take ", compressed,
            " parameters, not fewer than the ", full, " of the full table");
    return rank;
}

}  // namespace

CompressedEmbedding::CompressedEmbedding(Extent num_embeddings, Extent embedding_dim, Extent rank, Rng& rng,
                                         const EmbeddingOptions& options)
    : vocab_to_low_(num_embeddings, checked_rank(num_embeddings.value(), embedding_dim.value(), rank.value()), rng,
                    options),
      low_to_high_(rank, embedding_dim, rng, {.bias = false}) {
    // An element of the output is a sum of K products of an N(0, 1) and an N(0, 1 / K): its variance is 1.
    init::kaiming_normal(low_to_high_.weight(), rng, {.nonlinearity = "linear"});
}

double CompressedEmbedding::compression_ratio() const {
    return static_cast<double>(full_parameter_count()) / static_cast<double>(parameter_count());
}

void CompressedEmbedding::visit(const Visitor& visit) const {
    visit.child("vocab_to_low", vocab_to_low_);
    visit.child("low_to_high", low_to_high_);
}

std::string CompressedEmbedding::describe() const {
    return "CompressedEmbedding(" + std::to_string(num_embeddings()) + ", " + std::to_string(embedding_dim()) +
           ", rank=" + std::to_string(rank()) + ")";
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
