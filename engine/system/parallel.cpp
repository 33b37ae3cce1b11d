// Threads: a pool of sleeping workers; the caller works too.
#include <embergrad/engine/system/parallel.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// One call of run_tiles: workers take the next tile until none is left.
struct Job {
    std::size_t tiles = 0;
    void (*run)(void*, std::size_t) = nullptr;
    void* context = nullptr;
    std::atomic<std::size_t> next{0};
    std::mutex error_mutex;
    std::exception_ptr error;

    void work() {
        for (std::size_t tile = next++; tile < tiles; tile = next++) {
            try {
                run(context, tile);
            } catch (...) {
                const std::lock_guard lock(error_mutex);
                if (!error) error = std::current_exception();
                next = tiles;
            }
        }
    }
};

class ThreadPool {
public:
    ThreadPool() : threads_(std::max(1, static_cast<int>(std::thread::hardware_concurrency()))) {}
    ~ThreadPool() { stop(); }

    int threads() const { return threads_; }

    std::uint64_t jobs() {
        const std::lock_guard lock(mutex_);
        return jobs_;
    }

    void resize(int threads) {
        const std::lock_guard lock(use_);
        stop();
        threads_ = threads;
    }

    /// False if another thread is using the pool (or this one, further out).
    bool try_run(Job& job) {
        const std::unique_lock use(use_, std::try_to_lock);
        if (!use) return false;
        const InsideGuard inside;  // a nested call must not wait for the pool this thread holds
        start();
        {
            const std::lock_guard lock(mutex_);
            job_ = &job;
            ++jobs_;
        }
        wake_.notify_all();
        job.work();

        std::unique_lock lock(mutex_);
        job_ = nullptr;  // who has not woken by now finds nothing
        idle_.wait(lock, [this] { return working_ == 0; });
        return true;
    }

private:
    struct InsideGuard {
        InsideGuard() { inside_ = true; }
        ~InsideGuard() { inside_ = false; }
    };

    void start() {
        try {
            while (static_cast<int>(workers_.size()) + 1 < threads_) workers_.emplace_back([this] { worker(); });
        } catch (const std::system_error&) {  // the system has no more threads: these must do
        }
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
        workers_.clear();
        stopping_ = false;
    }

    void worker() {
        inside_ = true;
        std::unique_lock lock(mutex_);
        std::uint64_t last = 0;
        for (;;) {
            wake_.wait(lock, [&] { return stopping_ || (job_ != nullptr && jobs_ != last); });
            if (stopping_) return;
            last = jobs_;
            Job& job = *job_;
            ++working_;
            lock.unlock();
            job.work();
            lock.lock();
            if (--working_ == 0) idle_.notify_all();
        }
    }

public:
    static thread_local bool inside_;  // a worker: what it calls runs on it alone

private:
    std::mutex use_;
    std::mutex mutex_;
    std::condition_variable wake_, idle_;
    std::vector<std::thread> workers_;
    Job* job_ = nullptr;
    std::uint64_t jobs_ = 0;  // tells a new job from the last one, which may have had the same address
    int working_ = 0;
    bool stopping_ = false;
    std::atomic<int> threads_;
};

thread_local bool ThreadPool::inside_ = false;

ThreadPool& pool() {
    static ThreadPool instance;
    return instance;
}

}  // namespace

void set_num_threads(int threads) {
    require(threads >= 1, "set_num_threads: at least one thread is needed, not ", threads);
    require<std::logic_error>(!ThreadPool::inside_, "set_num_threads: not from inside a computation");
    pool().resize(threads);
}

int num_threads() { return pool().threads(); }

namespace detail {

void run_tiles(std::size_t tiles, bool wake, void (*run)(void*, std::size_t), void* context) {
    const bool alone = !wake || tiles == 1 || ThreadPool::inside_ || pool().threads() == 1;
    if (!alone) {
        Job job;
        job.tiles = tiles;
        job.run = run;
        job.context = context;
        const bool done = pool().try_run(job);
        if (job.error) std::rethrow_exception(job.error);
        if (done) return;
    }
    for (std::size_t tile = 0; tile < tiles; ++tile) run(context, tile);
}

std::uint64_t shared_jobs() { return pool().jobs(); }

}  // namespace detail

}  // namespace embergrad::inline EMBERGRAD_PRECISION
