// The values of a gradient by rows: held once for many of them, and who gets to see which.
#include <embergrad/engine/gradient/row_values.hpp>

#include <algorithm>
#include <thread>
#include <vector>

#include <embergrad/embergrad.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Values = std::vector<double>;

Values values(const Array& array) { return {array.data(), array.data() + array.size()}; }

/// Rows 1, 0, 1 of two.
RowValues repeated() { return RowValues(array({2, 2}, {1, 2, 3, 4}), {1, 0, 1}); }

RowGradient repeated_gradient() { return RowGradient({7, 5, 5}, array({2, 2}, {1, 2, 3, 4}), {1, 0, 1}); }

}  // namespace

TEST_CASE("row values: what is held once is written out for whoever wants the array, once") {
    const RowValues all = repeated();
    CHECK(all.shape() == Shape{3, 2});
    CHECK(all.width() == 2);
    const Real* held = all.reader().row(1);
    CHECK(held[0] == 1);
    CHECK(all.reader().row(0) == all.reader().row(2));
    CHECK(values(all.array()) == Values{3, 4, 1, 2, 3, 4});
    const Real* written = all.array().data();
    CHECK(all.array().data() == written);
    CHECK(all.reader().row(1) == held);  // readers go on reading what they read
}

TEST_CASE("row values: threads may ask for the array at once") {
    for (int round = 0; round < 50; ++round) {
        const RowValues all = repeated();
        std::vector<const Real*> seen(4);
        std::vector<Values> read(4);
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < seen.size(); ++i) {
            threads.emplace_back([&, i] {
                seen[i] = all.array().data();
                read[i] = values(all.array());
            });
        }
        for (std::thread& thread : threads) thread.join();
        CHECK(std::count(seen.begin(), seen.end(), seen[0]) == 4);
        CHECK(std::count(read.begin(), read.end(), Values{3, 4, 1, 2, 3, 4}) == 4);
    }
}

TEST_CASE("row values: copies are of their own, and so is what is changed") {
    RowValues all = repeated();
    RowValues copy = all, assigned;
    assigned = all;
    CHECK(copy.reader().row(0) != all.reader().row(0));
    all.mutable_array().data()[0] = 9;
    CHECK(values(all.array()) == Values{9, 4, 1, 2, 3, 4});  // of row 0 alone, not of row 2 as well
    CHECK(all.reader().row(0)[0] == 9);
    CHECK(values(copy.array()) == Values{3, 4, 1, 2, 3, 4});
    CHECK(values(assigned.array()) == Values{3, 4, 1, 2, 3, 4});
    const RowValues moved = std::move(copy);
    CHECK(values(moved.array()) == Values{3, 4, 1, 2, 3, 4});
}

TEST_CASE("row values: some are kept, held as they were") {
    RowValues all = repeated();
    all.array();  // what was written out before is of no use afterwards
    all.keep({0, 2});
    CHECK(all.shape() == Shape{2, 2});
    CHECK(all.reader().row(0) == all.reader().row(1));
    CHECK(values(all.array()) == Values{3, 4, 3, 4});
    RowValues plain(array({3, 1}, {1, 2, 3}));
    plain.keep({1});
    CHECK(values(plain.array()) == Values{2});
    plain.keep({});
    CHECK(plain.shape() == Shape{0, 1});
}

TEST_CASE("row values: none, and those that cannot be") {
    CHECK(RowValues().shape() == Shape{0, 0});
    CHECK(RowValues().array().size() == 0);
    CHECK(RowValues(zeros({0, 3}), {}).shape() == Shape{0, 3});
    CHECK(RowValues(zeros({2, 3}), {}).array().shape() == Shape{0, 3});
    CHECK(RowValues(zeros({2, 0}), {1, 1}).array().shape() == Shape{2, 0});
    const auto make = [](const Shape& shape, std::vector<std::int64_t> sources) {
        return RowValues(zeros(shape), std::move(sources));
    };
    CHECK_THROWS_WITH_AS(make({2}, {0}), "RowGradient: values must be (m, D), not (2,)", std::invalid_argument);
    CHECK_THROWS_WITH_AS(make({2, 3}, {0, 2}), "RowGradient: there is no row 2 in values of shape (2, 3)",
                         std::out_of_range);
    CHECK_THROWS_AS(make({2, 3}, {-1}), std::out_of_range);
    CHECK_THROWS_AS(RowValues(zeros({2})), std::invalid_argument);
    CHECK_THROWS_WITH_AS(RowGradient({4}, zeros({2, 3}), {0, 1}),
                         "RowGradient: 1 rows need values of shape (1, D), not (2, 3)", std::invalid_argument);
}

TEST_CASE("row gradient: values held once are those of each row, whatever is done with them") {
    RowGradient coalesced = repeated_gradient();
    coalesced.coalesce();
    CHECK(coalesced.rows() == std::vector<std::int64_t>{5, 7});
    CHECK(values(coalesced.values()) == Values{4, 6, 3, 4});

    RowGradient appended({1}, array({1, 2}, {8, 9}));
    appended.append(repeated_gradient());
    CHECK(values(appended.values()) == Values{8, 9, 3, 4, 1, 2, 3, 4});

    RowGradient erased = repeated_gradient();
    std::vector<bool> gone(8);
    gone[7] = true;
    erased.erase_rows(gone);
    CHECK(erased.rows() == std::vector<std::int64_t>{5, 5});
    CHECK(values(erased.values()) == Values{1, 2, 3, 4});

    Array dense = zeros({8, 2});
    repeated_gradient().add_to(dense);
    CHECK(dense(5, 1) == 6);
    CHECK(dense(7, 0) == 3);
}

TEST_CASE("row gradient: optimizers and clipping take values held once as they take others") {
    const auto trained = [](auto make_optimizer, RowGradient gradient, bool clipped) {
        const Parameter table(ones({8, 2}));
        auto optimizer = make_optimizer(table);
        for (int step = 0; step < 3; ++step) {
            optimizer.zero_grad();
            table.add_grad(gradient);
            if (clipped) clip_grad_norm({table}, 0.5);
            optimizer.step();
        }
        return values(table.value());
    };
    const auto same = [&](auto make_optimizer) {
        const RowGradient written({7, 5, 5}, repeated_gradient().values());
        for (const bool clipped : {false, true})
            CHECK(trained(make_optimizer, repeated_gradient(), clipped) == trained(make_optimizer, written, clipped));
    };
    same([](const Parameter& table) { return SGD({table}, {.lr = 0.1}); });
    same([](const Parameter& table) { return SGD({table}, {.lr = 0.1, .momentum = 0.9}); });
    same([](const Parameter& table) { return SparseAdam({table}); });
    same([](const Parameter& table) { return Adagrad({table}); });
    same([](const Parameter& table) { return Adam({table}, {.lazy_rows = true}); });
}
