// W10 by fastText's Dictionary: builds the vocabulary of a text file, then encodes every line; prints a line of JSON.
//   fasttext_dictionary FILE
// fastText ends every line with a token of its own, </s>, which both counts include.
#include <fasttext/args.h>
#include <fasttext/dictionary.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace {

/// Words only, every one of them: no n-grams of letters or words, nothing dropped for being rare.
std::shared_ptr<fasttext::Args> words_alone() {
    auto args = std::make_shared<fasttext::Args>();
    args->minCount = 1;
    args->minn = args->maxn = 0;
    args->wordNgrams = 1;
    args->bucket = 0;
    args->verbose = 0;
    return args;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::ifstream open(const char* path) {
    std::ifstream file(path);
    if (!file || file.peek() == EOF) throw std::runtime_error(std::string(path) + " is empty or cannot be read");
    return file;
}

std::int64_t encode(const fasttext::Dictionary& dictionary, std::istream& file) {
    std::vector<std::int32_t> words, labels;
    std::int64_t tokens = 0;
    while (file.peek() != EOF) tokens += dictionary.getLine(file, words, labels);  // at the end it would start again
    return tokens;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2) throw std::runtime_error("usage: fasttext_dictionary FILE");
    std::ifstream text = open(argv[1]), again = open(argv[1]);
    auto start = std::chrono::steady_clock::now();
    fasttext::Dictionary dictionary(words_alone());
    dictionary.readFromFile(text);
    const double build = seconds_since(start);

    start = std::chrono::steady_clock::now();
    const std::int64_t tokens = encode(dictionary, again);
    const double encoded = seconds_since(start);
    std::printf("{\"build_s\": %.6f, \"encode_s\": %.6f, \"tokens\": %lld, \"types\": %d}\n", build, encoded,
                static_cast<long long>(tokens), static_cast<int>(dictionary.nwords()));
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
