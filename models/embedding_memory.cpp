// EmbeddingMemory: products checked for overflow, and the units people read.
#include <embergrad/models/embedding_memory.hpp>

#include <array>
#include <charconv>
#include <iterator>
#include <string_view>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// A number of bytes or of elements that knows whether it fits in 64 bits.
struct Count {
    std::int64_t value = 0;
    bool fits = true;
};

Count operator*(Count a, Count b) {
    Count product;
    product.fits = !__builtin_mul_overflow(a.value, b.value, &product.value) && a.fits && b.fits;
    return product;
}

Count operator+(Count a, Count b) {
    Count sum;
    sum.fits = !__builtin_add_overflow(a.value, b.value, &sum.value) && a.fits && b.fits;
    return sum;
}

/// The entry of a table that is in the order of the enumerators.
template <class Entry, std::size_t n, class Kind>
const Entry& entry(const Entry (&table)[n], Kind kind, std::string_view what) {
    const auto i = static_cast<std::size_t>(kind);
    require(i < n, "estimate_embedding_memory: there is no ", what, " ", static_cast<int>(kind));
    return table[i];
}

std::int64_t element_size(ElementType element) {
    static constexpr std::int64_t kBytes[] = {8, 4, 2, 1};
    return entry(kBytes, element, "element type");
}

struct OptimizerFacts {
    std::string_view name;
    std::int64_t tables;  // as large as the weights
    bool takes_dense, takes_rows;
};

const OptimizerFacts& facts(OptimizerKind optimizer) {
    static constexpr OptimizerFacts kFacts[] = {{"no optimizer", 0, true, true},
                                                {"SGD", 0, true, true},
                                                {"SGD with momentum", 1, true, true},
                                                {"Adam", 2, true, false},
                                                {"Adam with amsgrad", 3, true, false},
                                                {"SparseAdam", 2, false, true},
                                                {"Adagrad", 1, true, true}};
    return entry(kFacts, optimizer, "optimizer");
}

std::string_view gradient_text(GradientKind gradient) {
    static constexpr std::string_view kTexts[] = {"no gradient", "a dense gradient", "a gradient by rows"};
    return entry(kTexts, gradient, "gradient");
}

void check_training(const EmbeddingMemoryOptions& options) {
    const std::string_view gradient = gradient_text(options.gradient);
    const OptimizerFacts& optimizer = facts(options.optimizer);
    const bool trained = options.gradient != GradientKind::none || options.optimizer != OptimizerKind::none;
    require(!trained || options.element != ElementType::int8, "estimate_embedding_memory: a table of int8 is not ",
            "trained, but was given ", gradient, " and ", optimizer.name);
    const bool usable = options.optimizer == OptimizerKind::none ||
                        (options.gradient == GradientKind::dense && optimizer.takes_dense) ||
                        (options.gradient == GradientKind::rows && optimizer.takes_rows);
    require(usable, "estimate_embedding_memory: ", optimizer.name, " cannot step on ", gradient);

    require(options.lookups >= 0, "estimate_embedding_memory: lookups ", options.lookups, " is negative");
    const bool by_rows = options.gradient == GradientKind::rows;
    require(!by_rows || options.lookups > 0, "estimate_embedding_memory: a gradient by rows needs lookups, the ids of ",
            "one batch");
    require(by_rows || options.lookups == 0, "estimate_embedding_memory: ", options.lookups, " lookups go with a ",
            "gradient by rows, not with ", gradient);
}

/// "228.9 MiB"
std::string bytes_text(std::int64_t bytes) {
    static constexpr std::string_view kUnits[] = {" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    if (bytes < 1024) return std::to_string(bytes) + " bytes";
    double value = to_kib(bytes);
    std::size_t unit = 0;
    for (; value >= 1023.95 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;  // never "1024.0 KiB"
    std::array<char, 32> text{};
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 1);
    return std::string(text.data(), result.ptr).append(kUnits[unit]);
}

}  // namespace

EmbeddingMemory estimate_embedding_memory(std::int64_t vocab_size, std::int64_t embedding_dim,
                                          const EmbeddingMemoryOptions& options) {
    require(vocab_size >= 0 && embedding_dim >= 0, "estimate_embedding_memory: V = ", vocab_size,
            " and D = ", embedding_dim, " must not be negative");
    check_training(options);

    constexpr Count kIdBytes{sizeof(std::int64_t)};
    const Count v{vocab_size}, d{embedding_dim}, element{element_size(options.element)};
    const Count weights = v * d * element;
    Count gradient, state = weights * Count{facts(options.optimizer).tables};
    if (options.gradient == GradientKind::dense) gradient = weights;
    if (options.gradient == GradientKind::rows) {
        gradient = Count{options.lookups} * (d * element + kIdBytes);
        if (options.optimizer == OptimizerKind::sgd_momentum) state = state + v * kIdBytes * Count{2};
    }
    require((weights + gradient + state).fits, "estimate_embedding_memory: V = ", vocab_size, ", D = ", embedding_dim,
            ", ", element.value, " bytes an element and ", options.lookups,
            " lookups are more bytes than 64 bits can count");
    return {.weights = weights.value, .gradient = gradient.value, .optimizer_state = state.value};
}

std::string to_string(const EmbeddingMemory& memory) {
    std::string text = "weights " + bytes_text(memory.weights);
    if (memory.total() == memory.weights) return text;
    text += ", gradient " + bytes_text(memory.gradient);
    if (memory.optimizer_state > 0) text += ", optimizer state " + bytes_text(memory.optimizer_state);
    return text + ", total " + bytes_text(memory.total());
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
