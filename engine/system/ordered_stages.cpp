// Ordered stages: each thread takes in what is ready, else reads a piece and works on it, else waits for the others.
#include <embergrad/engine/system/ordered_stages.hpp>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <vector>

#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

class Run {
public:
    Run(OrderedStages& stages, std::size_t slots) : stages_(stages), errors_(slots), ready_(slots) {
        for (std::size_t slot = slots; slot > 0; --slot) free_.push_back(slot - 1);
    }

    /// What one thread does. A thread that is alone never waits: what it has read is ready when it looks.
    void work() {
        std::unique_lock lock(mutex_);
        while (!stopped_ && !(ended_ && taken_ == read_)) {
            if (!taking_ && ready())
                take(lock);
            else if (!ended_ && !reading_ && !free_.empty())
                read(lock);
            else
                changed_.wait(lock);
        }
    }

private:
    std::optional<std::size_t>& place_of(std::size_t piece) { return ready_[piece % ready_.size()]; }
    bool ready() { return taken_ < read_ && place_of(taken_).has_value(); }

    void take(std::unique_lock<std::mutex>& lock) {
        const std::size_t slot = *place_of(taken_);
        place_of(taken_).reset();
        taking_ = true;
        lock.unlock();
        std::exception_ptr error = errors_[slot];
        const bool wants_more = !error && guarded(error, [&] { return stages_.take(slot); });
        lock.lock();
        taking_ = false;
        ++taken_;
        free_.push_back(slot);
        stopped_ = !wants_more;
        changed_.notify_all();
        if (error) std::rethrow_exception(error);
    }

    void read(std::unique_lock<std::mutex>& lock) {
        const std::size_t slot = free_.back();
        free_.pop_back();
        reading_ = true;
        lock.unlock();
        std::exception_ptr& error = errors_[slot];
        error = nullptr;
        const bool got = guarded(error, [&] { return stages_.read(slot); });
        lock.lock();
        reading_ = false;
        ended_ = !got;
        const std::size_t piece = read_;
        read_ += got || error ? 1 : 0;
        changed_.notify_all();
        if (!got && !error) return free_.push_back(slot);
        lock.unlock();
        if (!error) guarded(error, [&] { return stages_.work(slot), true; });
        lock.lock();
        place_of(piece) = slot;
        changed_.notify_all();
    }

    /// The call's result; false if it throws, and what.
    template <class Call>
    static bool guarded(std::exception_ptr& error, Call call) {
        try {
            return call();
        } catch (...) {
            error = std::current_exception();
            return false;
        }
    }

    OrderedStages& stages_;
    std::vector<std::exception_ptr> errors_;  // of the pieces in the slots
    std::mutex mutex_;                        // guards what follows
    std::condition_variable changed_;
    std::vector<std::size_t> free_;                  // slots
    std::vector<std::optional<std::size_t>> ready_;  // the slots of pieces that can be taken, by number modulo slots
    std::size_t read_ = 0, taken_ = 0;               // pieces
    bool reading_ = false, taking_ = false;          // some thread is
    bool ended_ = false, stopped_ = false;
};

}  // namespace

void run_ordered(OrderedStages& stages, std::size_t slots) {
    Run run(stages, slots);
    parallel_for(static_cast<std::size_t>(num_threads()), 1, [&](std::size_t, std::size_t) { run.work(); });
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
