// Batch, pad_batch and Batches: sequences of ids of any length, padded to one length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/rng.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// B sequences, padded at their ends to the longest of them, L.
struct Batch {
    IdArray tokens = {};   ///< (B, L)
    IdArray lengths = {};  ///< (B), each in 0 .. L: the ids of a row that are not padding
    IdArray labels = {};   ///< (B); (0) where there are none
};

/// One batch of all these sequences, without labels. Ids after the first max_length are cut off. Empty sequences get
/// length 0; if all are empty, tokens has shape (B, 0). Throws std::invalid_argument for a max_length of 0.
Batch pad_batch(std::span<const std::vector<std::int64_t>> sequences, std::int64_t padding_id,
                std::optional<std::size_t> max_length = {});

namespace detail {
/// 0, 1, ... count - 1.
std::vector<std::size_t> in_order(std::size_t count);
}  // namespace detail

struct BatchOptions {
    std::size_t batch_size = 32;
    std::optional<std::size_t> max_length = {};  ///< ids after the first max_length are cut off
};

/// The batches of one epoch; the last may be smaller. A batch is made when it is asked for; the sequences and labels
/// are not copied and must outlive this (temporary ones do not compile).
///
///     for (const Batch& batch : Batches(sequences, labels, padding_id, {.batch_size = 32}, rng)) ...
class Batches {
public:
    /// In the order given. Throws std::invalid_argument for a batch size or max_length of 0, and if there are
    /// not as many labels as sequences.
    Batches(std::span<const std::vector<std::int64_t>> sequences, std::span<const std::int64_t> labels,
            std::int64_t padding_id, const BatchOptions& options = {});
    /// Shuffled, afresh for each object made; errors as above.
    Batches(std::span<const std::vector<std::int64_t>> sequences, std::span<const std::int64_t> labels,
            std::int64_t padding_id, const BatchOptions& options, Rng& rng);

    Batches(std::vector<std::vector<std::int64_t>>&&, std::span<const std::int64_t>, std::int64_t,
            const BatchOptions& = {}) = delete;
    Batches(std::vector<std::vector<std::int64_t>>&&, std::span<const std::int64_t>, std::int64_t, const BatchOptions&,
            Rng&) = delete;
    Batches(std::span<const std::vector<std::int64_t>>, std::vector<std::int64_t>&&, std::int64_t,
            const BatchOptions& = {}) = delete;
    Batches(std::span<const std::vector<std::int64_t>>, std::vector<std::int64_t>&&, std::int64_t, const BatchOptions&,
            Rng&) = delete;

    /// The number of batches.
    std::size_t size() const;
    /// Batch `index`, the same each time. Throws std::out_of_range from size() on.
    Batch operator[](std::size_t index) const;

    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Batch;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Batch;

        Iterator(const Batches& batches, std::size_t index) : batches_(&batches), index_(index) {}
        Batch operator*() const { return (*batches_)[index_]; }
        Iterator& operator++() {
            ++index_;
            return *this;
        }
        void operator++(int) { ++index_; }
        bool operator==(const Iterator&) const = default;

    private:
        const Batches* batches_;
        std::size_t index_;
    };
    Iterator begin() const { return {*this, 0}; }
    Iterator end() const { return {*this, size()}; }

private:
    std::span<const std::vector<std::int64_t>> sequences_;
    std::span<const std::int64_t> labels_;
    std::int64_t padding_id_;
    BatchOptions options_;
    std::vector<std::size_t> order_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
