// Threads: one pool, tiles. Which thread computes a tile is left open; what a tile is depends on extents alone, or no
// bit of the result depends on it: results do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <embergrad/engine/system/config.hpp>
#include <embergrad/engine/system/divided_up.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// How many threads large operations may use, the caller's included (default: as many as the machine has).
/// Throws std::invalid_argument below 1, std::logic_error inside a tile. Waits while another thread computes.
void set_num_threads(int threads);
int num_threads();

namespace detail {

/// Calls run(context, i) for each i below `tiles`, in any order, on the pool if `wake` and it is free, else here.
/// The first exception is passed on once every tile that began has ended.
void run_tiles(std::size_t tiles, bool wake, void (*run)(void* context, std::size_t tile), void* context);

/// How many calls of run_tiles have offered their tiles to the pool so far: a test of threads sees by it that what it
/// does is worth them.
std::uint64_t shared_jobs();

/// Calls body(begin, end) for 0..count cut into pieces of `tile` (the last may be shorter). Without `wake` the caller's
/// thread does them all: a sleeping thread needs about 50 us to come, so that work of less than 100 to 150 us is done
/// sooner by one (bench/small_work).
template <class Body>
void parallel_for(std::size_t count, std::size_t tile, Body body, bool wake = true) {
    if (count == 0) return;
    struct Context {
        Body& body;
        std::size_t count, tile;
    } context{body, count, tile};
    run_tiles(
        divided_up(count, tile), wake,
        [](void* raw, std::size_t i) {
            const Context& c = *static_cast<Context*>(raw);
            c.body(i * c.tile, std::min(c.count, (i + 1) * c.tile));
        },
        &context);
}

}  // namespace detail

}  // namespace embergrad::inline EMBERGRAD_PRECISION
