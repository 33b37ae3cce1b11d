// Lesson 8: what an embedding costs in memory, and how to make it smaller.
//
// The table is often the largest part of a model of text, and training takes up to four times as much. It is better
// to work that out before a program runs than to have it fail after an hour. This lesson estimates tables and their
// training in numbers, and then builds a compressed table: the product of two small ones.
#include <cmath>
#include <cstdint>
#include <iostream>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include <embergrad/embergrad.hpp>

#include "lesson.hpp"
#include "number_text.hpp"

using namespace embergrad;
using namespace examples;

namespace {

std::string with_thousands(std::int64_t bytes) { return thousands(static_cast<std::size_t>(bytes)); }

void the_weights() {
    // The document's example: V times D numbers of 4 bytes. Its 114.4 "MB" are MiB, 1024 * 1024 bytes; in MB, a million
    // bytes, it would be 120.
    const EmbeddingMemory memory = estimate_embedding_memory(100'000, 300, {.element = ElementType::float32});
    std::cout << "100K vocab x 300 dim: " << fixed(to_mib(memory.total()), 1) << " MiB, "
              << with_thousands(memory.total()) << " bytes\n";
    //> 100K vocab x 300 dim: 114.4 MiB, 120,000,000 bytes
}

void other_numbers() {
    // Smaller numbers make a smaller table. embergrad computes in float or double; half precision and int8 are here to
    // plan with, for whoever stores or serves tables in them.
    for (const auto& [name, element] :
         {std::pair{"float64", ElementType::float64}, std::pair{"float32", ElementType::float32},
          std::pair{"float16", ElementType::float16}, std::pair{"int8", ElementType::int8}}) {
        const EmbeddingMemory memory = estimate_embedding_memory(100'000, 300, {.element = element});
        std::cout << left(name, 7) << right(fixed(to_mib(memory.weights), 1), 7) << " MiB\n";
    }
    //> float64  228.9 MiB
    //> float32  114.4 MiB
    //> float16   57.2 MiB
    //> int8      28.6 MiB
}

void what_training_holds() {
    // The gradient is as large as the table, and Adam keeps two moments of each number: four tables in all.
    const EmbeddingMemoryOptions dense{
        .element = ElementType::float32, .gradient = GradientKind::dense, .optimizer = OptimizerKind::adam};
    std::cout << "Adam: " << to_string(estimate_embedding_memory(100'000, 300, dense)) << '\n';
    //> Adam: weights 114.4 MiB, gradient 114.4 MiB, optimizer state 228.9 MiB, total 457.8 MiB

    // With a gradient by rows (lesson 7) one of the four goes, and what is left of it depends on the batch: here 32
    // texts of 50 words.
    const EmbeddingMemoryOptions sparse{.element = ElementType::float32,
                                        .gradient = GradientKind::rows,
                                        .optimizer = OptimizerKind::sparse_adam,
                                        .lookups = 32 * 50};
    const EmbeddingMemory by_rows = estimate_embedding_memory(100'000, 300, sparse);
    std::cout << "SparseAdam: " << to_string(by_rows) << '\n';
    std::cout << "without the gradient: " << fixed(to_mib(by_rows.total() - by_rows.gradient), 1) << " MiB\n";
    //> SparseAdam: weights 114.4 MiB, gradient 1.8 MiB, optimizer state 228.9 MiB, total 345.2 MiB
    //> without the gradient: 343.3 MiB

    // SGD without momentum keeps nothing at all.
    const EmbeddingMemoryOptions sgd{.element = ElementType::float32,
                                     .gradient = GradientKind::rows,
                                     .optimizer = OptimizerKind::sgd,
                                     .lookups = 32 * 50};
    std::cout << "SGD: " << to_string(estimate_embedding_memory(100'000, 300, sgd)) << '\n';
    //> SGD: weights 114.4 MiB, gradient 1.8 MiB, total 116.3 MiB
}

void large_tables() {
    // A table of 100 million hashed ids has 10^10 numbers, more than 32 bits can count: an int would wrap round to
    // 1,410,065,408, and the estimate would be a seventh of the truth. All sizes here have 64 bits.
    const EmbeddingMemory memory = estimate_embedding_memory(100'000'000, 100, {.element = ElementType::float32});
    std::cout << "10^10 numbers: " << with_thousands(memory.weights) << " bytes, " << fixed(to_gib(memory.weights), 1)
              << " GiB\n";
    //> 10^10 numbers: 40,000,000,000 bytes, 37.3 GiB

    // What not even 64 bits can count is refused instead of wrapping round.
    const std::int64_t most = std::numeric_limits<std::int64_t>::max();
    check(!refusal([&] { estimate_embedding_memory(most, 2); }).empty(), "too many bytes are refused");
}

void compression() {
    // Instead of a (V, D) table, a (V, K) table and a linear map from K to D numbers, as in the document. What comes
    // out looks like an embedding of width D; that its vectors lie in a space of K dimensions is the price.
    Rng rng(42);
    const CompressedEmbedding embedding(100'000, 300, 64, rng, {.padding_idx = 0});
    std::cout << "Full embedding: " << thousands(embedding.full_parameter_count()) << " parameters\n";
    std::cout << "Compressed (rank=" << embedding.rank() << "): " << thousands(embedding.parameter_count())
              << " parameters\n";
    std::cout << "Compression ratio: " << fixed(embedding.compression_ratio(), 1) << "x\n";
    //> Full embedding: 30,000,000 parameters
    //> Compressed (rank=64): 6,419,200 parameters
    //> Compression ratio: 4.7x

    Tape tape(Mode::eval);
    const Var vectors = embedding(tape, {{5, 17, 99'999}, {1, 2, 0}});
    std::cout << "two texts of three ids: " << to_string(vectors.shape()) << '\n';
    //> two texts of three ids: (2, 3, 300)

    // A padding row of zeros, times anything, is zeros: padding works as in an Embedding.
    bool zero = true;
    for (std::size_t d = 0; d < embedding.embedding_dim(); ++d) zero = zero && vectors.value()(1, 2, d) == 0;
    check(zero, "the vector of padding is zero");
}

// The standard deviation of all numbers of the vectors of ids 0 .. 9,999.
double spread(const CompressedEmbedding& embedding) {
    IdArray ids(Shape{10'000});
    std::iota(ids.begin(), ids.end(), 0);
    Tape tape(Mode::eval);
    const Var vectors = embedding(tape, ids);
    const Var centered = vectors - mean(vectors);
    return std::sqrt(static_cast<double>(mean(centered * centered).item()));
}

void the_scale_of_its_vectors() {
    // Layers behind an embedding expect numbers of about the size that an Embedding draws, N(0, 1). Ours come out so,
    // because the map is drawn from N(0, 1/K). PyTorch's default for a Linear, uniform within 1 / sqrt(K), would give
    // 1 / sqrt(3) = 0.58.
    Rng rng(42);
    const CompressedEmbedding embedding(10'000, 300, 64, rng);
    const double ours = spread(embedding);
    init::fan_in_uniform(embedding.low_to_high().weight(), rng);
    const double pytorchs = spread(embedding);
    std::cout << "spread: " << fixed(ours, 1) << ", by PyTorch's default: " << fixed(pytorchs, 1) << '\n';
    //> spread: 1.0, by PyTorch's default: 0.6
    check(near(ours, 1, 0.03) && near(pytorchs, 1 / std::sqrt(3), 0.03), "the spreads are as worked out");
}

void a_rank_that_saves_nothing() {
    // V K + K D is only less than V D if K is small enough. With V = 1000, D = 300 and rank 280 the two small tables
    // would be larger than the one they stand for. The document's class builds them anyway.
    Rng rng(42);
    const std::string message = refusal([&] { CompressedEmbedding(1000, 300, 280, rng); });
    std::cout << message.substr(message.find("rank")) << '\n';
    //> rank 280 would take 364000 parameters, not fewer than the 300000 of the full table

    // Rank 230 saves a little.
    const CompressedEmbedding embedding(1000, 300, 230, rng);
    std::cout << thousands(embedding.parameter_count()) << " instead of " << thousands(embedding.full_parameter_count())
              << '\n';
    //> 299,000 instead of 300,000
}

}  // namespace

int main() {
    the_weights();
    other_numbers();
    what_training_holds();
    large_tables();
    compression();
    the_scale_of_its_vectors();
    a_rank_that_saves_nothing();
}
