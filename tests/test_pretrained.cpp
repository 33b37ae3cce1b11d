// Word vectors in tables: which rows are written, which are not, and what the report says.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/models/pretrained.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/tests/shared_data.hpp>
#include <embergrad/tests/support.hpp>
#include <embergrad/tests/temporary_folder.hpp>

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Strings = std::vector<std::string>;

const VocabularyOptions kNoSpecials = {.pad_token = {}, .unk_token = {}, .bos_token = {}, .eos_token = {}};

/// Ids: <PAD>, <UNK>, <BOS>, <EOS>, the = 4, cat = 5, zebra = 6.
Vocabulary words() { return Vocabulary::build(Strings{"the the the cat cat zebra"}); }

WordVectors the_cat_dog() { return WordVectors({"dog", "the", "cat"}, array({3, 2}, {9, 9, 1, 2, 3, 6})); }

std::vector<double> row(const Embedding& embedding, std::size_t id) {
    const std::size_t d = embedding.embedding_dim();
    const Real* const from = embedding.weight().value().data() + id * d;
    return {from, from + d};
}

using Row = std::vector<double>;

/// Element i is i + 1: no row is like another, and none is zero.
Embedding numbered(std::size_t v, std::size_t d, const EmbeddingOptions& options = {}) {
    Array table(Shape{v, d});
    for (std::size_t i = 0; i < table.size(); ++i) table.data()[i] = static_cast<Real>(i + 1);
    return Embedding::from_pretrained(std::move(table), false, options);
}

/// The table must be as it was but for these rows.
void check_others_same(const Embedding& embedding, const Array& before, const std::vector<std::size_t>& written,
                       int line = __builtin_LINE()) {
    INFO("called from line ", line);
    Array expected = before;
    const std::size_t d = embedding.embedding_dim();
    for (const std::size_t id : written)
        std::copy_n(embedding.weight().value().data() + id * d, d, expected.data() + id * d);
    check_same(embedding.weight().value(), expected, line);
}

/// It must refuse with this text and change nothing.
void check_unchanged(const Embedding& embedding, const WordVectors& vectors, const Vocabulary& vocabulary,
                     const std::string& message, int line = __builtin_LINE()) {
    const Array before = embedding.weight().value();
    const std::uint64_t version = embedding.weight().version();
    check_refused<std::invalid_argument>([&] { load_pretrained(embedding, vectors, vocabulary); }, message, line);
    check_same(embedding.weight().value(), before, line);
    CHECK(embedding.weight().version() == version);
}

double spread(const Embedding& embedding, std::size_t begin, std::size_t end) {
    double sum = 0;
    for (std::size_t id = begin; id < end; ++id)
        for (const double value : row(embedding, id)) sum += value * value;
    return std::sqrt(sum / static_cast<double>((end - begin) * embedding.embedding_dim()));
}

}  // namespace

// ---- the report ----------------------------------------------------------------------------------------------------

TEST_CASE("pretrained: the report as text") {
    CHECK(to_string(PretrainedReport{.asked = 3, .found = 2}) == "Pre-trained coverage: 2/3 (66.7%)");
    CHECK(to_string(PretrainedReport{.asked = 8, .found = 8}) == "Pre-trained coverage: 8/8 (100.0%)");
    CHECK(to_string(PretrainedReport{}) == "Pre-trained coverage: 0/0 (0.0%)");
    CHECK(to_string(PretrainedReport{.asked = 3, .found = 1, .duplicates = 2}) ==
          "Pre-trained coverage: 1/3 (33.3%); 2 duplicates left out");
    CHECK(to_string(PretrainedReport{.asked = 3, .found = 0, .bad_lines = 1}) ==
          "Pre-trained coverage: 0/3 (0.0%); 1 bad line left out");
    CHECK(to_string(PretrainedReport{.asked = 3, .found = 1, .duplicates = 1, .bad_lines = 3}) ==
          "Pre-trained coverage: 1/3 (33.3%); 1 duplicate, 3 bad lines left out");
    CHECK(PretrainedReport{.asked = 4, .found = 3}.coverage() == 0.75);
    CHECK(PretrainedReport{}.coverage() == 0);
}

// ---- load_pretrained -----------------------------------------------------------------------------------------------

TEST_CASE("load_pretrained: rows of words that are found, and no others") {
    const Embedding embedding = numbered(9, 2, {.padding_idx = 0});
    const Array before = embedding.weight().value();
    const PretrainedReport report = load_pretrained(embedding, the_cat_dog(), words());
    CHECK(row(embedding, 4) == Row{1, 2});
    CHECK(row(embedding, 5) == Row{3, 6});
    check_others_same(embedding, before, {4, 5});
    CHECK(report.asked == 3);
    CHECK(report.found == 2);
    CHECK(report.missing == Strings{"zebra"});
    CHECK(to_string(report) == "Pre-trained coverage: 2/3 (66.7%)");
}

TEST_CASE("load_pretrained: special tokens in the vectors are not used and not counted") {
    const WordVectors vectors({"<PAD>", "<UNK>", "<BOS>", "<EOS>", "the"}, array({5, 1}, {-1, -2, -3, -4, -5}));
    const Embedding embedding = numbered(7, 1, {.padding_idx = 0});
    const Array before = embedding.weight().value();
    const PretrainedReport report = load_pretrained(embedding, vectors, words());
    check_others_same(embedding, before, {4});
    CHECK(row(embedding, 4) == Row{-5});
    CHECK(report.asked == 3);
    CHECK(report.found == 1);
    CHECK(report.missing == Strings{"cat", "zebra"});
}

TEST_CASE("load_pretrained: values of other rows survive bit for bit, NaN and -0 too") {
    const Embedding embedding = numbered(7, 2);
    Array& values = embedding.weight().mutable_value();
    values.data()[0] = std::numeric_limits<Real>::quiet_NaN();
    values.data()[3] = -Real{0};
    const Array before = embedding.weight().value();
    load_pretrained(embedding, the_cat_dog(), words());
    check_others_same(embedding, before, {4, 5});
}

TEST_CASE("load_pretrained: a vocabulary without special tokens") {
    const Embedding embedding = numbered(3, 2);
    const Vocabulary vocabulary = Vocabulary::build(Strings{"the the cat"}, kNoSpecials);
    const PretrainedReport report = load_pretrained(embedding, the_cat_dog(), vocabulary);
    CHECK(row(embedding, 0) == Row{1, 2});
    CHECK(row(embedding, 1) == Row{3, 6});
    CHECK(row(embedding, 2) == Row{5, 6});
    CHECK(report.coverage() == 1);
}

TEST_CASE("load_pretrained: nothing found changes nothing, nor does a vocabulary without words") {
    const Embedding embedding = numbered(7, 2);
    const Array before = embedding.weight().value();
    const std::uint64_t version = embedding.weight().version();
    const WordVectors others({"dog"}, array({1, 2}, {1, 2}));
    CHECK(load_pretrained(embedding, others, words()).missing == Strings{"the", "cat", "zebra"});
    CHECK(load_pretrained(embedding, the_cat_dog(), Vocabulary()).asked == 0);
    check_same(embedding.weight().value(), before);
    CHECK(embedding.weight().version() == version);
}

TEST_CASE("load_pretrained: what does not fit is refused, and nothing has changed") {
    check_unchanged(numbered(7, 3), the_cat_dog(), words(),
                    "load_pretrained: vectors of dimension 2 do not fit a table of dimension 3");
    check_unchanged(numbered(6, 2), the_cat_dog(), words(),
                    "load_pretrained: a vocabulary of 7 tokens does not fit a table of 6 rows");
    check_unchanged(numbered(7, 2, {.padding_idx = 5}), the_cat_dog(), words(),
                    "load_pretrained: the table's padding row 5 belongs to the word \"cat\"");
    check_unchanged(numbered(7, 2, {.padding_idx = -1}), the_cat_dog(), words(),
                    "load_pretrained: the table's padding row 6 belongs to the word \"zebra\"");
}

TEST_CASE("load_pretrained: a padding row that is another special token's, or behind the vocabulary") {
    CHECK(load_pretrained(numbered(7, 2, {.padding_idx = 3}), the_cat_dog(), words()).found == 2);
    CHECK(load_pretrained(numbered(9, 2, {.padding_idx = 8}), the_cat_dog(), words()).found == 2);
}

TEST_CASE("load_pretrained: a frozen table is written and stays frozen") {
    const Embedding embedding = Embedding::from_pretrained(zeros({7, 2}), true);
    load_pretrained(embedding, the_cat_dog(), words());
    CHECK(row(embedding, 5) == Row{3, 6});
    CHECK(!embedding.weight().requires_grad());
}

TEST_CASE("load_pretrained: small letters where the word itself has no vector, on request") {
    const Vocabulary vocabulary = Vocabulary::build(Strings{"The the CAT Zebra \u00C9TE"});
    const WordVectors vectors({"The", "the", "cat", "\u00E9te"}, array({4, 1}, {10, 20, 30, 40}));
    const Embedding embedding = numbered(9, 1);
    CHECK(load_pretrained(embedding, vectors, vocabulary).missing == Strings{"CAT", "Zebra", "\u00C9TE"});
    const PretrainedReport report = load_pretrained(embedding, vectors, vocabulary, {.lowercase_fallback = true});
    CHECK(report.missing == Strings{"Zebra"});
    CHECK(report.found == 4);
    CHECK(embedding.weight().value().data()[4] == 10);  // "The" has its own
    CHECK(embedding.weight().value().data()[5] == 20);
    CHECK(embedding.weight().value().data()[6] == 30);
    CHECK(embedding.weight().value().data()[8] == 40);
}

TEST_CASE("load_pretrained: from a file, whose options and report travel along") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "v.txt", "the 1 2\nthe 5 5\ncat 3 6\nzebra 1\n");
    const Embedding embedding = numbered(7, 2);
    const Array before = embedding.weight().value();
    check_refused<std::runtime_error>([&] { load_pretrained(embedding, folder / "v.txt", words()); },
                                      (folder / "v.txt").string() + ":4: 1 value, not 2");
    check_refused<std::runtime_error>(
        [&] { load_pretrained(embedding, folder / "v.txt", words(), {.dimension = 3, .skip_bad_lines = true}); },
        (folder / "v.txt").string() + ": most lines have 2 numbers, not 3");
    check_same(embedding.weight().value(), before);

    const PretrainedReport report = load_pretrained(embedding, folder / "v.txt", words(), {.skip_bad_lines = true});
    check_others_same(embedding, before, {4, 5});
    CHECK(row(embedding, 4) == Row{1, 2});
    CHECK(report.duplicates == 1);
    CHECK(report.bad_lines == 1);
    CHECK(to_string(report) == "Pre-trained coverage: 2/3 (66.7%); 1 duplicate, 1 bad line left out");
}

TEST_CASE("load_pretrained: between forward and backward") {
    const Embedding embedding = numbered(7, 2);
    Tape tape;
    const Var loss = sum(embedding(tape, IdArray{4, 4, 6}));
    load_pretrained(embedding, the_cat_dog(), words());
    tape.backward(loss);  // a lookup keeps no table
    CHECK(dense_gradient(embedding.weight()).data()[4 * 2] == 2);
}

// ---- initialize_with_pretrained ------------------------------------------------------------------------------------

TEST_CASE("initialize_with_pretrained: found words, a zero padding row, the mean for unknown words") {
    Rng rng(1);
    const auto [embedding, report] = initialize_with_pretrained(words(), the_cat_dog(), rng);
    CHECK(to_string(embedding.weight().shape()) == "(7, 2)");
    CHECK(embedding.padding_idx() == 0);
    CHECK(embedding.weight().requires_grad());
    CHECK(row(embedding, 0) == Row{0, 0});
    CHECK(row(embedding, 1) == Row{2, 4});  // of the found words, not of the file's
    CHECK(row(embedding, 4) == Row{1, 2});
    CHECK(row(embedding, 5) == Row{3, 6});
    for (const std::size_t id : {2u, 3u, 6u})
        for (const double value : row(embedding, id)) CHECK((value != 0 && std::abs(value) < 1));
    CHECK(report.asked == 3);
    CHECK(report.found == 2);
    CHECK(report.missing == Strings{"zebra"});
}

TEST_CASE("initialize_with_pretrained: special tokens in the file neither overwrite, nor enter the mean, nor count") {
    const WordVectors vectors({"<PAD>", "the", "<UNK>", "<BOS>", "cat", "<EOS>", "zebra"},
                              array({7, 1}, {100, 1, 200, 300, 2, 400, 6}));
    Rng rng(1);
    const auto [embedding, report] = initialize_with_pretrained(words(), vectors, rng);
    CHECK(row(embedding, 0) == Row{0});
    CHECK(row(embedding, 1) == Row{3});
    CHECK(std::abs(row(embedding, 2)[0]) < 1);
    CHECK(std::abs(row(embedding, 3)[0]) < 1);
    CHECK(report.asked == 3);
    CHECK(report.found == 3);
    CHECK(report.coverage() == 1);  // every real word was found
}

TEST_CASE("initialize_with_pretrained: the mean accumulates in double") {
    // In float, 1e8 + 1 is 1e8 again.
    const WordVectors vectors({"the", "cat", "zebra"}, array({3, 1}, {1e8, 4, -1e8}));
    Rng rng(1);
    const auto [embedding, report] = initialize_with_pretrained(words(), vectors, rng);
    CHECK(embedding.weight().value().data()[1] == static_cast<Real>(4.0 / 3));
}

TEST_CASE("initialize_with_pretrained: nothing found leaves the unknown token its draw") {
    const WordVectors vectors({"dog", "<UNK>"}, array({2, 2}, {1, 2, 30, 40}));
    Rng rng(1), same(1);
    const auto [embedding, report] = initialize_with_pretrained(words(), vectors, rng);
    const Embedding drawn(7, 2, same, {.padding_idx = 0});
    for (std::size_t id = 0; id < 7; ++id)
        for (std::size_t i = 0; i < 2; ++i) CHECK(is_near(row(embedding, id)[i], 0.1 * row(drawn, id)[i], 1e-6));
    CHECK(row(embedding, 1)[0] != 0);
    CHECK(report.found == 0);
}

TEST_CASE("initialize_with_pretrained: the spread of words without a vector") {
    std::string text;
    for (int i = 0; i < 2000; ++i) text += "w" + std::to_string(i) + " ";
    const Vocabulary vocabulary = Vocabulary::build(Strings{text});
    const WordVectors vectors({"w0"}, zeros({1, 50}));
    Rng rng(3);
    const auto standard = initialize_with_pretrained(vocabulary, vectors, rng);
    CHECK(spread(standard.embedding, 5, 2004) == doctest::Approx(0.1).epsilon(0.02));
    const auto wide = initialize_with_pretrained(vocabulary, vectors, rng, {.std = 2});
    CHECK(spread(wide.embedding, 5, 2004) == doctest::Approx(2).epsilon(0.02));
    const auto none = initialize_with_pretrained(vocabulary, vectors, rng, {.std = 0});
    CHECK(spread(none.embedding, 0, 2004) == 0);
    check_refused<std::invalid_argument>([&] { initialize_with_pretrained(vocabulary, vectors, rng, {.std = -1}); },
                                         "init::normal: std must not be negative, but got -1");
    check_refused<std::invalid_argument>([&] { initialize_with_pretrained(vocabulary, vectors, rng, {.std = kNaN}); },
                                         "init::normal: std must not be negative, but got nan");
}

TEST_CASE("initialize_with_pretrained: the same seed gives the same table") {
    Rng a(5), b(5);
    const auto first = initialize_with_pretrained(words(), the_cat_dog(), a);
    const auto second = initialize_with_pretrained(words(), the_cat_dog(), b);
    check_same(first.embedding.weight().value(), second.embedding.weight().value());
}

TEST_CASE("initialize_with_pretrained: vocabularies without padding, without unknown token, without either") {
    Rng rng(1);
    const Strings texts = {"the the cat"};
    SUBCASE("without padding") {
        const Vocabulary vocabulary = Vocabulary::build(texts, {.pad_token = {}});
        const auto [embedding, report] = initialize_with_pretrained(vocabulary, the_cat_dog(), rng);
        CHECK(embedding.padding_idx() == std::nullopt);
        CHECK(row(embedding, 0) == Row{2, 4});  // <UNK>
        CHECK(row(embedding, 3) == Row{1, 2});
    }
    SUBCASE("without unknown token") {
        const Vocabulary vocabulary = Vocabulary::build(texts, {.unk_token = {}});
        const auto [embedding, report] = initialize_with_pretrained(vocabulary, the_cat_dog(), rng);
        CHECK(row(embedding, 0) == Row{0, 0});
        CHECK(std::abs(row(embedding, 1)[0]) < 1);  // <BOS>
        CHECK(row(embedding, 3) == Row{1, 2});
    }
    SUBCASE("without either") {
        const Vocabulary vocabulary = Vocabulary::build(texts, kNoSpecials);
        const auto [embedding, report] = initialize_with_pretrained(vocabulary, the_cat_dog(), rng);
        check_near(embedding.weight().value(), {1, 2, 3, 6}, 0);
    }
    SUBCASE("nothing at all") {
        const auto [embedding, report] = initialize_with_pretrained(Vocabulary(kNoSpecials), the_cat_dog(), rng);
        CHECK(to_string(embedding.weight().shape()) == "(0, 2)");
        CHECK(report.coverage() == 0);
    }
}

TEST_CASE("initialize_with_pretrained: freeze, small letters, and the table's own options") {
    Rng rng(1);
    const Vocabulary vocabulary = Vocabulary::build(Strings{"The CAT"});
    const PretrainedOptions options{
        .freeze = true, .lookup = {.lowercase_fallback = true}, .embedding = {.max_norm = 2.5, .sparse = true}};
    const auto [embedding, report] = initialize_with_pretrained(vocabulary, the_cat_dog(), rng, options);
    CHECK(!embedding.weight().requires_grad());
    CHECK(embedding.options().max_norm == 2.5);
    CHECK(embedding.options().sparse);
    CHECK(embedding.padding_idx() == 0);
    CHECK(report.found == 2);
    CHECK(row(embedding, 1) == Row{2, 4});
    CHECK(row(embedding, 4) == Row{1, 2});
}

TEST_CASE("initialize_with_pretrained: the padding row is the vocabulary's") {
    Rng rng(1);
    CHECK(initialize_with_pretrained(words(), the_cat_dog(), rng, {.embedding = {.padding_idx = 0}}).report.found == 2);
    check_refused<std::invalid_argument>(
        [&] { initialize_with_pretrained(words(), the_cat_dog(), rng, {.embedding = {.padding_idx = 1}}); },
        "initialize_with_pretrained: padding_idx 1 is not the vocabulary's, 0");
    check_refused<std::invalid_argument>(
        [&] {
            initialize_with_pretrained(Vocabulary(kNoSpecials), the_cat_dog(), rng, {.embedding = {.padding_idx = 0}});
        },
        "initialize_with_pretrained: padding_idx 0 is not the vocabulary's, none");
}

TEST_CASE("initialize_with_pretrained: from a file") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "v.txt", "4 2\n<PAD> 7 7\nthe 1 2\ncat 3 6\nbad x\n");
    Rng rng(1);
    check_refused<std::runtime_error>([&] { initialize_with_pretrained(words(), folder / "v.txt", rng); },
                                      (folder / "v.txt").string() + ":5: 1 value, not 2");
    const auto [embedding, report] =
        initialize_with_pretrained(words(), folder / "v.txt", rng, {.std = 0}, {.skip_bad_lines = true});
    check_near(embedding.weight().value(), {0, 0, 2, 4, 0, 0, 0, 0, 1, 2, 3, 6, 0, 0}, 0);
    CHECK(report.bad_lines == 1);
}

TEST_CASE("initialize_with_pretrained: a table that learns; the padding row stays zero") {
    Rng rng(1);
    const auto [embedding, report] = initialize_with_pretrained(words(), the_cat_dog(), rng);
    SGD optimizer(embedding.parameters(), {.lr = 0.5});
    Tape tape(Mode::train, rng);
    tape.backward(sum(embedding(tape, IdArray{0, 4, 4})));
    optimizer.step();
    CHECK(row(embedding, 0) == Row{0, 0});
    CHECK(row(embedding, 4) == Row{0, 1});
    CHECK(row(embedding, 5) == Row{3, 6});
}

TEST_CASE("initialize_with_pretrained: real vectors") {
    const auto path = shared_data("glove.6B.50d.top1000.txt");
    if (!path) return;
    const Vocabulary vocabulary = Vocabulary::build(Strings{"the king of france and the queen of qwertyland"});
    Rng rng(1);
    const auto [embedding, report] = initialize_with_pretrained(vocabulary, *path, rng);
    CHECK(embedding.embedding_dim() == 50);
    CHECK(report.asked == 7);
    CHECK(report.found + report.missing.size() == 7);
    CHECK(report.missing.back() == "qwertyland");
    const WordVectors vectors = WordVectors::load(*path);
    CHECK(vectors.size() == 1000);
    const auto the = static_cast<std::size_t>(vocabulary.id("the").value());
    const std::span<const Real> vector = vectors[vectors.find("the").value()];
    CHECK(row(embedding, the) == Row(vector.begin(), vector.end()));
}

TEST_CASE("pretrained: from a file, what the vocabulary does not hold is passed over, and the result is the same") {
    const std::vector<std::string> texts = {"the cat sat on The Mat"};
    const Vocabulary vocabulary = Vocabulary::build(texts);
    const TemporaryFolder folder;
    write_file_atomically(folder / "vectors.txt",
                          "<PAD> 9 9\nthe 1 2\nother x y\nmat 3 4\nthe 5 6\nother 7 8\nsat 7 8\n");
    for (const bool fallback : {false, true}) {
        INFO("fallback ", fallback);
        Rng rng(1);
        const Embedding from_file(vocabulary.size(), 2, rng), from_memory(vocabulary.size(), 2, rng);
        from_memory.weight().assign(from_file.weight().value());
        const PretrainedReport report =
            load_pretrained(from_file, folder / "vectors.txt", vocabulary, {}, {.lowercase_fallback = fallback});
        const WordVectors all = WordVectors::load(folder / "vectors.txt", {.skip_bad_lines = true});
        load_pretrained(from_memory, all, vocabulary, {.lowercase_fallback = fallback});
        check_same(from_file.weight().value(), from_memory.weight().value());
        CHECK(report.found == (fallback ? 4 : 2));
        CHECK(report.duplicates == 1);
        CHECK(report.bad_lines == 0);
    }
}
