// CompressedEmbedding: names and counts, PyTorch's numbers, its spread, its padding row, and the ranks that save
// nothing.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/layers/compressed_embedding.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

/// What tests/reference/compressed_embedding.py prints, dense or by rows.
const std::vector<double> kValue = {0.7370144674115393,
                                    -1.445928736319569,
                                    0.4664228715724522,
                                    1.0577279313233487,
                                    -1.3467631366679815,
                                    0.021520085964874286,
                                    0.6189163096388258,
                                    -0.5366402146521323,
                                    -0.17227405425589723,
                                    0.6800228200476172,
                                    0.29796601462418115,
                                    0.20978275116753878,
                                    -0.4725668711452363,
                                    0.18353166580060362,
                                    0.3198146268869393,
                                    0.021520085964874286,
                                    0.6189163096388258,
                                    -0.5366402146521323,
                                    -0.17227405425589723,
                                    0.6800228200476172,
                                    0.0,
                                    0.0,
                                    0.0,
                                    0.0,
                                    0.0,
                                    -0.9801755918400217,
                                    1.447727921729029,
                                    -0.2247591977769872,
                                    -1.2606622634494957,
                                    1.2740004235547229};
const std::vector<double> kTableGradient = {0.0,
                                            0.0,
                                            0.10210439299510415,
                                            -0.38025143356928703,
                                            0.0,
                                            0.0,
                                            0.0056852629906445585,
                                            0.4074244139099001,
                                            0.17997533373785016,
                                            -0.6702540082110849,
                                            0.0,
                                            0.0,
                                            0.0,
                                            0.0,
                                            0.0,
                                            0.0,
                                            0.05058095583930833,
                                            0.32394671387633356};
const std::vector<double> kMapGradient = {
    0.708298128377567,  -1.058913806429743,  0.2618182997213093, -0.03895827949488645, -0.4253760662617687,
    1.0168153099422579, -0.7214816386460138, 1.1377335927025445, -0.3542603197421618,  0.21262485725939764};

const IdArray kIds = {{3, 1, 4}, {1, 0, 8}};

/// The script's layer, or the same without padding.
CompressedEmbedding small_layer(bool sparse = false, std::optional<std::int64_t> padding = 0) {
    Rng rng(1);
    const CompressedEmbedding layer(9, 5, 2, rng, {.padding_idx = padding, .sparse = sparse});
    double phase = 0;
    for (const Parameter& p : layer.parameters()) p.assign(wave(p.shape(), phase++));
    if (padding) std::fill_n(layer.vocab_to_low().weight().mutable_value().data(), 2, Real{0});
    return layer;
}

void check_rank_refused(std::int64_t v, std::int64_t d, std::int64_t rank, const std::string& message,
                        int line = __builtin_LINE()) {
    Rng rng(1);
    check_refused<std::invalid_argument>([&] { CompressedEmbedding(v, d, rank, rng); },
                                         "CompressedEmbedding: " + message, line);
    CHECK(rng() == Rng(1)());  // nothing was drawn
}

double variance(const Array& values) {
    double sum = 0, squares = 0;
    for (Real x : values) {
        sum += static_cast<double>(x);
        squares += static_cast<double>(x) * static_cast<double>(x);
    }
    const auto n = static_cast<double>(values.size());
    return squares / n - (sum / n) * (sum / n);
}

}  // namespace

TEST_CASE("compressed embedding: the document's takes 6,419,200 parameters instead of 30,000,000 [12.4]") {
    Rng rng(1);
    const CompressedEmbedding layer(100'000, 300, 64, rng);
    CHECK(layer.parameter_count() == 6'419'200);
    CHECK(layer.full_parameter_count() == 30'000'000);
    CHECK(layer.compression_ratio() == doctest::Approx(4.6735).epsilon(1e-4));
    CHECK(layer.num_embeddings() == 100'000);
    CHECK(layer.embedding_dim() == 300);
    CHECK(layer.rank() == 64);
    CHECK(layer.padding_idx() == std::nullopt);

    const NamedParameters named = layer.named_parameters();
    REQUIRE(named.size() == 2);
    CHECK(named[0].first == "vocab_to_low.weight");
    CHECK(named[0].second.shape() == Shape{100'000, 64});
    CHECK(named[1].first == "low_to_high.weight");
    CHECK(named[1].second.shape() == Shape{300, 64});
    CHECK(layer.describe() == "CompressedEmbedding(100000, 300, rank=64)");
    for (const char* child :
         {"  vocab_to_low ", "  low_to_high ", " Embedding(100000, 64) ", "Linear(64, 300, bias=false)"}) {
        CHECK(to_string(layer).find(child) != std::string::npos);
    }
}

TEST_CASE("compressed embedding: value and gradients equal PyTorch's, dense and by rows") {
    for (bool sparse : {false, true}) {
        CAPTURE(sparse);
        const CompressedEmbedding layer = small_layer(sparse);
        Tape tape;
        const Var y = layer(tape, kIds);
        CHECK(y.shape() == Shape{2, 3, 5});
        check_near(y.value(), kValue);
        tape.backward(y, wave(y.shape(), 10));
        const Parameter &table = layer.vocab_to_low().weight(), &map = layer.low_to_high().weight();
        CHECK(table.gradient_kind() == (sparse ? GradientKind::rows : GradientKind::dense));
        CHECK(map.gradient_kind() == GradientKind::dense);
        check_near(dense_gradient(table), kTableGradient);
        check_near(dense_gradient(map), kMapGradient);
    }
}

TEST_CASE("compressed embedding: gradient check, also of a table used twice") {
    for (bool sparse : {false, true}) {
        const CompressedEmbedding layer = small_layer(sparse, {});
        check_gradient(layer.parameters(), [&](Tape& tape) {
            return mul(layer(tape, kIds), layer(tape, {{8, 8, 0}, {1, 2, 3}}));
        });
    }
}

TEST_CASE("compressed embedding: any shape of ids") {
    const CompressedEmbedding layer = small_layer();
    Tape tape(Mode::eval);
    CHECK(layer(tape, IdArray::scalar(4)).shape() == Shape{5});
    CHECK(layer(tape, {1, 2}).shape() == Shape{2, 5});
    CHECK(layer(tape, IdArray(Shape{2, 0})).shape() == Shape{2, 0, 5});
    CHECK(layer(tape, IdArray(Shape{2, 1, 1, 3}, 7)).shape() == Shape{2, 1, 1, 3, 5});
    check_refused<std::out_of_range>(
        [&] {
            layer(tape, {1, 9});
        },
        "embedding: id 9 at position 1 is outside a table of 9 rows");
}

TEST_CASE("compressed embedding: its vectors are spread as a plain embedding's [12.4]") {
    for (std::int64_t rank : {1, 8, 64}) {
        CAPTURE(rank);
        std::vector<double> variances;  // the map's draw decides most of it where the rank is small
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            Rng rng(seed);
            const CompressedEmbedding layer(400, 200, rank, rng);
            Tape tape(Mode::eval);
            std::vector<std::int64_t> ids(400);
            for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i);
            variances.push_back(variance(layer(tape, ids).value()));
        }
        double mean = 0;
        for (double x : variances) mean += x / 20;
        CHECK(std::abs(mean - 1) < 0.1);  // the document's: 1/3
    }
}

TEST_CASE("compressed embedding: padding is a vector of zeros that trains nothing") {
    for (std::int64_t padding : {7, -2}) {
        Rng rng(3);
        const CompressedEmbedding layer(9, 20, 2, rng, {.padding_idx = padding, .sparse = padding < 0});
        CHECK(layer.padding_idx() == 7);
        SGD optimizer(layer.parameters(), {.lr = 0.1});
        for (int step = 0; step < 3; ++step) {
            Tape tape;
            const Var y = layer(tape, {7, 1, 7});
            for (std::size_t i = 0; i < 60; ++i) CHECK((y.value().data()[i] == 0) == (i < 20 || i >= 40));
            optimizer.zero_grad();
            tape.backward(sum(mul(y, y)));
            const Array gradient = dense_gradient(layer.vocab_to_low().weight());
            for (std::size_t i = 0; i < 18; ++i) CHECK((gradient.data()[i] != 0) == (i / 2 == 1));
            optimizer.step();
        }
    }
    const CompressedEmbedding layer = small_layer();
    Tape tape;
    tape.backward(sum(layer(tape, {0, 0})));
    for (const Parameter& p : layer.parameters()) check_same(dense_gradient(p), zeros(p.shape()));
}

TEST_CASE("compressed embedding: learns a table of low rank, with SparseAdam for its rows") {
    Rng rng(5);
    const Array target = wave({30, 12});  // sin(a + b): rank 2
    const CompressedEmbedding layer(30, 12, 2, rng, {.sparse = true});
    SparseAdam rows(layer.vocab_to_low().parameters(), {.lr = 0.05});
    SGD map(layer.low_to_high().parameters(), {.lr = 1});
    std::vector<std::int64_t> ids(30);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i);
    Real loss_of_last = 1;
    for (int step = 0; step < 400; ++step) {
        Tape tape;
        const Var error = sub(layer(tape, ids), tape.constant(target));
        const Var loss = mean(mul(error, error));
        layer.zero_grad();
        tape.backward(loss);
        rows.step();
        map.step();
        loss_of_last = loss.item();
    }
    CHECK(loss_of_last < 0.01);
}

TEST_CASE("compressed embedding: the table's options reach the table") {
    Rng rng(6);
    const CompressedEmbedding bounded(9, 20, 2, rng, {.max_norm = 0.5});
    Tape train;
    bounded(train, IdArray{3});
    const Real* row = bounded.vocab_to_low().weight().value().data() + 6;
    CHECK(std::hypot(static_cast<double>(row[0]), static_cast<double>(row[1])) <= 0.5001);
    check_refused<std::invalid_argument>([&] { CompressedEmbedding(9, 20, 2, rng, {.padding_idx = 9}); },
                                         "embedding: padding_idx 9 must be within a table of 9 rows");
}

TEST_CASE("compressed embedding: a rank that saves nothing is refused, with the counts") {
    check_rank_refused(
        1000, 300, 280,
        "V = 1000, D = 300, rank 280 would take 364000 parameters, not fewer than the 300000 of the full "
        "table");
    check_rank_refused(4, 4, 2,
                       "V = 4, D = 4, rank 2 would take 16 parameters, not fewer than the 16 of the full table");
    check_rank_refused(0, 5, 1, "V = 0, D = 5, rank 1 would take 5 parameters, not fewer than the 0 of the full table");
    check_rank_refused(1000, 300, 0, "rank must be at least 1, but got 0");
    check_rank_refused(1000, 300, -3, "rank must be at least 1, but got -3");
    check_rank_refused(-1, 300, 3, "num_embeddings and embedding_dim must not be negative, but got -1 and 300");
    constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
    Rng rng(1);
    check_refused<std::invalid_argument>(
        [&] { CompressedEmbedding(1000, 300, kLargest, rng); },
        "shape (1000, 9223372036854775807) has more elements than a 64-bit machine can "
        "hold");
    const CompressedEmbedding largest_that_saves(1000, 300, 230, rng);
    CHECK(largest_that_saves.parameter_count() == 299'000);
    CHECK(largest_that_saves.compression_ratio() > 1);
}
