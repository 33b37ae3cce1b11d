// Several threads ask one model at once: forward is const, and what changes lives on each thread's own tape.
#include <cstdint>
#include <thread>
#include <vector>

#include <embergrad/embergrad.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

TEST_CASE("concurrent evaluation: three threads and every kind of table, bit for bit as one thread [1.5]") {
    Rng rng(6);
    const NGramLanguageModel language({.vocab_size = 300, .embedding_dim = 8, .context_size = 3}, rng);
    const CompressedEmbedding compressed(300, 24, 4, rng, {.padding_idx = 0});
    const PartiallyFrozenEmbedding partial(language.embeddings().weight().value(), {1, 2, 3}, {.max_norm = 1.5});
    const auto all = [&](std::uint64_t seed) {
        Rng ids_rng(seed);
        IdArray ids(Shape{20, 3});
        for (std::int64_t& id : ids) id = static_cast<std::int64_t>(ids_rng.below(300));
        Tape tape(Mode::eval);
        const Array results[] = {language(tape, ids).value(), compressed(tape, ids).value(),
                                 partial(tape, ids).value()};
        double sum = 0;
        for (const Array& result : results) sum += digest(result);
        for (const std::int64_t id : generate(language, std::vector<std::int64_t>{1, 2, 3}, 4, ids_rng))
            sum += static_cast<double>(id);
        return sum;
    };
    std::vector<double> expected(60), results(60);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = all(i);
    std::vector<std::thread> threads;
    for (std::size_t first = 0; first < 3; ++first) {
        threads.emplace_back([&, first] {
            for (std::size_t i = first; i < results.size(); i += 3) results[i] = all(i);
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(results == expected);
}
