// EmbeddingMemory: what an embedding table and its training take, worked out before anything is allocated.
#pragma once

#include <cstdint>
#include <string>

#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What one number of a table is. The tables of this library are of its precision (Real); the others are for planning.
enum class ElementType { float64, float32, float16, int8 };

/// What steps a table.
enum class OptimizerKind { none, sgd, sgd_momentum, adam, adam_amsgrad, sparse_adam, adagrad };

struct EmbeddingMemoryOptions {
    /// Of the weights, and with them of the gradient and the optimizer's state. int8 is for lookups only.
    ElementType element = sizeof(Real) == 8 ? ElementType::float64 : ElementType::float32;
    GradientKind gradient = GradientKind::none;
    OptimizerKind optimizer = OptimizerKind::none;
    /// With a gradient by rows, and required there: the ids of one batch, each as often as it occurs.
    std::int64_t lookups = 0;
};

/// Bytes, without what the allocator rounds them up by (at most 1/8, and the rest of a page).
struct EmbeddingMemory {
    std::int64_t weights = 0;
    std::int64_t gradient = 0;
    std::int64_t optimizer_state = 0;
    std::int64_t total() const { return weights + gradient + optimizer_state; }
    friend bool operator==(const EmbeddingMemory&, const EmbeddingMemory&) = default;
};

/// What a (V, D) table holds from its first step on. Of numbers as large as the table, the weights are one, a dense
/// gradient another (where lookups bring it, not before more than V / 2 ids have or somebody reads it); SGD's momentum
/// and Adagrad's sum are one more, the moments of Adam, AdamW and SparseAdam two, amsgrad's three. A gradient by rows
/// takes D numbers and an id of 8 bytes for each lookup; SGD's momentum then also lists the rows that ever had a
/// gradient, twice, counted here as all V. Values and gradients of other layers are not in it. Throws
/// std::invalid_argument for negative sizes, for more bytes than 64 bits can count, for lookups without a gradient by
/// rows or the other way round, for an optimizer that cannot use the gradient (as it would refuse it), and for any
/// training of int8.
EmbeddingMemory estimate_embedding_memory(std::int64_t vocab_size, std::int64_t embedding_dim,
                                          const EmbeddingMemoryOptions& options = {});

/// 1024 bytes, 1024^2 and 1024^3: what is often written KB, MB and GB, which are 1000 bytes, 1000^2 and 1000^3.
constexpr double to_kib(std::int64_t bytes) { return static_cast<double>(bytes) / 1024; }
constexpr double to_mib(std::int64_t bytes) { return to_kib(bytes) / 1024; }
constexpr double to_gib(std::int64_t bytes) { return to_mib(bytes) / 1024; }

/// "weights 114.4 MiB, gradient 114.4 MiB, optimizer state 228.9 MiB, total 457.8 MiB"; each number in the unit that
/// suits it, from "12 bytes" to "3.5 TiB". What takes nothing is left out.
std::string to_string(const EmbeddingMemory& memory);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
