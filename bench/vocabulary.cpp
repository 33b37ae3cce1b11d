// W10: 100 MB of text, 20.7 million tokens of 589 thousand types; build the vocabulary, then encode every line. Once
// with words of 1 to 8 letters, once with a fifth of them longer.
//   vocabulary --write FILE [long]   writes the text, for the peer: bench/peers/vocabulary.py runs both and compares
#include <benchmark/benchmark.h>

#include <cstring>
#include <embergrad/embergrad.hpp>

#include "zipf_text.hpp"

using namespace embergrad;

namespace {

const std::vector<std::string>& text(bool long_words) {
    static const auto make = [](bool longer) { return bench::zipf_text(100'000'000, 600'000, 1, longer); };
    if (long_words) {
        static const auto lines = make(true);
        return lines;
    }
    static const auto lines = make(false);
    return lines;
}

std::size_t encode_all(const Vocabulary& vocabulary, bool long_words) {
    std::size_t tokens = 0;
    for (const std::string& line : text(long_words)) tokens += vocabulary.encode(line).size();
    return tokens;
}

void vocabulary_build(benchmark::State& state, bool long_words) {
    text(long_words);
    for (auto _ : state) benchmark::DoNotOptimize(Vocabulary::build(text(long_words)).size());
}

void vocabulary_encode(benchmark::State& state, bool long_words) {
    const Vocabulary vocabulary = Vocabulary::build(text(long_words));
    std::size_t tokens = 0;
    for (auto _ : state) tokens += encode_all(vocabulary, long_words);
    state.counters["tokens"] = benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(vocabulary_build, short_words, false)->Unit(benchmark::kMillisecond)->MinTime(2);
BENCHMARK_CAPTURE(vocabulary_encode, short_words, false)->Unit(benchmark::kMillisecond)->MinTime(2);
BENCHMARK_CAPTURE(vocabulary_build, long_words, true)->Unit(benchmark::kMillisecond)->MinTime(2);
BENCHMARK_CAPTURE(vocabulary_encode, long_words, true)->Unit(benchmark::kMillisecond)->MinTime(2);

int write_text(const char* path, bool long_words) {
    std::string all;
    for (const std::string& line : text(long_words)) all.append(line).append("\n");
    write_file_atomically(path, all);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc >= 3 && std::strcmp(argv[1], "--write") == 0) return write_text(argv[2], argc > 3);
    benchmark::Initialize(&argc, argv);
    benchmark::AddCustomContext("embergrad", "\n" + to_string(build_info()));
    benchmark::RunSpecifiedBenchmarks();
}
