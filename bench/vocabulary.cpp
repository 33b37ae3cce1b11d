// W10: 100 MB of text, 20.7 million tokens of 589 thousand types; build the vocabulary, then encode every line.
//   vocabulary --write FILE   writes the text, for the peer: python3 bench/peers/vocabulary.py FILE
#include <benchmark/benchmark.h>

#include <cstring>
#include <embergrad/embergrad.hpp>

#include "zipf_text.hpp"

using namespace embergrad;

namespace {

const std::vector<std::string>& text() {
    static const auto lines = bench::zipf_text(100'000'000, 600'000, 1);
    return lines;
}

std::size_t encode_all(const Vocabulary& vocabulary) {
    std::size_t tokens = 0;
    for (const std::string& line : text()) tokens += vocabulary.encode(line).size();
    return tokens;
}

void vocabulary_build(benchmark::State& state) {
    text();
    for (auto _ : state) benchmark::DoNotOptimize(Vocabulary::build(text()).size());
}

void vocabulary_encode(benchmark::State& state) {
    const Vocabulary vocabulary = Vocabulary::build(text());
    std::size_t tokens = 0;
    for (auto _ : state) tokens += encode_all(vocabulary);
    state.counters["tokens"] = benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
}

BENCHMARK(vocabulary_build)->Unit(benchmark::kMillisecond)->MinTime(2);
BENCHMARK(vocabulary_encode)->Unit(benchmark::kMillisecond)->MinTime(2);

int write_text(const char* path) {
    std::string all;
    for (const std::string& line : text()) all.append(line).append("\n");
    write_file_atomically(path, all);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::strcmp(argv[1], "--write") == 0) return write_text(argv[2]);
    benchmark::Initialize(&argc, argv);
    benchmark::AddCustomContext("embergrad", "\n" + to_string(build_info()));
    benchmark::RunSpecifiedBenchmarks();
}
