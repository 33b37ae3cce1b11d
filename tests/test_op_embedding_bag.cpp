// EmbeddingBag: sums, means and maxima of bags, their gradients dense and by rows, padding, weights and refusals.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "support.hpp"
#include "threads.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Ids = std::vector<std::int64_t>;

constexpr BagMode kModes[] = {BagMode::sum, BagMode::mean, BagMode::max};

// Of tests/reference/embedding_bag.py, for a table of (6, 3): an empty bag, two, an empty one, one to the end.
const IdArray kFlat = {3, 1, 1, 1, 4, 0, 4, 5, 5}, kOffsets = {0, 0, 3, 3, 7};
const IdArray kSquare = {{3, 1, 1}, {1, 4, 0}, {4, 5, 5}};
const IdArray kOne(Shape{1, 1}, 0);

/// The ids of a call and, for ids (n), its offsets.
struct Call {
    IdArray ids;
    std::optional<IdArray> offsets = {};
};

Var bag(Tape& tape, const Parameter& table, const Call& call, const EmbeddingBagOptions& options) {
    if (call.offsets) return embedding_bag(tape, table, call.ids, *call.offsets, options);
    return embedding_bag(tape, table, call.ids, options);
}

Var bag(Tape& tape, const Parameter& table, const Call& call, Var weights, const EmbeddingBagOptions& options) {
    if (call.offsets) return embedding_bag(tape, table, call.ids, *call.offsets, weights, options);
    return embedding_bag(tape, table, call.ids, weights, options);
}

/// The table after a backward pass from the upstream gradient wave(shape, 10).
Parameter stepped(const Call& call, const EmbeddingBagOptions& options, const Array& values) {
    const Parameter table(values);
    Tape tape;
    const Var y = bag(tape, table, call, options);
    tape.backward(y, wave(y.shape(), 10));
    return table;
}

/// Where the bags begin; one more entry for the end.
Ids bounds_of(const Call& call, bool include_last_offset) {
    Ids bounds;
    if (call.offsets) {
        bounds.assign(call.offsets->begin(), call.offsets->end());
        if (!include_last_offset) bounds.push_back(static_cast<std::int64_t>(call.ids.size()));
    } else {
        for (std::size_t b = 0; b <= call.ids.shape()[0]; ++b)
            bounds.push_back(static_cast<std::int64_t>(b * call.ids.shape()[1]));
    }
    return bounds;
}

/// The definition, in double, one bag and one column after the other. options.padding_idx counts from the start.
struct Naive {
    std::vector<double> out, dtable, dweights;  // (B, D), (V, D), (n)

    Naive(const Array& table, const Call& call, const EmbeddingBagOptions& options, const Array& weights,
          const Array& upstream)
        : d_(table.shape()[1]) {
        const Ids bounds = bounds_of(call, options.include_last_offset);
        out.assign((bounds.size() - 1) * d_, 0.0);
        dtable.assign(table.size(), 0.0);
        dweights.assign(call.ids.size(), 0.0);
        for (std::size_t b = 0; b + 1 < bounds.size(); ++b) {
            std::vector<std::size_t> kept;
            for (auto p = static_cast<std::size_t>(bounds[b]); p < static_cast<std::size_t>(bounds[b + 1]); ++p) {
                if (call.ids.data()[p] != options.padding_idx.value_or(-1)) kept.push_back(p);
            }
            for (std::size_t j = 0; j < d_ && !kept.empty(); ++j)
                add_column(table, call, options, weights, upstream, b, j, kept);
        }
    }

private:
    void add_column(const Array& table, const Call& call, const EmbeddingBagOptions& options, const Array& weights,
                    const Array& upstream, std::size_t b, std::size_t j, const std::vector<std::size_t>& kept) {
        const auto row = [&](std::size_t p) { return static_cast<std::size_t>(call.ids.data()[p]) * d_ + j; };
        const double g = element(upstream, b * d_ + j);
        if (options.mode == BagMode::max) {
            std::size_t best = kept[0];
            for (std::size_t p : kept) best = element(table, row(p)) > element(table, row(best)) ? p : best;
            out[b * d_ + j] = element(table, row(best));
            dtable[row(best)] += g;
            return;
        }
        for (std::size_t p : kept) {
            const double size = options.mode == BagMode::mean ? static_cast<double>(kept.size()) : 1;
            const auto count = static_cast<double>(std::count(call.ids.begin(), call.ids.end(), call.ids.data()[p]));
            out[b * d_ + j] += element(weights, p) * element(table, row(p)) / size;
            dtable[row(p)] += g * element(weights, p) / size / (options.scale_grad_by_freq ? count : 1);
            dweights[p] += g * element(table, row(p));
        }
    }

    std::size_t d_;
};

/// One line of what the script prints: options, then digests of the output, of the gradients of table and weights, and
/// of the table.
struct Reference {
    BagMode mode;
    std::optional<std::int64_t> padding_idx;
    std::optional<double> max_norm;
    double norm_type;
    double out, dtable, dweights, table;
};

void check_references(const Call& call, bool weighted, const std::vector<Reference>& references) {
    for (std::size_t line = 0; line < references.size(); ++line) {
        const Reference& expected = references[line];
        for (const bool sparse : {false, true}) {
            INFO("line ", line + 1, ", sparse ", sparse);
            const Parameter table(wave({6, 3})), weights(wave(call.ids.shape(), 30));
            const EmbeddingBagOptions options{.mode = expected.mode,
                                              .padding_idx = expected.padding_idx,
                                              .max_norm = expected.max_norm,
                                              .norm_type = expected.norm_type,
                                              .sparse = sparse};
            Tape tape;
            const Var y =
                weighted ? bag(tape, table, call, tape.leaf(weights), options) : bag(tape, table, call, options);
            tape.backward(y, wave(y.shape(), 10));
            CHECK(is_near(digest(y.value()), expected.out));
            CHECK(is_near(digest(dense_gradient(table)), expected.dtable));
            CHECK(is_near(digest(dense_gradient(weights)), expected.dweights));
            CHECK(is_near(digest(table.value()), expected.table, kDouble ? 1e-12 : 2e-6));
        }
    }
}

/// Bags of 0 to 5 ids out of v, the first empty, the second of 5.
struct RandomBags {
    Ids ids, offsets = {0};

    RandomBags(std::size_t count, std::size_t v, Rng& rng) {
        for (std::size_t b = 0; b < count; ++b) {
            const std::size_t size = b == 0 ? 0 : b == 1 ? 5 : rng.below(6);
            for (std::size_t i = 0; i < size; ++i) ids.push_back(static_cast<std::int64_t>(rng.below(v)));
            offsets.push_back(static_cast<std::int64_t>(ids.size()));
        }
    }
    Call call(bool include_last_offset) const {
        const std::size_t n = offsets.size() - (include_last_offset ? 0 : 1);
        return {IdArray(ids), IdArray(Ids(offsets.begin(), offsets.begin() + static_cast<std::ptrdiff_t>(n)))};
    }
    /// The same bags as rows of 5, filled up with padding.
    Call filled(std::int64_t padding) const {
        IdArray rows(Shape{offsets.size() - 1, 5}, padding);
        for (std::size_t b = 0; b + 1 < offsets.size(); ++b)
            std::copy(ids.begin() + offsets[b], ids.begin() + offsets[b + 1], rows.data() + b * 5);
        return {rows};
    }
};

template <class Error>
void check_both_refused(const Parameter& table, const Call& call, const EmbeddingBagOptions& options,
                        const std::string& text, int line = __builtin_LINE()) {
    const Array before = table.value();
    Tape tape;
    check_refused<Error>([&] { bag(tape, table, call, options); }, text, line);
    CHECK(tape.size() == 0);
    check_same(table.value(), before, line);
    CHECK(table.version() == 0);
    CHECK(!table.has_gradient());
}

}  // namespace

TEST_CASE("embedding_bag: the example of PyTorch's tests, worked out by hand [2.1] [2.3] [2.4] [2.5]") {
    const Array table = array({5, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    const Call flat{{3, 1, 1, 1, 4, 0}, {{0, 0, 3, 3, 6}}}, square{{{3, 1, 1}, {1, 4, 0}}};
    const std::vector<std::vector<double>> rows = {
        {13, 16, 13, 16}, {13.0 / 3, 16.0 / 3, 13.0 / 3, 16.0 / 3}, {7, 8, 9, 10}};
    std::vector<std::vector<double>> gradients = {{3, 4, 5, 8, 0, 0, 1, 2, 3, 4}, {}, {0, 0, 0, 0, 0, 0, 1, 2, 3, 4}};
    for (double g : gradients[0]) gradients[1].push_back(g / 3);
    for (std::size_t m = 0; m < 3; ++m) {
        for (const bool sparse : {false, true}) {
            const EmbeddingBagOptions options{.mode = kModes[m], .sparse = sparse};
            const Parameter a(table), b(table);
            Tape tape;
            const Var x = bag(tape, a, flat, options), y = bag(tape, b, square, options);
            const std::vector<double>& r = rows[m];
            check_near(x.value(), {0, 0, r[0], r[1], 0, 0, r[2], r[3], 0, 0});
            check_near(y.value(), r);
            tape.backward(sum(x * tape.constant(array({5, 2}, {99, 99, 1, 2, 99, 99, 3, 4, 99, 99}))) +
                          sum(y * tape.constant(array({2, 2}, {1, 2, 3, 4}))));
            check_near(dense_gradient(a), gradients[m]);
            check_near(dense_gradient(b), gradients[m]);
            CHECK(a.gradient_kind() == (sparse ? GradientKind::rows : GradientKind::dense));
        }
    }
}

TEST_CASE("embedding_bag: bags without ids, and gradients of nothing [2.2] [2.3] [13.9]") {
    for (const BagMode mode : kModes) {
        for (const bool sparse : {false, true}) {
            const EmbeddingBagOptions options{.mode = mode, .sparse = sparse};
            const EmbeddingBagOptions with_last{.mode = mode, .sparse = sparse, .include_last_offset = true};
            const auto zeros_from = [&](const Call& call, const EmbeddingBagOptions& given, std::size_t b) {
                const Parameter table(full({4, 3}, -1));
                Tape tape;
                const Var y = bag(tape, table, call, given);
                check_same(y.value(), zeros({b, 3}));
                tape.backward(y, ones({b, 3}));
                CHECK(table.gradient_kind() == (sparse ? GradientKind::rows : GradientKind::dense));
                check_same(dense_gradient(table), zeros({4, 3}));
                if (sparse) CHECK(table.row_grad().size() == 0);
                if (sparse) CHECK(table.row_grad().width() == 3);
            };
            zeros_from({IdArray(), {{0}}}, options, 1);
            zeros_from({IdArray(), {{0, 0}}}, options, 2);
            zeros_from({IdArray(), {{0, 0}}}, with_last, 1);
            zeros_from({IdArray(), {{0}}}, with_last, 0);
            zeros_from({IdArray(), IdArray()}, options, 0);
            zeros_from({IdArray(Shape{3, 0})}, options, 3);  // [2.2]: torch divides by the length
            zeros_from({IdArray(Shape{0, 2})}, options, 0);
            zeros_from({IdArray(Shape{0, 0})}, options, 0);
            zeros_from({{{2, 2}, {2, 2}}}, {.mode = mode, .padding_idx = -2, .sparse = sparse}, 2);
        }
    }
}

TEST_CASE("embedding_bag: bags without ids beside others have no gradient; (B, 0) with weights [2.2] [2.3] [13.9]") {
    const Parameter table(ones({3, 2})), weights(zeros({2, 0}));
    Tape tape;
    const Var y = embedding_bag(tape, table, IdArray(Shape{2, 0}), tape.leaf(weights), {.mode = BagMode::sum});
    check_same(y.value(), zeros({2, 2}));
    tape.backward(sum(y));
    CHECK(to_string(weights.grad().shape()) == "(2, 0)");
    check_same(table.grad(), zeros({3, 2}));
}

TEST_CASE("embedding_bag: tables without rows or width [2.3]") {
    const Parameter none(zeros({0, 3})), narrow(zeros({4, 0}));
    for (const BagMode mode : kModes) {
        for (const bool sparse : {false, true}) {
            Tape tape;
            const EmbeddingBagOptions options{.mode = mode, .sparse = sparse};
            const Var x = embedding_bag(tape, none, IdArray(), {0, 0}, options);
            const Var y = embedding_bag(tape, narrow, {{1, 2}, {1, 1}}, options);
            check_same(x.value(), zeros({2, 3}));
            CHECK(to_string(y.shape()) == "(2, 0)");
            tape.backward(sum(x) + sum(y));
            check_same(dense_gradient(none), zeros({0, 3}));
            check_same(dense_gradient(narrow), zeros({4, 0}));
            none.zero_grad(), narrow.zero_grad();
        }
    }
}

TEST_CASE("embedding_bag: the gradient of the table, every mode, shape, padding and kind [2.5]") {
    const std::vector<Call> calls = {{kSquare},
                                     {kFlat, kOffsets},
                                     {kFlat, {{0, 2, 2, 9}}},
                                     {IdArray(Shape{2, 1}, 4)},
                                     {{1, 1, 1}, IdArray(Shape{1}, 0)}};
    for (const Call& call : calls) {
        for (const BagMode mode : kModes) {
            for (const bool sparse : {false, true}) {
                for (const std::optional<std::int64_t> padding : {std::optional<std::int64_t>(), {1}, {-1}}) {
                    const std::uint64_t seed = 3;
                    INFO("seed ", seed, ", ids ", to_string(call.ids.shape()));
                    Rng rng(seed);
                    const Parameter table = random_parameter({6, 3}, rng);
                    const EmbeddingBagOptions options{
                        .mode = mode, .padding_idx = padding, .max_norm = 100, .sparse = sparse};
                    check_gradient({table}, [&](Tape& tape) { return bag(tape, table, call, options); });
                    check_gradient({table}, [&](Tape& tape) {  // a value used twice
                        const Var y = bag(tape, table, call, options);
                        return y * y * sum(bag(tape, table, call, options));
                    });
                }
            }
        }
    }
}

TEST_CASE("embedding_bag: the gradient of per_sample_weights, with and without the table's [2.5] [13.10]") {
    for (const Call& call : {Call{kSquare}, Call{kFlat, kOffsets}}) {
        for (const std::optional<std::int64_t> padding : {std::optional<std::int64_t>(), {1}}) {
            for (const bool sparse : {false, true}) {
                const std::uint64_t seed = 4;
                INFO("seed ", seed, ", ids ", to_string(call.ids.shape()));
                Rng rng(seed);
                const Parameter table = random_parameter({6, 3}, rng),
                                weights = random_parameter(call.ids.shape(), rng);
                const Parameter frozen(table.value(), false), fixed(weights.value(), false);
                const EmbeddingBagOptions options{.mode = BagMode::sum, .padding_idx = padding, .sparse = sparse};
                const auto on = [&](const Parameter& t, const Parameter& w) {
                    return [&, t, w](Tape& tape) { return bag(tape, t, call, tanh(tape.leaf(w)), options); };
                };
                check_gradient({table, weights}, on(table, weights));
                check_gradient({weights}, on(frozen, weights));
                check_gradient({table}, on(table, fixed));
                Tape tape;
                CHECK(!on(frozen, fixed)(tape).needs_grad());
            }
        }
    }
}

TEST_CASE("embedding_bag: weights that are the table itself [2.5]") {
    const std::uint64_t seed = 5;
    INFO("seed ", seed);
    Rng rng(seed);
    const Parameter table = random_parameter({3, 3}, rng);
    for (const bool sparse : {false, true}) {
        check_gradient({table}, [&](Tape& tape) {
            return embedding_bag(tape, table, {{0, 1, 1}, {2, 0, 2}, {1, 1, 0}}, tape.leaf(table),
                                 {.mode = BagMode::sum, .sparse = sparse});
        });
    }
}

// The numbers of the next four come from tests/reference/embedding_bag.py.

TEST_CASE("embedding_bag: PyTorch's numbers for offsets, with padding and max_norm [2.1] [2.4] [2.5] [2.6]") {
    check_references(
        {kFlat, kOffsets}, false,
        {{BagMode::sum, std::nullopt, std::nullopt, 2, -0.5891944285917177, 1.4983200906984078, 0.0, 3.791723907722651},
         {BagMode::sum, std::nullopt, 0.9, 2, -0.4255078816548401, 1.4983200906984078, 0.0, 2.897116423986803},
         {BagMode::sum, std::nullopt, 0.8, 3, -0.4271092295808603, 1.4983200906984078, 0.0, 2.927213853875795},
         {BagMode::sum, 1, std::nullopt, 2, -2.768680813626684, 4.847910888776721, 0.0, 3.791723907722651},
         {BagMode::sum, 1, 0.9, 2, -1.9908064520290591, 4.847910888776721, 0.0, 2.897116423986803},
         {BagMode::sum, 1, 0.8, 3, -2.0098001976463213, 4.847910888776721, 0.0, 2.927213853875795},
         {BagMode::sum, -1, std::nullopt, 2, 0.36075953990837384, -1.2673055309837442, 0.0, 3.791723907722651},
         {BagMode::sum, -1, 0.9, 2, 0.25657237468748906, -1.2673055309837442, 0.0, 2.897116423986803},
         {BagMode::sum, -1, 0.8, 3, 0.2629012369023327, -1.2673055309837442, 0.0, 2.927213853875795},
         {BagMode::mean, std::nullopt, std::nullopt, 2, -0.2669359968684726, 0.7488518791561419, 0.0,
          3.791723907722651},
         {BagMode::mean, std::nullopt, 0.9, 2, -0.1923119687029483, 0.7488518791561419, 0.0, 2.897116423986803},
         {BagMode::mean, std::nullopt, 0.8, 3, -0.19362824810526524, 0.7488518791561419, 0.0, 2.927213853875795},
         {BagMode::mean, 1, std::nullopt, 2, -0.9373286076295047, 1.1434080781179767, 0.0, 3.791723907722651},
         {BagMode::mean, 1, 0.9, 2, -0.6743815555844764, 1.1434080781179767, 0.0, 2.897116423986803},
         {BagMode::mean, 1, 0.8, 3, -0.6798770271366599, 1.1434080781179767, 0.0, 2.927213853875795},
         {BagMode::mean, -1, std::nullopt, 2, 0.20804098738157317, -0.6339609316849337, 0.0, 3.791723907722651},
         {BagMode::mean, -1, 0.9, 2, 0.14872815946821633, -0.6339609316849337, 0.0, 2.897116423986803},
         {BagMode::mean, -1, 0.8, 3, 0.15137698513633108, -0.6339609316849337, 0.0, 2.927213853875795},
         {BagMode::max, std::nullopt, std::nullopt, 2, -0.9415351227692448, 1.3087223571299966, 0.0, 3.791723907722651},
         {BagMode::max, std::nullopt, 0.9, 2, -0.6805105281052659, 1.3087223571299966, 0.0, 2.897116423986803},
         {BagMode::max, std::nullopt, 0.8, 3, -0.679976532639955, 1.3087223571299966, 0.0, 2.927213853875795},
         {BagMode::max, 1, std::nullopt, 2, -1.132197538387701, 1.1928338597397468, 0.0, 3.791723907722651},
         {BagMode::max, 1, 0.9, 2, -0.8165949966852089, 1.1928338597397468, 0.0, 2.897116423986803},
         {BagMode::max, 1, 0.8, 3, -0.819524048902367, 1.1928338597397468, 0.0, 2.927213853875795},
         {BagMode::max, -1, std::nullopt, 2, -0.46655813851919903, -0.07409045371107938, 0.0, 3.791723907722651},
         {BagMode::max, -1, 0.9, 2, -0.33947039993410133, -0.07409045371107938, 0.0, 2.897116423986803},
         {BagMode::max, -1, 0.8, 3, -0.33497129939835846, -0.07409045371107938, 0.0, 2.927213853875795}});
}

TEST_CASE("embedding_bag: PyTorch's numbers for ids (B, N), with padding and max_norm [2.1] [2.4] [2.5] [2.6]") {
    check_references(
        {kSquare}, false,
        {{BagMode::sum, std::nullopt, std::nullopt, 2, -0.7962059622226394, 6.891905471815635, 0.0, 3.791723907722651},
         {BagMode::sum, std::nullopt, 0.9, 2, -0.5751429068411511, 6.891905471815635, 0.0, 2.897116423986803},
         {BagMode::sum, std::nullopt, 0.8, 3, -0.5756567953298339, 6.891905471815635, 0.0, 2.927213853875795},
         {BagMode::sum, 1, std::nullopt, 2, -0.618898095307035, 5.500612333996839, 0.0, 3.791723907722651},
         {BagMode::sum, 1, 0.9, 2, -0.44780109250141886, 5.500612333996839, 0.0, 2.897116423986803},
         {BagMode::sum, 1, 0.8, 3, -0.4469000563746711, 5.500612333996839, 0.0, 2.927213853875795},
         {BagMode::sum, -1, std::nullopt, 2, -0.7213832349993647, 3.9295024142746575, 0.0, 3.791723907722651},
         {BagMode::sum, -1, 0.9, 2, -0.5214191405777562, 3.9295024142746575, 0.0, 2.897116423986803},
         {BagMode::sum, -1, 0.8, 3, -0.5213084093797293, 3.9295024142746575, 0.0, 2.927213853875795},
         {BagMode::mean, std::nullopt, std::nullopt, 2, -0.2654019874075464, 2.297301823938545, 0.0, 3.791723907722651},
         {BagMode::mean, std::nullopt, 0.9, 2, -0.19171430228038377, 2.297301823938545, 0.0, 2.897116423986803},
         {BagMode::mean, std::nullopt, 0.8, 3, -0.19188559844327802, 2.297301823938545, 0.0, 2.927213853875795},
         {BagMode::mean, 1, std::nullopt, 2, -0.3328769812157935, 3.2119637724949106, 0.0, 3.791723907722651},
         {BagMode::mean, 1, 0.9, 2, -0.24064679529752117, 3.2119637724949106, 0.0, 2.897116423986803},
         {BagMode::mean, 1, 0.8, 3, -0.2405597884618886, 3.2119637724949106, 0.0, 2.927213853875795},
         {BagMode::mean, -1, std::nullopt, 2, -0.08136383746098058, 0.36128618615708186, 0.0, 3.791723907722651},
         {BagMode::mean, -1, 0.9, 2, -0.059918375096393015, 0.36128618615708186, 0.0, 2.897116423986803},
         {BagMode::mean, -1, 0.8, 3, -0.057778546280326706, 0.36128618615708186, 0.0, 2.927213853875795},
         {BagMode::max, std::nullopt, std::nullopt, 2, -0.36882168296864765, 1.2527467868764632, 0.0,
          3.791723907722651},
         {BagMode::max, std::nullopt, 0.9, 2, -0.26764310386060697, 1.2527467868764632, 0.0, 2.897116423986803},
         {BagMode::max, std::nullopt, 0.8, 3, -0.2660491052597213, 1.2527467868764632, 0.0, 2.927213853875795},
         {BagMode::max, 1, std::nullopt, 2, -0.15084633998313518, 1.3098154705963987, 0.0, 3.791723907722651},
         {BagMode::max, 1, 0.9, 2, -0.11251302760349025, 1.3098154705963987, 0.0, 2.897116423986803},
         {BagMode::max, 1, 0.8, 3, -0.10593280206871036, 1.3098154705963987, 0.0, 2.927213853875795},
         {BagMode::max, -1, std::nullopt, 2, -0.36882168296864765, 1.2527467868764632, 0.0, 3.791723907722651},
         {BagMode::max, -1, 0.9, 2, -0.26764310386060697, 1.2527467868764632, 0.0, 2.897116423986803},
         {BagMode::max, -1, 0.8, 3, -0.2660491052597213, 1.2527467868764632, 0.0, 2.927213853875795}});
}

TEST_CASE("embedding_bag: PyTorch's numbers with per_sample_weights [2.4] [2.5]") {
    check_references(
        {kFlat, kOffsets}, true,
        {{BagMode::sum, std::nullopt, std::nullopt, 2, 2.3641914478819746, -2.271447915850536, 3.2723886209272113,
          3.791723907722651},
         {BagMode::sum, std::nullopt, 0.9, 2, 1.7011578987537614, -2.271447915850536, 2.35478662704607,
          2.897116423986803},
         {BagMode::sum, 1, std::nullopt, 2, 0.915559185970988, 0.0938932851116765, 0.8169516819656544,
          3.791723907722651},
         {BagMode::sum, 1, 0.9, 2, 0.6607558920530593, 0.0938932851116765, 0.5913014515518857, 2.897116423986803},
         {BagMode::sum, -1, std::nullopt, 2, 2.9627403276351547, -4.014018790403796, 3.7490210729195175,
          3.791723907722651},
         {BagMode::sum, -1, 0.9, 2, 2.130924378891818, -4.014018790403796, 2.697015404245976, 2.897116423986803}});
    check_references(
        {kSquare}, true,
        {{BagMode::sum, std::nullopt, std::nullopt, 2, 0.28597623332971184, 1.8954135716070444, 0.4868750503085668,
          3.791723907722651},
         {BagMode::sum, std::nullopt, 0.9, 2, 0.2085038202144237, 1.8954135716070444, 0.3539636197263847,
          2.897116423986803},
         {BagMode::sum, 1, std::nullopt, 2, 0.5712603726223183, 0.5196648860447202, 0.302809637253965,
          3.791723907722651},
         {BagMode::sum, 1, 0.9, 2, 0.4133937697233271, 0.5196648860447202, 0.22176856226329986, 2.897116423986803},
         {BagMode::sum, -1, std::nullopt, 2, 0.3331206856343649, 0.0288567801572317, 0.8349228277272056,
          3.791723907722651},
         {BagMode::sum, -1, 0.9, 2, 0.24235419736885477, 0.0288567801572317, 0.6038667993677257, 2.897116423986803}});
}

TEST_CASE("embedding_bag: NaN and infinity as PyTorch has them: for max, a NaN wins only as the first [2.4]") {
    const Array table = array({3, 2}, {kNaN, 3, 2, 2, -kInf, kInf});
    const auto check = [&](BagMode mode, const Ids& pair, const std::vector<double>& value,
                           const std::vector<double>& gradient) {
        const Parameter parameter(table);
        Tape tape;
        const Var y = embedding_bag(tape, parameter, {{pair[0], pair[1]}}, {.mode = mode});
        check_near(y.value(), value);
        tape.backward(sum(y));
        check_near(parameter.grad(), gradient);
    };
    check(BagMode::sum, {0, 1}, {kNaN, 5}, {1, 1, 1, 1, 0, 0});
    check(BagMode::mean, {1, 2}, {-kInf, kInf}, {0, 0, 0.5, 0.5, 0.5, 0.5});
    check(BagMode::max, {0, 1}, {kNaN, 3}, {1, 1, 0, 0, 0, 0});
    check(BagMode::max, {1, 0}, {2, 3}, {0, 1, 1, 0, 0, 0});
    check(BagMode::max, {2, 0}, {-kInf, kInf}, {0, 0, 0, 0, 1, 1});
    check(BagMode::max, {0, 2}, {kNaN, kInf}, {1, 0, 0, 0, 0, 1});
    check(BagMode::max, {1, 2}, {2, kInf}, {0, 0, 1, 0, 0, 1});
}

TEST_CASE("embedding_bag: of equal maxima the first position gets the gradient, by rows no other row appears [2.4]") {
    for (const bool sparse : {false, true}) {
        const Parameter table(array({4, 3}, {-1, -5, -2, -1, -4, -2, -3, -4, -1, -9, -9, -9}));
        Tape tape;
        const Var y =
            embedding_bag(tape, table, {{1, 0, 2, 3}, {3, 3, 3, 3}}, {.mode = BagMode::max, .sparse = sparse});
        check_near(y.value(), {-1, -4, -1, -9, -9, -9});  // negative ones too, not 0
        tape.backward(y, array({2, 3}, {1, 2, 3, 4, 5, 6}));
        check_near(dense_gradient(table), {0, 0, 0, 1, 2, 0, 0, 0, 3, 4, 5, 6});
        if (sparse) CHECK(table.row_grad().rows() == Ids{1, 2, 3});
        if (sparse) check_near(table.row_grad().values(), {1, 2, 0, 0, 0, 3, 4, 5, 6});
    }
}

TEST_CASE("embedding_bag: bags by offsets are those of rows filled with padding, and ends can be given [2.1] [2.3]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        Rng rng(seed);
        const RandomBags random(2 + rng.below(6), 7, rng);
        const Array values = random_array({7, 4}, rng);
        for (const BagMode mode : kModes) {
            for (const bool sparse : {false, true}) {
                for (const std::int64_t padding : {0, 3, 6}) {
                    INFO("seed ", seed, ", padding ", padding);
                    const EmbeddingBagOptions options{.mode = mode, .padding_idx = padding, .sparse = sparse};
                    EmbeddingBagOptions with_last = options;
                    with_last.include_last_offset = true;
                    const auto result = [&](const Call& call, const EmbeddingBagOptions& given) {
                        Tape tape(Mode::eval);
                        return bag(tape, Parameter(values), call, given).value();
                    };
                    const Call filled = random.filled(padding);
                    check_same(result(random.call(false), options), result(filled, options));
                    check_same(result(random.call(true), with_last), result(filled, with_last));  // no last: ignored
                    const Array gradient = dense_gradient(stepped(filled, options, values));
                    check_same(dense_gradient(stepped(random.call(false), options, values)), gradient);
                    check_same(dense_gradient(stepped(random.call(true), with_last, values)), gradient);
                }
            }
        }
    }
}

TEST_CASE("embedding_bag: an embedding with a masked sum, mean or max, every id as the padding [2.3] [2.4]") {
    const IdArray ids = {{0, 1, 2, 0}, {3, 3, 3, 3}, {2, 1, 3, 0}, {1, 1, 1, 2}};
    for (std::int64_t padding = 0; padding < 4; ++padding) {
        for (const BagMode mode : kModes) {
            CAPTURE(padding);
            const Parameter expected(wave({4, 3})), table(wave({4, 3}));
            Tape tape;
            Array kept(Shape{4, 4, 1}), hidden(Shape{4, 4, 1}), size(Shape{4, 1}, 0), any(Shape{4, 1}, 0);
            for (std::size_t i = 0; i < 16; ++i) {
                const bool keep = ids.data()[i] != padding;
                kept.data()[i] = keep;
                hidden.data()[i] = keep ? 0 : -1e6;
                size.data()[i / 4] += keep;
                any.data()[i / 4] = std::max<Real>(any.data()[i / 4], keep);
            }
            for (Real& s : size) s = std::max<Real>(s, 1);
            const Var rows = embedding(tape, expected, ids) * tape.constant(kept);
            const Var reduced = mode == BagMode::sum    ? sum(rows, 1)
                                : mode == BagMode::mean ? sum(rows, 1) / tape.constant(size)
                                                        : max(rows + tape.constant(hidden), 1) * tape.constant(any);
            const Var y = embedding_bag(tape, table, ids, {.mode = mode, .padding_idx = padding});
            check_arrays_near(y.value(), reduced.value());
            const Var g = tape.constant(wave({4, 3}, 10));
            tape.backward(sum(y * g) + sum(reduced * g));
            check_arrays_near(table.grad(), expected.grad());
        }
    }
}

TEST_CASE("embedding_bag: many random bags agree with a naive twin, dense and by rows [2.4] [2.5]") {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        INFO("seed ", seed);
        Rng rng(seed);
        const RandomBags random(2000, 40, rng);  // more rows than the tile of a thread
        const std::size_t d =
            std::array<std::size_t, 4>{5, 70, 131, 200}[seed / 3 % 4];  // sums take 128 columns at once
        const Call call = random.call(false);
        const Array values = random_array({40, d}, rng), weights = random_array({random.ids.size()}, rng);
        const Array g = random_array({2000, d}, rng);
        EmbeddingBagOptions options{.mode = kModes[seed % 3], .scale_grad_by_freq = seed % 3 != 2 && seed % 2 == 0};
        if (seed % 4 != 0) options.padding_idx = 7;
        const bool weighted = options.mode == BagMode::sum && seed > 3;
        const Naive naive(values, call, options, weighted ? weights : ones(weights.shape()), g);
        const double tolerance = kDouble ? 1e-11 : 2e-4;
        std::vector<Array> gradients;
        for (const bool sparse : {false, true}) {
            options.sparse = sparse;
            const Parameter table(values), w(weights);
            Tape tape;
            const Var y = weighted ? bag(tape, table, call, tape.leaf(w), options) : bag(tape, table, call, options);
            check_near(y.value(), naive.out, kDouble ? 1e-13 : 2e-6);
            tape.backward(y, g);
            gradients.push_back(dense_gradient(table));
            check_near(gradients.back(), naive.dtable, tolerance);
            if (weighted) check_near(w.grad(), naive.dweights, kDouble ? 1e-13 : 2e-6);
            if (!sparse) continue;
            RowGradient coalesced = table.row_grad();
            coalesced.coalesce();
            Array sums = zeros({40, d});
            coalesced.add_to(sums);
            check_same(sums, gradients[0]);
        }
        check_same(gradients[1], gradients[0]);
    }
}

TEST_CASE("embedding_bag: PyTorch's example with weights and padding agrees with the naive twin [2.2] [2.5]") {
    const Call flat{{3, 1, 1, 1, 4, 0}, {{0, 0, 3, 3, 6}}}, ended{flat.ids, {{0, 0, 3, 3, 6, 6}}};
    for (const BagMode mode : kModes) {
        for (const bool with_last : {false, true}) {
            for (const bool weighted : {false, true}) {
                if (weighted && mode != BagMode::sum) continue;
                const Array values = wave({5, 2}), g = wave({5, 2}, 10), w = weighted ? wave({6}, 30) : ones({6});
                const EmbeddingBagOptions options{.mode = mode, .include_last_offset = with_last};
                const Call& call = with_last ? ended : flat;
                const Naive naive(values, call, options, w, g);
                const Parameter table(values), weights(w);
                Tape tape;
                const Var y =
                    weighted ? bag(tape, table, call, tape.leaf(weights), options) : bag(tape, table, call, options);
                check_near(y.value(), naive.out);
                tape.backward(y, g);
                check_near(table.grad(), naive.dtable);
                if (weighted) check_near(weights.grad(), naive.dweights);
            }
        }
    }
}

TEST_CASE("embedding_bag: the weight and its gradient at padding are passed over [2.5]") {
    const Parameter table(array({3, 1}, {kNaN, 2, 5})), weights(array({1, 3}, {kNaN, 3, 4}));
    Tape tape;
    const Var y = embedding_bag(tape, table, {{0, 1, 2}}, tape.leaf(weights), {.mode = BagMode::sum, .padding_idx = 0});
    check_near(y.value(), {26});
    tape.backward(y, full({1, 1}, 2));
    check_near(weights.grad(), {0, 4, 10});
    check_near(table.grad(), {0, 6, 8});
}

TEST_CASE("embedding_bag: weights in arrays and expressions of reals, and as a Var that needs no gradient [2.4]") {
    const Parameter table(array({2, 1}, {10, 100}));
    Tape tape;
    const EmbeddingBagOptions sums{.mode = BagMode::sum};
    const xt::xarray<double> wide = {0.5, 2};
    check_near(embedding_bag(tape, table, {0, 1}, {0, 1}, wide, sums).value(), {5, 200});
    check_near(embedding_bag(tape, table, {0, 1}, {0}, Array{0.5, 2}, sums).value(), {205});
    check_near(embedding_bag(tape, table, {{0, 1}}, Array{{0.5, 2}}, sums).value(), {205});
    check_near(embedding_bag(tape, table, {{0, 1}}, tape.constant(Array{{2, 0.5}}), sums).value(), {70});
    check_near(embedding_bag(tape, table, {{0, 1}}).value(), {55});  // mean, as in PyTorch
    const std::vector<std::int32_t> narrow = {0, 1, 1};
    check_near(embedding_bag(tape, table, narrow, std::vector<int>{0, 1}, sums).value(), {10, 200});
}

// "wrong dtype" and "mode is none of the three" do not compile [2.2].
template <class Weights>
concept WeightsOf = requires(Tape& tape, const Parameter& table, const IdArray& ids, const Weights& weights) {
    embedding_bag(tape, table, ids, ids, weights);
};
static_assert(WeightsOf<Array> && WeightsOf<Var>);
static_assert(!WeightsOf<IdArray> && !WeightsOf<xt::xarray<int>> && !WeightsOf<std::vector<Real>>);
static_assert(!std::is_convertible_v<int, BagMode> && !std::is_convertible_v<const char*, BagMode>);

TEST_CASE("embedding_bag: by frequency, counts are those of the id over the whole input [2.5] [13.7]") {
    for (const bool sparse : {false, true}) {
        for (const BagMode mode : {BagMode::sum, BagMode::mean}) {
            const Parameter table(ones({5, 1}));
            const EmbeddingBagOptions options{
                .mode = mode, .padding_idx = 2, .scale_grad_by_freq = true, .sparse = sparse};
            Tape tape;
            const Var y = embedding_bag(tape, table, {{4, 4, 1, 2}, {4, 0, 2, 2}}, options);
            tape.backward(y, array({2, 1}, {6, 12}));
            const double a = mode == BagMode::sum ? 1 : 3, b = mode == BagMode::sum ? 1 : 2;
            check_near(dense_gradient(table), {12 / b, 6 / a, 0, 0, (2 * 6 / a + 12 / b) / 3});
            if (sparse) CHECK(table.row_grad().rows() == Ids{4, 4, 1, 4, 0});
        }
    }
    const Parameter table(ones({2, 1}));  // each call counts by itself
    const EmbeddingBagOptions options{.mode = BagMode::sum, .scale_grad_by_freq = true};
    Tape tape;
    tape.backward(sum(embedding_bag(tape, table, {{0, 0, 0, 1}}, options)) +
                  sum(embedding_bag(tape, table, {0, 1, 1}, {0, 1}, Array{1, 2, 4}, options)));
    check_near(table.grad(), {1 + 1, 1 + 3});
}

TEST_CASE("embedding_bag: a gradient by rows is the positions in order, padding left out [2.5]") {
    const Parameter table(wave({6, 2}));
    Tape tape;
    const Var y = embedding_bag(tape, table, {3, 0, 1, 1, 0, 5}, {0, 2, 2}, {.padding_idx = 0, .sparse = true});
    tape.backward(y, array({3, 2}, {2, 4, 99, 99, 3, 6}));
    CHECK(table.row_grad().rows() == Ids{3, 1, 1, 5});
    check_near(table.row_grad().values(), {2, 4, 1, 2, 1, 2, 1, 2});
    CHECK(!table.row_grad().coalesced());
}

TEST_CASE("embedding_bag: gradients by rows and dense ones of one table add up, in one graph and over several [1.8]") {
    const Call call{kSquare};
    const Array values = wave({6, 3});
    Array expected = stepped(call, {.mode = BagMode::max}, values).grad();
    const Array other = stepped(call, {.mode = BagMode::mean}, values).grad();
    for (std::size_t i = 0; i < expected.size(); ++i) expected.data()[i] += other.data()[i];
    for (const bool first : {false, true}) {
        for (const bool second : {false, true}) {
            const EmbeddingBagOptions a{.mode = BagMode::max, .sparse = first};
            const EmbeddingBagOptions b{.mode = BagMode::mean, .sparse = second};
            const Parameter one(values), two(values);
            const Array g = wave({3, 3}, 10);
            Tape tape;
            tape.backward(sum(bag(tape, one, call, a) * tape.constant(g)) +
                          sum(bag(tape, one, call, b) * tape.constant(g)));
            for (const EmbeddingBagOptions& options : {a, b}) {
                Tape step;
                step.backward(bag(step, two, call, options), g);
            }
            for (const Parameter& table : {one, two}) {
                CHECK(table.gradient_kind() == (first && second ? GradientKind::rows : GradientKind::dense));
                check_arrays_near(dense_gradient(table), expected);
            }
        }
    }
}

TEST_CASE("embedding_bag: ids, offsets and weights may change after the call [1.10]") {
    const Parameter table(ones({4, 1}));
    IdArray ids = {0, 1, 1}, offsets = {0, 2};
    Array weights = {1, 2, 3};
    Tape tape;
    const Var y = embedding_bag(tape, table, ids, offsets, weights, {.mode = BagMode::sum});
    ids = {9, 9}, offsets = {7}, weights = {0};
    tape.backward(y, array({2, 1}, {1, 10}));
    check_near(table.grad(), {1, 32, 0, 0});
}

TEST_CASE("embedding_bag: a long bag is added up in double, block by block [2.4]") {
    const std::uint64_t seed = 9;
    INFO("seed ", seed);
    Rng rng(seed);
    const Array values = random_array({100, 3}, rng, 0, 1);
    IdArray ids(Shape{1, 100'000});
    for (std::int64_t& id : ids) id = static_cast<std::int64_t>(rng.below(100));
    std::vector<double> sums(3, 0.0), means;
    for (std::int64_t id : ids)
        for (std::size_t j = 0; j < 3; ++j) sums[j] += element(values, static_cast<std::size_t>(id) * 3 + j);
    for (double s : sums) means.push_back(s / 100'000);
    Tape tape(Mode::eval);
    const Parameter table(values);
    check_near(embedding_bag(tape, table, ids, {.mode = BagMode::sum}).value(), sums, kDouble ? 1e-12 : 3e-7);
    check_near(embedding_bag(tape, table, ids).value(), means, kDouble ? 1e-12 : 3e-7);
}

TEST_CASE("embedding_bag: the same bits with one thread as with three [1.7]") {
    const std::uint64_t seed = 10;
    INFO("seed ", seed);
    Rng rng(seed);
    const RandomBags random(6000, 90, rng);
    const Array values = random_array({90, 180}, rng), weights = random_array({random.ids.size()}, rng);
    const auto results = [&](int threads, BagMode mode, bool sparse) {
        const Threads scope(threads);
        const Parameter table(values), w(weights);
        const EmbeddingBagOptions options{.mode = mode, .padding_idx = 3, .sparse = sparse};
        Tape tape;
        const Var y = mode == BagMode::sum ? bag(tape, table, random.call(false), tape.leaf(w), options)
                                           : bag(tape, table, random.call(false), options);
        tape.backward(y, wave(y.shape(), 10));
        CHECK(scope.has_shared() == (threads > 1));
        return std::vector<Array>{y.value(), dense_gradient(table), dense_gradient(w)};
    };
    for (const BagMode mode : kModes) {
        for (const bool sparse : {false, true}) {
            const auto one = results(1, mode, sparse), three = results(3, mode, sparse);
            for (std::size_t i = 0; i < 3; ++i) check_same(three[i], one[i]);
        }
    }
}

TEST_CASE("embedding_bag: frozen rows enter the bags and get no gradient") {
    for (const BagMode mode : kModes) {
        for (const bool sparse : {false, true}) {
            const Parameter all(wave({6, 3})), table(wave({6, 3}));
            table.freeze_rows({1, 5});
            Tape tape;
            const EmbeddingBagOptions options{.mode = mode, .sparse = sparse};
            const Var x = bag(tape, all, {kSquare}, options), y = bag(tape, table, {kSquare}, options);
            check_same(y.value(), x.value());
            tape.backward(sum(x) + sum(y));
            Array expected = dense_gradient(all);
            table.zero_frozen_rows(expected);
            check_same(dense_gradient(table), expected);
            if (sparse) {
                for (const std::int64_t row : table.row_grad().rows()) CHECK((row != 1 && row != 5));
            }
        }
    }
}

TEST_CASE("embedding_bag: max_norm scales each row once, in the table, padding too; an eval tape scales copies [2.6]") {
    const Array values = array({4, 2}, {3, 4, 6, 8, 0.3, 0.4, 30, 40});
    for (const BagMode mode : kModes) {
        const EmbeddingBagOptions options{.mode = mode, .padding_idx = 1, .max_norm = 1};
        const Parameter table(values), same(values);
        Tape tape, eval(Mode::eval);
        const Var y = embedding_bag(tape, table, {{0, 0, 1, 2}}, options);
        check_near(table.value(), {0.6, 0.8, 0.6, 0.8, 0.3, 0.4, 30, 40}, 1e-6);
        CHECK(table.version() == 1);
        check_same(embedding_bag(eval, same, {{0, 0, 1, 2}}, options).value(), y.value());
        check_same(same.value(), values);
        CHECK(same.version() == 0);
        tape.backward(sum(y));
        const Parameter unscaled(values);  // the gradient ignores the scaling
        Tape other;
        other.backward(sum(embedding_bag(other, unscaled, {{0, 0, 1, 2}}, {.mode = mode, .padding_idx = 1})));
        check_same(table.grad(), unscaled.grad());
    }
}

TEST_CASE("embedding_bag: max_norm leaves frozen rows alone and scales what they hand out") {
    const Parameter table(array({3, 2}, {3, 4, 6, 8, 5, 12})), weights(array({1, 3}, {1, 10, 100}));
    table.freeze_rows({1});
    Tape tape;
    const EmbeddingBagOptions options{.mode = BagMode::sum, .max_norm = 1};
    const Var y = embedding_bag(tape, table, {{0, 1, 1}}, tape.leaf(weights), options);
    check_near(y.value(), {0.6 * 111, 0.8 * 111}, 1e-6);
    check_near(table.value(), {0.6, 0.8, 6, 8, 5, 12}, 1e-6);
    tape.backward(y, array({1, 2}, {1, 2}));
    check_near(weights.grad(), {2.2, 2.2, 2.2}, 1e-6);
    check_near(table.grad(), {1, 2, 0, 0, 0, 0});
}

TEST_CASE("embedding_bag: two calls with max_norm in one graph, with weights that learn too [1.5] [13.1]") {
    const Parameter table(array({3, 2}, {3, 4, 6, 8, 5, 12})), weights(ones({1, 2}));
    Tape tape;
    const auto call = [&](const IdArray& ids, double max_norm) {
        return embedding_bag(tape, table, ids, tape.leaf(weights), {.mode = BagMode::sum, .max_norm = max_norm});
    };
    const Var a = call({{0, 1}}, 2), b = call({{1, 2}}, 1);  // row 1 enters with length 2, then with 1
    check_near(a.value(), {2.4, 3.2}, 1e-6);
    check_near(b.value(), {0.6 + 5.0 / 13, 0.8 + 12.0 / 13}, 1e-6);
    tape.backward(sum(a) + sum(b));
    check_near(weights.grad(), {2.8 + 1.4, 2.8 + 17.0 / 13}, 1e-6);
    check_near(table.grad(), {1, 1, 2, 2, 1, 1});
}

TEST_CASE("embedding_bag: on a tape that records without training the copies' scale reaches the weights' gradient") {
    const Parameter table(array({1, 2}, {3, 4})), weights(full({1, 1}, 2));
    Tape tape({.training = false});
    const Var y = embedding_bag(tape, table, kOne, tape.leaf(weights), {.mode = BagMode::sum, .max_norm = 1});
    check_near(y.value(), {1.2, 1.6}, 1e-6);
    tape.backward(sum(y));
    check_near(weights.grad(), {1.4}, 1e-6);
    check_near(table.grad(), {2, 2});
    check_near(table.value(), {3, 4});
}

TEST_CASE("embedding_bag: the table may change before backward, unless weights that learn need it [1.10]") {
    const Array expected = stepped({kSquare}, {}, wave({6, 3})).grad();
    const Parameter table(wave({6, 3})), weights(wave({3, 3}, 30));
    Tape tape, refusing;
    const Var y = embedding_bag(tape, table, kSquare);
    const Var z = embedding_bag(refusing, table, kSquare, refusing.leaf(weights), {.mode = BagMode::sum});
    table.mutable_value().fill(3);
    tape.backward(y, wave({3, 3}, 10));
    check_same(table.grad(), expected);
    table.zero_grad();
    check_refused<std::logic_error>([&] { refusing.backward(sum(z)); },
                                    "backward: the values of a parameter of shape (6, 3) are needed but have changed "
                                    "since forward (version 0, now 1); step the optimizer after backward");
    CHECK(!table.has_gradient());
    CHECK(!weights.has_gradient());
}

TEST_CASE("embedding_bag: a frozen table, an eval tape, and a table frozen after forward get no gradient [8.1] [8.3]") {
    const Parameter frozen(ones({2, 2}), false), table(ones({2, 2}));
    Tape tape, eval(Mode::eval);
    CHECK(!embedding_bag(tape, frozen, kOne).needs_grad());
    CHECK(!embedding_bag(eval, table, kOne).needs_grad());
    const Var y = sum(embedding_bag(tape, table, kOne));
    table.set_requires_grad(false);
    tape.backward(y);
    CHECK(!table.has_gradient());
}

TEST_CASE("embedding_bag: ids outside the table are refused before max_norm has changed a row [2.2] [13.2] [13.20]") {
    for (const BagMode mode : kModes) {
        const EmbeddingBagOptions options{.mode = mode, .max_norm = 1};
        const Parameter table(full({10, 3}, 5));
        const auto refused = [&](const Call& call, const std::string& text) {
            check_both_refused<std::out_of_range>(table, call, options, text);
        };
        refused({{{1, -1}}}, "embedding_bag: id -1 at position (0, 1) is outside a table of 10 rows");
        refused({{{11, 8}}}, "embedding_bag: id 11 at position (0, 0) is outside a table of 10 rows");
        refused({{1, 2, 10}, {{0, 2}}}, "embedding_bag: id 10 at position 2 is outside a table of 10 rows");
    }
    const Parameter table(full({10, 3}, 5));
    for (const IdArray& ids : {IdArray{{-1, 1}}, IdArray{{11, 8}}}) {
        Tape tape;
        check_refused<std::out_of_range>(
            [&] {
                embedding_bag(tape, table, ids, tape.constant(ones({1, 2})), {.mode = BagMode::sum});
            },
            "embedding_bag: id " + std::to_string(ids.data()[0]) + " at position (0, 0) is outside a table of 10 rows");
    }
}

TEST_CASE("embedding_bag: shapes of ids and offsets that make no sense are refused [2.2] [13.8]") {
    const Parameter table(full({10, 2}, 5));
    const IdArray four = {1, 2, 3, 4}, square = {{1, 2}, {3, 4}};
    const auto refused = [&](const Call& call, const std::string& text, bool with_last = false) {
        check_both_refused<std::invalid_argument>(table, call, {.max_norm = 1, .include_last_offset = with_last}, text);
    };
    refused({four}, "embedding_bag: ids must be (B, N), or (n) with offsets, not (4,) without offsets");
    refused({IdArray::scalar(1)}, "embedding_bag: ids must be (B, N), or (n) with offsets, not ()");
    refused({IdArray(Shape{1, 2, 3}, 0)}, "embedding_bag: ids must be (B, N), or (n) with offsets, not (1, 2, 3)");
    refused({IdArray(Shape{1, 2, 3}, 0), {{0}}},
            "embedding_bag: ids must be (B, N), or (n) with offsets, not (1, 2, 3)");
    refused({square, {{0, 2}}}, "embedding_bag: ids of shape (2, 2) are bags by themselves; leave the offsets out");
    refused({four, {{{0, 2}}}}, "embedding_bag: offsets must be (B), not (1, 2)");
    refused({four, IdArray::scalar(0)}, "embedding_bag: offsets must be (B), not ()");
    refused({four, {{1, 2}}}, "embedding_bag: offsets must begin with 0, but got 1");
    refused({four, {{-1, 2}}}, "embedding_bag: offsets must begin with 0, but got -1");
    refused({four, {{0, 2, 5}}}, "embedding_bag: offset 5 at position 2 is beyond the 4 ids");
    refused({four, {{0, 3, 2}}}, "embedding_bag: offsets must not decrease, but offset 2 at position 2 follows 3");
    refused({four, IdArray()}, "embedding_bag: there are no offsets, but 4 ids");
    refused({four, {{0, 3, 3}}},
            "embedding_bag: with include_last_offset the last offset must be 4, the number of ids, but got 3", true);
    refused({IdArray(), IdArray()}, "embedding_bag: there are no offsets, but 0 ids and include_last_offset", true);
}

TEST_CASE("embedding_bag: weights of another mode, shape or tape are refused [2.2]") {
    const Parameter table(full({10, 2}, 5));
    Tape tape, other;
    const IdArray ids = {1, 2, 3}, offsets = {0, 1}, square = {{1, 2}, {3, 4}};
    const Var three = tape.constant(ones({3})), four = tape.constant(ones({2, 2}));
    const EmbeddingBagOptions sums{.mode = BagMode::sum, .max_norm = 1};
    const auto refused = [&](const auto& call, const std::string& text) {
        check_refused<std::invalid_argument>(call, text);
    };
    refused([&] { embedding_bag(tape, table, ids, offsets, three); },
            "embedding_bag: per_sample_weights are for mode sum, not mean");
    refused([&] { embedding_bag(tape, table, square, four, {.mode = BagMode::max}); },
            "embedding_bag: per_sample_weights are for mode sum, not max");
    refused([&] { embedding_bag(tape, table, square, three, sums); },
            "embedding_bag: per_sample_weights must be of the shape of the ids, (2, 2), not (3,)");
    refused([&] { embedding_bag(tape, table, ids, offsets, four, sums); },
            "embedding_bag: per_sample_weights must be of the shape of the ids, (3,), not (2, 2)");
    refused(
        [&] {
            embedding_bag(tape, table, ids, offsets, Array{1, 2}, sums);
        },
        "embedding_bag: per_sample_weights must be of the shape of the ids, (3,), not (2,)");
    check_refused<std::logic_error>([&] { embedding_bag(tape, table, ids, offsets, other.constant(ones({3})), sums); },
                                    "embedding_bag: per_sample_weights belong to another tape");
    check_same(table.value(), full({10, 2}, 5));
    CHECK(table.version() == 0);
}

TEST_CASE("embedding_bag: options and tables that make no sense are refused [2.2]") {
    const Parameter table(full({4, 2}, 5));
    const auto refused = [&](const EmbeddingBagOptions& options, const std::string& text) {
        check_both_refused<std::invalid_argument>(table, {{{0, 1}}}, options, text);
        check_refused<std::invalid_argument>([&] { check_embedding_bag_options(options, 4); }, text);
    };
    Tape tape;
    for (std::int64_t p = -6; p <= 5; ++p) {
        const EmbeddingBagOptions options{.padding_idx = p};
        if (p >= -4 && p < 4)
            CHECK_NOTHROW(embedding_bag(tape, table, kOne, options));
        else
            refused(options, "embedding_bag: padding_idx " + std::to_string(p) + " must be within a table of 4 rows");
    }
    refused({.max_norm = -1}, "embedding_bag: max_norm must not be negative or NaN, but got -1");
    refused({.max_norm = kNaN}, "embedding_bag: max_norm must not be negative or NaN, but got nan");
    refused({.max_norm = 1, .norm_type = kNaN}, "embedding_bag: norm_type must not be NaN");
    refused({.mode = BagMode::max, .scale_grad_by_freq = true},
            "embedding_bag: scale_grad_by_freq is for modes sum and mean, not max");
    check_refused<std::invalid_argument>([&] { embedding_bag(tape, Parameter(ones({2})), kOne); },
                                         "embedding_bag: the table must be (V, D), not (2,)");
    check_refused<std::logic_error>([&] { embedding_bag(tape, Parameter(), kOne); },
                                    "Parameter: this handle is empty; construct it from an array");
}
