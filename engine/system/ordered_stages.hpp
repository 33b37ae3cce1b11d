// Ordered stages: a stream in pieces, read in order, worked on by all threads, taken in in order. Internal.
#pragma once

#include <cstddef>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// What happens to each piece. A piece lives in a slot, which is used again for a later one.
class OrderedStages {
public:
    virtual ~OrderedStages() = default;
    /// Fills the slot with the next piece; false if there is none. Called by one thread at a time.
    virtual bool read(std::size_t slot) = 0;
    /// Called by several threads at once, each with a slot of its own.
    virtual void work(std::size_t slot) = 0;
    /// In the order of reading, by one thread at a time; false if no more is wanted.
    virtual bool take(std::size_t slot) = 0;
};

/// Runs the stages to the end on the pool (see parallel.hpp), with pieces under way in `slots` slots, at least 1. What
/// a stage throws is thrown when the turn of its piece has come, so that it is the same error with any number of
/// threads; pieces before it have been taken.
void run_ordered(OrderedStages& stages, std::size_t slots);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
