// Threads: a pool of sleeping workers; the caller works too.
#include <embergrad/engine/system/parallel.hpp>

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

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

/// What holds this code stays in memory whatever dlclose() is told: workers sleep in it until the process ends.
void keep_loaded() {
    Dl_info info{};
    if (::dladdr(reinterpret_cast<void*>(&keep_loaded), &info) != 0)
        ::dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

class ThreadPool {
public:
    explicit ThreadPool(int threads) : threads_(threads) {}

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

    /// Workers are detached: nobody joins them when the process ends, and a child of fork() has none to forget.
    void start() {
        if (workers_ + 1 >= threads_) return;
        keep_loaded();
        try {
            for (; workers_ + 1 < threads_; ++workers_) std::thread([this] { worker(); }).detach();
        } catch (const std::system_error&) {  // the system has no more threads: these must do
        }
    }

    void stop() {
        std::unique_lock lock(mutex_);
        stopping_ = true;
        wake_.notify_all();
        idle_.wait(lock, [this] { return stopped_ == workers_; });
        workers_ = stopped_ = 0;
        stopping_ = false;
    }

    void worker() {
        inside_ = true;
        std::unique_lock lock(mutex_);
        std::uint64_t last = 0;
        for (;;) {
            wake_.wait(lock, [&] { return stopping_ || (job_ != nullptr && jobs_ != last); });
            if (stopping_) break;
            last = jobs_;
            Job& job = *job_;
            ++working_;
            lock.unlock();
            job.work();
            lock.lock();
            if (--working_ == 0) idle_.notify_all();
        }
        ++stopped_;
        idle_.notify_all();
    }

public:
    static thread_local bool inside_;  // a worker: what it calls runs on it alone

private:
    std::mutex use_;
    std::mutex mutex_;
    std::condition_variable wake_, idle_;
    Job* job_ = nullptr;
    std::uint64_t jobs_ = 0;  // tells a new job from the last one, which may have had the same address
    int workers_ = 0;         // that were started
    int working_ = 0;
    int stopped_ = 0;  // of the workers, while stopping_
    bool stopping_ = false;
    std::atomic<int> threads_;
};

thread_local bool ThreadPool::inside_ = false;

// In memory that nobody frees: static objects may compute after main has ended, and so may the child of a fork().
alignas(ThreadPool) std::byte pool_memory[sizeof(ThreadPool)];

ThreadPool& make_pool(int threads) { return *::new (pool_memory) ThreadPool(threads); }

ThreadPool& pool() {
    static ThreadPool& instance = []() -> ThreadPool& {
        // A child has the thread that forked alone: a pool without workers, whose locks nobody holds.
        ::pthread_atfork(nullptr, nullptr, [] { make_pool(pool().threads()); });
        return make_pool(std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
    }();
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
