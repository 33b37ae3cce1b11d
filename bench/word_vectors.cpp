// W9: word vectors, 400,000 of 100 numbers, from a text of 348 MB with five digits a number and from word2vec's binary
// file, in a warm page cache.
//   word_vectors --write FOLDER        writes vectors.txt and vectors.bin, for the peers: bench/peers/word_vectors.py
//   word_vectors --load FILE THREADS   loads one in a fresh process: the seconds and the peak of memory, as JSON
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <embergrad/embergrad.hpp>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../tests/temporary_folder.hpp"

using namespace embergrad;

namespace {

constexpr std::size_t kWords = 400'000, kDimension = 100, kWanted = 10'000;

std::string name_of(std::size_t i) { return "word" + std::to_string(i); }

void write_files(const std::filesystem::path& folder) {
    Rng rng(1);
    Array vectors(Shape{kWords, kDimension});
    AtomicFile text(folder / "vectors.txt");
    std::vector<std::string> words;
    for (std::size_t i = 0; i < kWords; ++i) {
        std::string line = name_of(i);
        for (std::size_t j = 0; j < kDimension; ++j) {
            const double value = 0.4 * rng.normal();
            std::array<char, 32> digits{};
            const int length = std::snprintf(digits.data(), digits.size(), " %.5g", value);
            line.append(digits.data(), static_cast<std::size_t>(length));
            vectors.data()[i * kDimension + j] = static_cast<Real>(value);
        }
        text.write(line + '\n');
        words.push_back(name_of(i));
    }
    text.commit();
    WordVectors(words, std::move(vectors)).save(folder / "vectors.bin", VectorFormat::word2vec_binary);
}

/// The files, written when they are first asked for.
std::filesystem::path file(const char* name) {
    static const TemporaryFolder folder;
    static const bool written = (write_files(folder.path()), true);
    benchmark::DoNotOptimize(written);
    return folder / name;
}

void word_vectors(benchmark::State& state, const char* name) {
    set_num_threads(static_cast<int>(state.range(0)));
    const std::filesystem::path path = file(name);
    for (auto _ : state) benchmark::DoNotOptimize(WordVectors::load(path).size());
    state.SetBytesProcessed(static_cast<std::int64_t>(std::filesystem::file_size(path)) * state.iterations());
}

void word_vectors_into_table(benchmark::State& state) {
    set_num_threads(static_cast<int>(state.range(0)));
    std::vector<std::string> words;
    for (std::size_t i = 0; i < kWanted; ++i) words.push_back(name_of(i * (kWords / kWanted)));
    const Vocabulary vocabulary = Vocabulary::build(words);
    Rng rng(1);
    const Embedding table(vocabulary.size(), kDimension, rng);
    const std::filesystem::path path = file("vectors.txt");
    for (auto _ : state) benchmark::DoNotOptimize(load_pretrained(table, path, vocabulary).found);
}

BENCHMARK_CAPTURE(word_vectors, text, "vectors.txt")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(word_vectors, binary, "vectors.bin")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(word_vectors_into_table)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

int load(const char* path, int threads) {
    set_num_threads(threads);
    const WordVectors vectors = WordVectors::load(path);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::cout << "{\"seconds\": " << vectors.report().seconds << ", \"peak_megabytes\": " << usage.ru_maxrss / 1024
              << "}\n";
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "--write" && argc > 2) return write_files(argv[2]), 0;
    if (command == "--load" && argc > 3) return load(argv[2], std::atoi(argv[3]));
    benchmark::Initialize(&argc, argv);
    benchmark::AddCustomContext("embergrad", "\n" + to_string(build_info()));
    benchmark::RunSpecifiedBenchmarks();
}
