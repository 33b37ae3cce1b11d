// Pieces of a stream: read and taken in order, worked on by several threads.
#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/engine/system/ordered_stages.hpp>
#include <embergrad/tests/threads.hpp>

using namespace embergrad;
using namespace embergrad::testing;

namespace {

constexpr std::size_t kSlots = 4;

/// The squares of 0 .. pieces - 1.
class Squares : public detail::OrderedStages {
public:
    explicit Squares(std::size_t pieces) : pieces_(pieces), slots_(kSlots) {}

    bool read(std::size_t slot) override {
        CHECK_FALSE(reading_.exchange(true));
        before_read(next_);
        slots_[slot] = next_;
        reading_ = false;
        return next_++ < pieces_;
    }
    void work(std::size_t slot) override {
        before_work(slots_[slot]);
        slots_[slot] *= slots_[slot];
    }
    bool take(std::size_t slot) override {
        CHECK_FALSE(taking_.exchange(true));
        taken.push_back(slots_[slot]);
        taking_ = false;
        return taken.size() < most;
    }

    std::function<void(std::size_t)> before_read = [](std::size_t) {}, before_work = before_read;
    std::size_t most = 1'000'000;
    std::vector<std::size_t> taken;

private:
    std::size_t pieces_, next_ = 0;
    std::vector<std::size_t> slots_;
    std::atomic<bool> reading_ = false, taking_ = false;
};

void check_squares(const std::vector<std::size_t>& taken, std::size_t n) {
    REQUIRE(taken.size() == n);
    for (std::size_t i = 0; i < n; ++i) CHECK(taken[i] == i * i);
}

void throw_at(std::size_t piece, std::size_t bad) {
    if (piece == bad) throw std::runtime_error("piece " + std::to_string(bad));
}

}  // namespace

TEST_CASE("ordered stages: every piece is taken once and in order, whatever the threads and slots") {
    for (const int threads : {1, 2, 5}) {
        const Threads scope(threads);
        for (const std::size_t slots : {std::size_t{1}, std::size_t{2}, kSlots}) {
            for (const std::size_t pieces : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{500}}) {
                Squares squares(pieces);
                detail::run_ordered(squares, slots);
                check_squares(squares.taken, pieces);
            }
        }
    }
}

TEST_CASE("ordered stages: taking can end it") {
    for (const int threads : {1, 3}) {
        const Threads scope(threads);
        Squares squares(500);
        squares.most = 17;
        detail::run_ordered(squares, kSlots);
        check_squares(squares.taken, 17);
    }
}

TEST_CASE("ordered stages: the error is that of the first bad piece, once those before it are taken") {
    for (const int threads : {1, 3}) {
        const Threads scope(threads);
        for (int again = 0; again < 20; ++again) {
            Squares squares(500);
            squares.before_work = [](std::size_t piece) { throw_at(piece, piece >= 40 ? piece : 500); };
            CHECK_THROWS_WITH_AS(detail::run_ordered(squares, kSlots), "piece 40", std::runtime_error);
            check_squares(squares.taken, 40);
        }
        Squares squares(500);
        squares.before_read = [](std::size_t piece) { throw_at(piece, 33); };
        CHECK_THROWS_WITH_AS(detail::run_ordered(squares, kSlots), "piece 33", std::runtime_error);
        check_squares(squares.taken, 33);
    }
}
