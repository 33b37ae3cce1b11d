// Lesson 3: word vectors that somebody else has trained.
//
// GloVe, word2vec and fastText learned vectors from billions of words and published them, mostly as text: a line a word
// (word2vec's binary files, gzip and more are read too; the format is found from the file). In such a table words of
// like meaning lie in like directions. A model that starts from it knows something of words that its own few texts
// hardly show. This lesson reads such a file, looks around in it and fills tables from it.
//     03_pretrained_vectors [FILE [WORD...]]     says instead what is in a file of your own, and the words' neighbours
#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/embergrad.hpp>

#include "lesson.hpp"
#include "number_text.hpp"
#include "own_data.hpp"

using namespace embergrad;
using namespace examples;

namespace {

// ---- neighbours ----------------------------------------------------------------------------------------------------

double dot(std::span<const Real> a, std::span<const Real> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// The cosine of the angle between two vectors: 1 for the same direction, 0 for a right angle (and for zero vectors).
double cosine(std::span<const Real> a, std::span<const Real> b) {
    const double lengths = std::sqrt(dot(a, a) * dot(b, b));
    return lengths > 0 ? dot(a, b) / lengths : 0;
}

/// The word's three nearest, with their cosines.
void print_neighbours(const WordVectors& vectors, const std::string& word) {
    const std::optional<std::size_t> own = vectors.find(word);
    if (!own) throw std::runtime_error(word + " has no vector");
    std::vector<std::pair<double, std::size_t>> others;
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        if (i != *own) others.emplace_back(cosine(vectors[*own], vectors[i]), i);
    }
    std::sort(others.rbegin(), others.rend());  // the largest first
    if (others.size() > 3) others.resize(3);
    std::cout << word << ':';
    for (const auto& [similarity, i] : others) std::cout << "  " << vectors.word(i) << ' ' << fixed(similarity, 2);
    std::cout << '\n';
}

void neighbours(const WordVectors& vectors) {
    // 26 words, made for this lesson. The nearest words are those whose vectors point the same way.
    std::cout << vectors.size() << " words of " << vectors.dimension() << " numbers\n";
    for (const char* word : {"kitten", "orange", "ice cream", "run"}) print_neighbours(vectors, word);
    //> 26 words of 8 numbers
    //> kitten:  puppy 0.97  cat 0.96  dog 0.93
    //> orange:  yellow 0.89  red 0.82  apple 0.68
    //> ice cream:  pear 0.93  apple 0.84  bread 0.43
    //> run:  walk 0.98  jump 0.97  eat 0.78
}

// ---- reading -------------------------------------------------------------------------------------------------------

void reading() {
    // Real files are not clean. A word may hold spaces: what counts is that the last D fields are the numbers. A line
    // that comes twice and lines that are broken are counted, and the report says what was wrong with them. (Without
    // skip_bad_lines the first broken line is an error that names the file and the line.)
    const char* text =
        "cat 0.8 0.1 0.0\n"
        ". . . 0.1 0.2 0.1\n"
        "cat 9 9 9\n"
        "dog 0.7 oops 0.1\n"
        "fish 0.6 0.2\n";
    const WordVectors vectors = WordVectors::parse(text, "a text", {.dimension = 3, .skip_bad_lines = true});
    const WordVectorsReport& report = vectors.report();
    std::cout << report.lines << " lines: " << vectors.size() << " words, " << report.duplicates << " duplicate, "
              << report.bad_lines << " bad lines\n";
    for (const auto& [number, reason] : report.first_bad_lines)
        std::cout << "  line " << number << ": " << reason << '\n';
    //> 5 lines: 2 words, 1 duplicate, 2 bad lines
    //>   line 4: value 2, "oops", is no number
    //>   line 5: 2 values, not 3
    check(vectors.find(". . .") == std::size_t{1}, "a word may hold spaces");
    check(vectors[0][0] == Real(0.8), "of two lines for a word the first counts");
}

// ---- tables --------------------------------------------------------------------------------------------------------

const std::vector<std::string> kTexts = {"the dog and the puppy eat bread", "a Kitten may eat cheese"};

void fill_a_table(const WordVectors& vectors) {
    // The model's own vocabulary decides which words have rows. load_pretrained writes the vectors of those that have
    // one and leaves all other rows as they were. Its report counts words, not special tokens.
    const Vocabulary vocabulary = Vocabulary::build(kTexts);
    Rng rng(42);
    const Embedding embedding(vocabulary.size(), vectors.dimension(), rng, {.padding_idx = 0});
    const PretrainedReport report = load_pretrained(embedding, vectors, vocabulary);
    std::cout << to_string(report) << "; without a vector:";
    for (const std::string& word : report.missing) std::cout << ' ' << word;
    std::cout << '\n';
    //> Pre-trained coverage: 5/10 (50.0%); without a vector: the and a Kitten may

    // "Kitten" is not in the file, "kitten" is. lowercase_fallback looks a second time, in small letters.
    std::cout << to_string(load_pretrained(embedding, vectors, vocabulary, {.lowercase_fallback = true})) << '\n';
    //> Pre-trained coverage: 6/10 (60.0%)

    const auto id = static_cast<std::size_t>(vocabulary.id("Kitten").value());
    const auto vector = row(embedding.weight().value(), id);
    check(std::ranges::equal(vector, vectors[vectors.find("kitten").value()]), "the row is the file's vector");
}

void unknown_words() {
    // initialize_with_pretrained makes the whole table: the words' vectors, zeros for padding, small random numbers
    // N(0, 0.1) for words without a vector, and for the unknown token the mean of the vectors that were found: the best
    // guess about a word of which nothing is known. A file that holds a <PAD> of its own does not disturb that.
    const WordVectors vectors = WordVectors::parse("<PAD> 9 9\ndog 1 0\ncat 0 1\nmouse 5 5\n", "a text");
    const Vocabulary vocabulary = Vocabulary::build(std::vector<std::string>{"dog cat unicorn"});
    Rng rng(42);
    const auto [embedding, report] = initialize_with_pretrained(vocabulary, vectors, rng);
    std::cout << "Vocabulary size: " << vocabulary.size() << '\n' << to_string(report) << '\n';
    for (const char* token : {"<PAD>", "<UNK>", "dog", "cat", "unicorn"}) {
        const auto id = static_cast<std::size_t>(vocabulary.id(token).value());
        std::cout << "  " << left(token, 8) << to_text(row(embedding.weight().value(), id), 2) << '\n';
    }
    //> Vocabulary size: 7
    //> Pre-trained coverage: 2/3 (66.7%)
    //>   <PAD>   0.00 0.00
    //>   <UNK>   0.50 0.50
    //>   dog     1.00 0.00
    //>   cat     0.00 1.00
    //>   unicorn 0.14 0.06
}

void whole_file(const WordVectors& vectors) {
    // Or the file's table as it is: its lines are the ids. Whether it is trained must be said. (PyTorch freezes unless
    // told otherwise, which surprises people who meant to fine-tune.) Lesson 4 has more about freezing.
    const bool freeze = true;
    const Embedding embedding = Embedding::from_pretrained(vectors.vectors(), freeze);
    std::cout << embedding.describe() << std::boolalpha << ", requires_grad: " << embedding.weight().requires_grad()
              << '\n';
    //> Embedding(26, 8), requires_grad: false

    const auto id = static_cast<std::int64_t>(vectors.find("ice cream").value());
    Tape tape(Mode::eval);
    std::cout << "ice cream: " << to_text(embedding(tape, IdArray::scalar(id)).value(), 3) << '\n';
    //> ice cream: -0.071 0.044 -0.068 0.041 -0.464 0.709 0.844 0.095
}

// ---- your own file -------------------------------------------------------------------------------------------------

void look_into(const std::string& path, std::span<char* const> words) {
    const WordVectors vectors = WordVectors::load(path, {.skip_bad_lines = true});
    const WordVectorsReport& report = vectors.report();
    std::cout << to_string(report.format) << ", " << thousands(report.lines) << " lines: " << thousands(vectors.size())
              << " words of " << vectors.dimension() << " numbers, " << thousands(report.duplicates) << " duplicates, "
              << thousands(report.bad_lines) << " bad lines, read in " << fixed(report.seconds, 1) << " s\n";
    for (const auto& [number, reason] : report.first_bad_lines)
        std::cout << "  line " << number << ": " << reason << '\n';
    if (!report.wrong_header.empty()) std::cout << "  " << report.wrong_header << '\n';
    for (const char* word : words) print_neighbours(vectors, word);
    for (std::size_t i = 0; words.empty() && i < std::min<std::size_t>(5, vectors.size()); ++i)
        print_neighbours(vectors, std::string(vectors.word(i)));
}

}  // namespace

int main(int argc, char** argv) try {
    const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
    if (arguments.size() > 1) {
        look_into(arguments[1], arguments.subspan(2));
        return 0;
    }
    const WordVectors vectors = WordVectors::load(own_data("tiny_vectors.txt", "a file of word vectors"));
    neighbours(vectors);
    reading();
    fill_a_table(vectors);
    unknown_words();
    whole_file(vectors);
} catch (const std::exception& error) {
    std::cerr << "03_pretrained_vectors: " << error.what() << '\n';
    return 1;
}
