// The estimate of an embedding's memory: the document's example, its training, what really is allocated, and units.
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/memory.hpp>
#include <embergrad/layers/embedding.hpp>
#include <embergrad/models/embedding_memory.hpp>
#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>
#include <embergrad/tests/threads.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

/// The document's table of 100,000 x 300.
EmbeddingMemory documents(const EmbeddingMemoryOptions& options) {
    return estimate_embedding_memory(100'000, 300, options);
}

void check_memory_refused(std::int64_t v, std::int64_t d, const EmbeddingMemoryOptions& options,
                          const std::string& message, int line = __builtin_LINE()) {
    check_refused<std::invalid_argument>([&] { estimate_embedding_memory(v, d, options); },
                                         "estimate_embedding_memory: " + message, line);
}

constexpr std::int64_t kRows = 4096, kColumns = 64;

/// Bytes that a table and two steps of its training take from the system for arrays, freed ones not taken off. A dense
/// gradient is held by rows until somebody reads it.
std::int64_t measured(bool sparse, bool read,
                      const std::function<std::unique_ptr<Optimizer>(const Embedding&)>& make_optimizer) {
    std::int64_t bytes = 0;
    on_new_thread([&] {
        const std::uint64_t before = memory_stats().system_bytes;
        Rng rng(1);
        const Embedding layer(kRows, kColumns, rng, {.sparse = sparse});
        const std::unique_ptr<Optimizer> optimizer = make_optimizer(layer);
        for (int step = 0; step < 2; ++step) {
            Tape tape;
            optimizer->zero_grad();
            tape.backward(sum(layer(tape, {5, 7, 5, 4000})));
            if (read && !sparse) layer.weight().grad();
            optimizer->step();
        }
        bytes = static_cast<std::int64_t>(memory_stats().system_bytes - before);
    });
    return bytes;
}

struct Training {
    std::string name;
    EmbeddingMemoryOptions options;
    std::function<std::unique_ptr<Optimizer>(const Embedding&)> make_optimizer;
};

std::vector<Training> trainings() {
    const auto sgd = [](double momentum) {
        return [=](const Embedding& layer) {
            return std::make_unique<SGD>(layer.parameters(), SGDOptions{.lr = 0.1, .momentum = momentum});
        };
    };
    const auto adam = [](bool amsgrad) {
        return [=](const Embedding& layer) {
            return std::make_unique<Adam>(layer.parameters(), AdamOptions{.amsgrad = amsgrad});
        };
    };
    const auto sparse_adam = [](const Embedding& layer) { return std::make_unique<SparseAdam>(layer.parameters()); };
    const auto adagrad = [](const Embedding& layer) { return std::make_unique<Adagrad>(layer.parameters()); };
    constexpr GradientKind dense = GradientKind::dense, rows = GradientKind::rows;
    return {{"SGD", {.gradient = dense, .optimizer = OptimizerKind::sgd}, sgd(0)},
            {"SGD, rows", {.gradient = rows, .optimizer = OptimizerKind::sgd, .lookups = 4}, sgd(0)},
            {"momentum", {.gradient = dense, .optimizer = OptimizerKind::sgd_momentum}, sgd(0.9)},
            {"momentum, rows", {.gradient = rows, .optimizer = OptimizerKind::sgd_momentum, .lookups = 4}, sgd(0.9)},
            {"Adam", {.gradient = dense, .optimizer = OptimizerKind::adam}, adam(false)},
            {"amsgrad", {.gradient = dense, .optimizer = OptimizerKind::adam_amsgrad}, adam(true)},
            {"SparseAdam", {.gradient = rows, .optimizer = OptimizerKind::sparse_adam, .lookups = 4}, sparse_adam},
            {"Adagrad", {.gradient = dense, .optimizer = OptimizerKind::adagrad}, adagrad},
            {"Adagrad, rows", {.gradient = rows, .optimizer = OptimizerKind::adagrad, .lookups = 4}, adagrad}};
}

}  // namespace

TEST_CASE("embedding memory: the document's 114.4 MB are MiB [12.9]") {
    const EmbeddingMemory memory = documents({.element = ElementType::float32});
    CHECK(memory == EmbeddingMemory{.weights = 120'000'000});
    CHECK(memory.total() == 120'000'000);
    CHECK(to_mib(memory.total()) == 114.44091796875);
    CHECK(to_kib(memory.total()) == 117187.5);
    CHECK(to_gib(memory.total()) == 120'000'000 / 1073741824.0);
    CHECK(to_string(memory) == "weights 114.4 MiB");
}

TEST_CASE("embedding memory: every element type") {
    CHECK(documents({.element = ElementType::float64}).total() == 240'000'000);
    CHECK(documents({.element = ElementType::float16}).total() == 60'000'000);
    CHECK(documents({.element = ElementType::int8}).total() == 30'000'000);
    CHECK(documents({}).total() == 30'000'000 * static_cast<std::int64_t>(sizeof(Real)));
}

TEST_CASE(
    "embedding memory: what training really holds, 457.8 MiB for dense Adam, 343.3 and the batch for SparseAdam") {
    const ElementType f32 = ElementType::float32;
    const EmbeddingMemory adam =
        documents({.element = f32, .gradient = GradientKind::dense, .optimizer = OptimizerKind::adam});
    CHECK(adam == EmbeddingMemory{.weights = 120'000'000, .gradient = 120'000'000, .optimizer_state = 240'000'000});
    CHECK(to_string(adam) == "weights 114.4 MiB, gradient 114.4 MiB, optimizer state 228.9 MiB, total 457.8 MiB");

    const EmbeddingMemory sparse_adam = documents(
        {.element = f32, .gradient = GradientKind::rows, .optimizer = OptimizerKind::sparse_adam, .lookups = 1600});
    CHECK(sparse_adam.gradient == 1600 * (300 * 4 + 8));
    CHECK(sparse_adam.total() - sparse_adam.gradient == 360'000'000);
    CHECK(to_string(sparse_adam) == "weights 114.4 MiB, gradient 1.8 MiB, optimizer state 228.9 MiB, total 345.2 MiB");

    const auto state = [&](OptimizerKind optimizer) {
        return documents({.element = f32, .gradient = GradientKind::dense, .optimizer = optimizer}).optimizer_state;
    };
    CHECK(state(OptimizerKind::none) == 0);
    CHECK(state(OptimizerKind::sgd) == 0);
    CHECK(state(OptimizerKind::sgd_momentum) == 120'000'000);
    CHECK(state(OptimizerKind::adam_amsgrad) == 360'000'000);
    CHECK(
        documents(
            {.element = f32, .gradient = GradientKind::rows, .optimizer = OptimizerKind::sgd_momentum, .lookups = 1}) ==
        EmbeddingMemory{.weights = 120'000'000, .gradient = 1208, .optimizer_state = 121'600'000});
    CHECK(documents({.element = ElementType::float64, .gradient = GradientKind::rows, .lookups = 2}).gradient == 4816);
}

TEST_CASE("embedding memory: the estimate is what a small training allocates") {
    constexpr std::int64_t kOfTheRun = 32 * 1024;  // values on the tape, ids, a loss: a thirtieth of the table
    for (const Training& training : trainings()) {
        CAPTURE(training.name);
        const bool sparse = training.options.gradient == GradientKind::rows;
        const EmbeddingMemory memory = estimate_embedding_memory(kRows, kColumns, training.options);
        const std::int64_t bytes = measured(sparse, true, training.make_optimizer);
        CHECK(bytes >= memory.total() - 2 * 8 * (kRows + 4));  // the ids of rows are not in arrays
        CHECK(bytes <= memory.total() + kOfTheRun);
        const std::int64_t unread = measured(sparse, false, training.make_optimizer);
        CHECK(unread <= memory.total() - (sparse ? 0 : memory.gradient) + kOfTheRun);
    }
}

TEST_CASE("embedding memory: a gradient by rows is as large as said, repeated ids and all") {
    Rng rng(1);
    for (bool sparse : {false, true}) {
        const Embedding layer(kRows, kColumns, rng, {.sparse = sparse});
        Tape tape;
        tape.backward(sum(layer(tape, {5, 7, 5, 4000})));
        const Parameter& table = layer.weight();
        const std::size_t bytes = sparse ? table.row_grad().values().size() * sizeof(Real) +
                                               table.row_grad().rows().size() * sizeof(std::int64_t)
                                         : table.grad().size() * sizeof(Real);
        const EmbeddingMemoryOptions options =
            sparse ? EmbeddingMemoryOptions{.gradient = GradientKind::rows, .lookups = 4}
                   : EmbeddingMemoryOptions{.gradient = GradientKind::dense};
        CHECK(static_cast<std::size_t>(estimate_embedding_memory(kRows, kColumns, options).gradient) == bytes);
    }
}

TEST_CASE("embedding memory: large tables, and empty ones") {
    CHECK(estimate_embedding_memory(100'000'000, 100, {.element = ElementType::float32}).total() == 40'000'000'000);
    const EmbeddingMemory adam = estimate_embedding_memory(
        10'000'000'000, 4096,
        {.element = ElementType::float64, .gradient = GradientKind::dense, .optimizer = OptimizerKind::adam_amsgrad});
    CHECK(adam.total() == 5 * 327'680'000'000'000);
    CHECK(estimate_embedding_memory(kLargest / 4, 1, {.element = ElementType::float32}).total() == kLargest - 3);
    CHECK(estimate_embedding_memory(kLargest, 1, {.element = ElementType::int8}).total() == kLargest);
    CHECK(estimate_embedding_memory(0, kLargest, {.element = ElementType::int8}).total() == 0);
    CHECK(estimate_embedding_memory(0, 300).total() == 0);
    CHECK(estimate_embedding_memory(300, 0).total() == 0);
}

TEST_CASE("embedding memory: a number in the unit that suits it") {
    const auto text = [](std::int64_t bytes) {
        const std::string whole = to_string(EmbeddingMemory{.weights = bytes});
        return whole.substr(8, whole.find(',') - 8);
    };
    CHECK(text(0) == "0 bytes");
    CHECK(text(1023) == "1023 bytes");
    CHECK(text(1024) == "1.0 KiB");
    CHECK(text(1536) == "1.5 KiB");
    CHECK(text(1024 * 1024 - 100) == "1023.9 KiB");
    CHECK(text(1024 * 1024 - 1) == "1.0 MiB");
    CHECK(text(std::int64_t{5} << 29) == "2.5 GiB");
    CHECK(text(std::int64_t{7} << 39) == "3.5 TiB");
    CHECK(text(std::int64_t{1} << 50) == "1.0 PiB");
    CHECK(text(kLargest) == "8.0 EiB");
}

TEST_CASE("embedding memory: what it refuses, with the numbers") {
    check_memory_refused(-1, 300, {}, "V = -1 and D = 300 must not be negative");
    check_memory_refused(5, -300, {}, "V = 5 and D = -300 must not be negative");
    check_memory_refused(10'000'000'000, 10'000'000'000, {.element = ElementType::float32},
                         "V = 10000000000, D = 10000000000, 4 bytes an element and 0 lookups are more bytes than 64 "
                         "bits can count");
    check_memory_refused(kLargest / 4 + 1, 1, {.element = ElementType::float32},
                         "V = 2305843009213693952, D = 1, 4 bytes an element and 0 lookups are more bytes than 64 bits "
                         "can count");
    check_memory_refused(kLargest / 8, 1,  // fits without its training
                         {.element = ElementType::float64, .gradient = GradientKind::dense},
                         "V = 1152921504606846975, D = 1, 8 bytes an element and 0 lookups are more bytes than 64 bits "
                         "can count");
    check_memory_refused(5, 100, {.element = ElementType::float16, .gradient = GradientKind::rows, .lookups = kLargest},
                         "V = 5, D = 100, 2 bytes an element and 9223372036854775807 lookups are more bytes than 64 "
                         "bits can count");

    check_memory_refused(5, 3, {.element = ElementType::int8, .gradient = GradientKind::dense},
                         "a table of int8 is not trained, but was given a dense gradient and no optimizer");
    check_memory_refused(5, 3, {.element = ElementType::int8, .optimizer = OptimizerKind::sgd},
                         "a table of int8 is not trained, but was given no gradient and SGD");
    check_memory_refused(5, 3, {.optimizer = OptimizerKind::adam}, "Adam cannot step on no gradient");
    check_memory_refused(5, 3, {.gradient = GradientKind::rows, .optimizer = OptimizerKind::adam, .lookups = 1},
                         "Adam cannot step on a gradient by rows");
    check_memory_refused(5, 3, {.gradient = GradientKind::rows, .optimizer = OptimizerKind::adam_amsgrad, .lookups = 1},
                         "Adam with amsgrad cannot step on a gradient by rows");
    check_memory_refused(5, 3, {.gradient = GradientKind::dense, .optimizer = OptimizerKind::sparse_adam},
                         "SparseAdam cannot step on a dense gradient");

    check_memory_refused(5, 3, {.gradient = GradientKind::rows, .lookups = -1}, "lookups -1 is negative");
    check_memory_refused(5, 3, {.gradient = GradientKind::rows},
                         "a gradient by rows needs lookups, the ids of one batch");
    check_memory_refused(5, 3, {.gradient = GradientKind::dense, .lookups = 7},
                         "7 lookups go with a gradient by rows, not with a dense gradient");
    check_memory_refused(5, 3, {.element = static_cast<ElementType>(9)}, "there is no element type 9");
    check_memory_refused(5, 3, {.optimizer = static_cast<OptimizerKind>(9)}, "there is no optimizer 9");
}
