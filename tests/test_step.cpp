// Whole training steps: how often they ask for memory, and that threads do not change a bit of what they compute.
#include <atomic>
#include <cstdlib>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <embergrad/embergrad.hpp>
#include <embergrad/engine/system/sanitizer.hpp>
#include <embergrad/tests/threads.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

// Every operator new of the program comes by here, those of the library too.
namespace {

std::atomic<std::size_t> news{0}, largest_new{0};

void* counted_new(std::size_t bytes, std::size_t alignment) {
    ++news;
    std::size_t largest = largest_new;
    while (bytes > largest && !largest_new.compare_exchange_weak(largest, bytes)) {
    }
    void* block = alignment <= alignof(std::max_align_t)
                      ? std::malloc(bytes > 0 ? bytes : 1)
                      : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted_new(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return counted_new(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {  // std::stable_sort's
    try {
        return counted_new(bytes, 1);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }

namespace {

/// What one call asks for, from operator new and from the system for arrays.
struct Requests {
    std::size_t news = 0;
    std::size_t largest_new = 0;
    std::uint64_t arrays = 0;
    std::uint64_t array_bytes = 0;

    std::uint64_t count() const { return news + arrays; }
    std::string text() const {
        return std::to_string(news) + " of operator new (the largest of " + std::to_string(largest_new) + " bytes), " +
               std::to_string(arrays) + " for arrays (" + std::to_string(array_bytes) + " bytes)";
    }
};

Requests requests_of(const std::function<void()>& call) {
    const MemoryStats before = memory_stats();
    news = 0;
    largest_new = 0;
    call();
    const Requests result{news, largest_new, memory_stats().system_allocations - before.system_allocations,
                          memory_stats().system_bytes - before.system_bytes};
    return result;
}

/// A full batch of b texts of up to l words; the first has l.
Batch random_batch(std::size_t b, std::size_t l, std::uint64_t v, std::uint64_t classes, Rng& rng) {
    std::vector<std::vector<std::int64_t>> texts(b);
    for (std::size_t i = 0; i < b; ++i) {
        texts[i].resize(i == 0 ? l : rng.below(l + 1));
        for (std::int64_t& id : texts[i]) id = static_cast<std::int64_t>(1 + rng.below(v - 1));
    }
    Batch batch = pad_batch(texts, 0);
    batch.labels = IdArray(Shape{b});
    for (std::int64_t& label : batch.labels) label = static_cast<std::int64_t>(rng.below(classes));
    return batch;
}

constexpr std::size_t kV = 10'000, kD = 128, kK = 5;
constexpr std::size_t kTableBytes = kV * kD * sizeof(Real);

/// The document's classifier with the optimizers that suit its gradients, and one step of them.
class Training {
public:
    explicit Training(bool sparse, std::size_t v = kV, std::size_t hidden = 128)
        : rng_(7),
          model_({.vocab_size = v, .embedding_dim = kD, .num_classes = kK, .hidden_dim = hidden, .sparse = sparse},
                 rng_) {
        const ParamGroup table{.params = model_.embedding().parameters(), .lr = 1e-4};
        if (sparse) {
            sparse_adam_.emplace(std::vector<ParamGroup>{table});
            adam_.emplace(model_.classifier().parameters());
        } else {
            adam_.emplace(std::vector<ParamGroup>{table, {.params = model_.classifier().parameters()}},
                          AdamOptions{.lr = 1e-3});
        }
    }

    Real step(const Batch& batch) {
        Tape tape(Mode::train, rng_);
        const Var loss = cross_entropy(model_(tape, batch.tokens, batch.lengths), batch.labels);
        adam_->zero_grad();
        if (sparse_adam_) sparse_adam_->zero_grad();
        tape.backward(loss);
        adam_->step();
        if (sparse_adam_) sparse_adam_->step();
        return loss.item();
    }
    const TextClassifier& model() const { return model_; }

private:
    Rng rng_;
    TextClassifier model_;
    std::optional<Adam> adam_;
    std::optional<SparseAdam> sparse_adam_;
};

}  // namespace

// With AddressSanitizer a tape that ends gives even small arrays back, so that whoever reads them later is found.
TEST_CASE("step: a warm training step asks for nothing; one with another batch length for little" *
          doctest::skip(detail::kForbidsAccess)) {
    Requests most;
    for (int threads : {1, 2}) {
        const Threads scope(threads);
        CAPTURE(threads);
        Rng rng(1);
        Training training(false);
        const Batch batch = random_batch(32, 50, kV, kK, rng);
        for (int i = 0; i < 3; ++i) training.step(batch);
        for (int i = 0; i < 5; ++i) CHECK(requests_of([&] { training.step(batch); }).count() == 0);

        for (const std::size_t length : {37u, 61u, 5u, 120u, 119u}) {
            CAPTURE(length);
            const Batch other = random_batch(32, length, kV, kK, rng);
            const Requests changed = requests_of([&] { training.step(other); });
            CHECK(changed.count() <= 8);
            CHECK(changed.largest_new < kTableBytes);
            CHECK(changed.array_bytes < kTableBytes);
            if (changed.count() > most.count()) most = changed;
            CHECK(requests_of([&] { training.step(other); }).count() == 0);
        }
        CHECK(requests_of([&] { training.step(batch); }).count() == 0);
    }
    MESSAGE("another batch length: at most ", most.text());
}

TEST_CASE("step: with row gradients nothing is as large as the table" * doctest::skip(detail::kForbidsAccess)) {
    const Threads scope(1);
    Rng rng(2);
    Training training(true);
    const Batch batch = random_batch(32, 50, kV, kK, rng);
    for (int i = 0; i < 3; ++i) training.step(batch);
    const Requests warm = requests_of([&] { training.step(batch); });
    CHECK(warm.arrays == 0);
    CHECK(warm.news <= 8);  // for the ids of the rows
    CHECK(warm.largest_new <= 32 * 50 * sizeof(std::int64_t));
    Requests most;
    for (const std::size_t length : {37u, 61u, 120u}) {
        CAPTURE(length);
        const Batch other = random_batch(32, length, kV, kK, rng);
        const Requests changed = requests_of([&] { training.step(other); });
        CHECK(changed.count() <= 8);
        CHECK(changed.largest_new <= 32 * length * sizeof(std::int64_t));
        CHECK(changed.array_bytes < kTableBytes);
        if (changed.count() > most.count()) most = changed;
    }
    MESSAGE("row gradients, warm: ", warm.text(), "; another batch length: at most ", most.text());
}

TEST_CASE("step: by rows it asks for the same bytes, whatever the size of the table") {
    const Threads scope(1);
    Requests first;
    for (const std::size_t v : {std::size_t{10'000}, std::size_t{100'000}, std::size_t{1'000'000}}) {
        CAPTURE(v);
        Rng rng(3);
        const Embedding table(v, 8, rng, {.sparse = true});
        const EmbeddingBag bag(v, 8, rng, {.sparse = true});
        SparseAdam adam({table.weight(), bag.weight()});
        const auto step = [&](const IdArray& ids) {
            adam.zero_grad();
            Tape tape;
            const Var y = table(tape, ids);
            tape.backward(sum(y * y) + sum(bag(tape, ids)));
            adam.step();
        };
        step(IdArray{{1, 2}, {3, 1}});  // makes the moments
        release_memory();               // so that everything a step needs is asked for
        IdArray ids(Shape{32, 50});
        Rng id_rng(4);
        for (std::int64_t& id : ids) id = static_cast<std::int64_t>(id_rng.below(10'000));
        const Requests requests = requests_of([&] { step(ids); });
        if (first.count() == 0) first = requests;
        CHECK(requests.array_bytes == first.array_bytes);
        CHECK(requests.largest_new == first.largest_new);
        CHECK(requests.array_bytes < 10'000 * 8 * sizeof(Real) * 4);
    }
    MESSAGE("a cold step by rows: ", first.text());
}

TEST_CASE("step: the gradient of bags is held once for each bag, also while an optimizer steps") {
    const Threads scope(1);
    constexpr std::size_t kBags = 32, kLength = 50, kWidth = 128;
    Rng rng(5);
    for (const BagMode mode : {BagMode::sum, BagMode::mean}) {
        const EmbeddingBag bag(kV, kWidth, rng, {.mode = mode, .sparse = true});
        SparseAdam adam({bag.weight()});
        const auto step = [&](const IdArray& ids) {
            adam.zero_grad();
            Tape tape;
            tape.backward(sum(bag(tape, ids)));
            adam.step();
        };
        step(IdArray{{1, 2}, {3, 1}});  // makes the moments
        release_memory();
        IdArray ids(Shape{kBags, kLength});
        for (std::int64_t& id : ids) id = static_cast<std::int64_t>(rng.below(kV));
        CHECK(requests_of([&] { step(ids); }).array_bytes < kBags * kLength * kWidth * sizeof(Real) / 4);
    }
}

TEST_CASE("step: a warm evaluation asks for nothing") {
    const Threads scope(1);
    Rng rng(3);
    const TextClassifier model({.vocab_size = kV, .embedding_dim = kD, .num_classes = kK}, rng);
    const Batch batch = random_batch(32, 50, kV, kK, rng);
    const auto evaluate = [&] {
        Tape tape(Mode::eval);
        model(tape, batch.tokens, batch.lengths);
    };
    evaluate();
    CHECK(requests_of(evaluate).count() == 0);
}

TEST_CASE("step: three threads evaluate one model with max_norm on, bit for bit as one does [1.5]") {
    constexpr std::uint64_t kSeed = 4;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    const TextClassifier model({.vocab_size = 500, .embedding_dim = 32, .num_classes = kK, .hidden_dim = 48}, rng);
    const Parameter& table = model.embedding().weight();
    std::vector<Batch> batches;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t texts = 1 + rng.below(24);  // not as an argument: the order of those is the compiler's
        const std::uint64_t length = rng.below(30);
        batches.push_back(random_batch(texts, length, 500, kK, rng));
    }
    const auto logits = [&](const Batch& batch) {
        Tape tape(Mode::eval);
        const Var rows = embedding(tape, table, batch.tokens, {.padding_idx = 0, .max_norm = 4.5});
        return Array(model.classifier()(masked_mean(rows, batch.lengths)).value());
    };
    const auto version = table.version();
    std::vector<Array> expected;
    for (const Batch& batch : batches) expected.push_back(logits(batch));

    for (int pool_threads : {1, 3}) {
        const Threads scope(pool_threads);
        std::vector<Array> results(batches.size());
        std::vector<std::thread> threads;
        for (std::size_t first = 0; first < 3; ++first) {
            threads.emplace_back([&, first] {
                for (std::size_t i = first; i < batches.size(); i += 3) results[i] = logits(batches[i]);
            });
        }
        for (std::thread& thread : threads) thread.join();
        std::size_t different = 0;
        for (std::size_t i = 0; i < results.size(); ++i) {
            REQUIRE(results[i].shape() == expected[i].shape());
            different += std::memcmp(results[i].data(), expected[i].data(), expected[i].size() * sizeof(Real)) != 0;
        }
        CHECK(different == 0);
    }
    CHECK(table.version() == version);  // nobody wrote
}

TEST_CASE("step: 10 training steps give the same bits with 1, 2 and 3 threads [1.7]") {
    constexpr std::uint64_t kSeed = 5;
    INFO("seed ", kSeed);
    for (bool sparse : {false, true}) {
        CAPTURE(sparse);
        std::vector<StateDict> states;
        std::vector<std::vector<Real>> losses;
        for (int threads : {1, 2, 3}) {
            const Threads scope(threads);
            Rng rng(kSeed);
            constexpr std::size_t kManyRows = 4200;     // enough of everything that threads are woken: lookups of 8,800
            Training training(sparse, kManyRows, 400);  // rows, products of 800 x 128 x 400, steps over 537,600 values
            const Batch batch = random_batch(800, 11, kManyRows, kK, rng);  // and over some 2,700 rows
            std::vector<Real> seen;
            for (std::size_t i = 0; i < 10; ++i) seen.push_back(training.step(batch));
            losses.push_back(seen);
            states.push_back(training.model().state_dict());
            CHECK(scope.has_shared() == (threads > 1));
        }
        CHECK(losses[0].back() < losses[0].front());
        for (std::size_t k = 1; k < states.size(); ++k) {
            CHECK(losses[k] == losses[0]);
            for (std::size_t i = 0; i < states[0].size(); ++i) check_same(states[k][i].second, states[0][i].second);
        }
    }
}
