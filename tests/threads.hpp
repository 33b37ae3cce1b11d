// What the tests of threads share: work on a thread of its own, and a number of threads for a scope.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <thread>

#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::testing {

/// Calls f on a new thread, whose memory and tapes begin empty, and passes its exception on.
inline void on_new_thread(const std::function<void()>& f) {
    std::exception_ptr error;
    std::thread thread([&] {
        try {
            f();
        } catch (...) {
            error = std::current_exception();
        }
    });
    thread.join();
    if (error) std::rethrow_exception(error);
}

/// Sets the number of threads for the rest of a scope.
class Threads {
public:
    explicit Threads(int threads) : before_(num_threads()) { set_num_threads(threads); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;
    ~Threads() { set_num_threads(before_); }

    /// Whether anything has been offered to the pool since.
    bool has_shared() const { return detail::shared_jobs() > jobs_; }

private:
    int before_;
    std::uint64_t jobs_ = detail::shared_jobs();
};

}  // namespace embergrad::testing
