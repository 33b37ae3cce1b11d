// Several backward calls before one step, and one table with gradients of both kinds.
#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include <embergrad/layers/embedding.hpp>
#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/clip.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

constexpr std::size_t kV = 9, kD = 4;
using Make = std::function<std::unique_ptr<Optimizer>(const Parameter&)>;

template <class Opt, class Options>
Make maker(const Options& options) {
    return [options](const Parameter& p) { return std::make_unique<Opt>(std::vector{p}, options); };
}

const std::vector<Make> kForRows = {
    maker<SGD>(SGDOptions{.lr = 0.1}), maker<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true}),
    maker<SparseAdam>(SparseAdamOptions{.lr = 0.1}), maker<Adam>(AdamOptions{.lr = 0.1, .lazy_rows = true}),
    maker<Adagrad>(AdagradOptions{.lr = 0.1})};

Parameter make_table() {
    Rng rng(3);
    return random_parameter({kV, kD}, rng);
}

IdArray ids_from(std::size_t begin, std::size_t end) {
    IdArray ids(Shape{end - begin});
    for (std::size_t i = begin; i < end; ++i) ids.data()[i - begin] = static_cast<std::int64_t>(i * i % kV);
    return ids;
}

/// A loss whose gradient differs from position to position: sum(w * (looked up)^2), w from `begin` on.
void backward_slice(const Parameter& table, std::size_t begin, std::size_t end, bool sparse) {
    Tape tape;
    const Var rows = embedding(tape, table, ids_from(begin, end), {.sparse = sparse});
    Array weights(rows.shape());
    for (std::size_t i = 0; i < weights.size(); ++i)
        weights.data()[i] = static_cast<Real>(std::sin(static_cast<double>(begin * kD + i)));
    tape.backward(sum(rows * rows * tape.constant(weights)));
}

RowGradient coalesced(const Parameter& p) {
    RowGradient gradient = p.row_grad();
    gradient.coalesce();
    return gradient;
}

}  // namespace

TEST_CASE("gradient accumulation: micro-batches by rows sum to the bits of the whole batch, and so do steps [1.8]") {
    for (std::size_t k = 0; k < kForRows.size(); ++k) {
        INFO("optimizer ", k);
        const Parameter whole = make_table(), pieces = make_table();
        const auto optimizer = kForRows[k](whole), optimizer_pieces = kForRows[k](pieces);
        for (std::size_t step = 0; step < 4; ++step) {
            optimizer->zero_grad();
            optimizer_pieces->zero_grad();
            const std::size_t begin = step * 12;
            backward_slice(whole, begin, begin + 12, true);
            for (const auto& [from, to] : {std::pair{0, 5}, {5, 5}, {5, 6}, {6, 12}})
                backward_slice(pieces, begin + static_cast<std::size_t>(from), begin + static_cast<std::size_t>(to),
                               true);
            CHECK(pieces.row_grad().size() == 12);  // one after the other, not merged
            CHECK(coalesced(pieces).rows() == coalesced(whole).rows());
            check_same(coalesced(pieces).values(), coalesced(whole).values());
            optimizer->step();
            optimizer_pieces->step();
            check_same(pieces.value(), whole.value());
        }
    }
}

TEST_CASE("gradient accumulation: dense micro-batches give the gradient of the whole batch [8.2]") {
    const Parameter whole = make_table(), pieces = make_table();
    backward_slice(whole, 0, 12, false);
    for (const auto& [from, to] : {std::pair{0, 5}, {5, 6}, {6, 12}})
        backward_slice(pieces, static_cast<std::size_t>(from), static_cast<std::size_t>(to), false);
    check_arrays_near(pieces.grad(), whole.grad());
    backward_slice(whole, 0, 12, false);  // a second backward without zero_grad doubles
    Array twice = pieces.grad();
    for (Real& x : twice) x *= 2;
    check_arrays_near(whole.grad(), twice);
}

// PyTorch's sparse_backward: sparse first, dense first, sparse only.
TEST_CASE("gradient accumulation: rows and dense in any order, in one graph or several, sum up [1.8]") {
    const auto expected = [] {
        const Parameter table = make_table();
        for (int i = 0; i < 3; ++i) backward_slice(table, 0, 6, false);
        return dense_gradient(table);
    }();
    for (int order = 0; order < 8; ++order) {  // bit i: whether the i-th lookup is sparse
        INFO("order ", order);
        const auto is_sparse = [&](int i) { return (order >> i) % 2 == 1; };
        const Parameter table = make_table();
        for (int i = 0; i < 3; ++i) backward_slice(table, 0, 6, is_sparse(i));
        CHECK(table.gradient_kind() == (order == 7 ? GradientKind::rows : GradientKind::dense));
        check_arrays_near(dense_gradient(table), expected);

        const Parameter in_one = make_table();
        Tape tape;
        Var total = tape.constant(zeros({}));
        for (int i = 0; i < 3; ++i) {
            const Var rows = embedding(tape, in_one, ids_from(0, 6), {.sparse = is_sparse(i)});
            Array weights(rows.shape());
            for (std::size_t j = 0; j < weights.size(); ++j)
                weights.data()[j] = static_cast<Real>(std::sin(static_cast<double>(j)));
            total = total + sum(rows * rows * tape.constant(weights));
        }
        tape.backward(total);
        CHECK(in_one.gradient_kind() == table.gradient_kind());
        check_arrays_near(dense_gradient(in_one), expected);
    }
}

TEST_CASE("gradient accumulation: what was made dense is stepped as dense, by whoever takes it [1.8] [9.4]") {
    const auto make_mixed = [] {
        const Parameter table = make_table();
        backward_slice(table, 0, 6, true);
        backward_slice(table, 6, 9, false);
        return table;
    };
    const Parameter mixed = make_mixed(), dense = make_table();
    dense.add_grad(mixed.grad());
    Adam lazy({mixed}, {.lr = 0.1, .weight_decay = 0.1, .lazy_rows = true}),
        plain({dense}, {.lr = 0.1, .weight_decay = 0.1});
    lazy.step();
    plain.step();
    check_same(mixed.value(), dense.value());
    const Parameter refused = make_mixed();
    SparseAdam sparse({refused});
    CHECK_THROWS_AS(sparse.step(), std::logic_error);
    check_same(refused.value(), make_table().value());
}

TEST_CASE("gradient accumulation: each lookup divides by its own counts [1.6]") {
    const Parameter table(zeros({3, 1}));
    for (int i = 0; i < 2; ++i) {
        Tape tape;
        tape.backward(sum(embedding(tape, table, {1, 1, 1, 2}, {.scale_grad_by_freq = true})));
    }
    CHECK(std::abs(table.grad()(1, 0) - 2) <= 4 * std::numeric_limits<Real>::epsilon());  // 6 * 1/3, not 6 * 1/6
    CHECK(table.grad()(2, 0) == 2);
}

TEST_CASE("gradient accumulation: after zero_grad, zeros or nothing, it begins anew [8.7]") {
    for (const bool sparse : {false, true}) {
        for (const bool set_to_none : {false, true}) {
            INFO("sparse ", sparse, ", to none ", set_to_none);
            const Parameter table = make_table(), fresh = make_table();
            backward_slice(table, 0, 12, sparse);
            table.zero_grad(set_to_none);
            CHECK(table.has_gradient() == !set_to_none);
            if (sparse && !set_to_none) CHECK(table.row_grad().size() == 0);
            backward_slice(table, 3, 7, sparse);
            backward_slice(fresh, 3, 7, sparse);
            check_same(dense_gradient(table), dense_gradient(fresh));
        }
    }
}

TEST_CASE("gradient accumulation: clipping sees the sum, not the pieces [9.7]") {
    const Parameter table(zeros({3, 1}));
    for (const Real piece : {Real(3), Real(-3), Real(4)}) table.add_grad(RowGradient({1}, full({1, 1}, piece)));
    CHECK(clip_grad_norm({table}, 2) == doctest::Approx(4));
    CHECK(dense_gradient(table)(1, 0) == doctest::Approx(2));
}
