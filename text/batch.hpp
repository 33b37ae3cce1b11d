// Batch, pad_batch and Batches: sequences of ids of any length, padded to one length.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
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
/// The same in braces: pad_batch({{1, 2, 3}, {4}}, padding_id).
Batch pad_batch(std::initializer_list<std::vector<std::int64_t>> sequences, std::int64_t padding_id,
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
///
/// To go on in mid-epoch with the batches that an uninterrupted run would have seen:
///
///     auto state = batches.state_dict(steps);             // so many are done
///     state["rng"] = rng.state();                         // for dropout, and the epochs to come
///     save_safetensors(path, model.state_dict(), state);
///
///     Batches batches(sequences, labels, padding_id, {.batch_size = 32});
///     batches.load_state_dict(state);                     // shuffled as it was; begin() is the first that is not done
///     rng.set_state(state.at("rng"));
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
    template <std::same_as<IdArray> Labels>
    Batches(std::span<const std::vector<std::int64_t>>, Labels&&, std::int64_t, const BatchOptions& = {}) = delete;
    template <std::same_as<IdArray> Labels>
    Batches(std::span<const std::vector<std::int64_t>>, Labels&&, std::int64_t, const BatchOptions&, Rng&) = delete;

    /// The number of batches of the epoch.
    std::size_t size() const;
    /// Batch `index`, the same each time. Throws std::out_of_range from size() on.
    Batch operator[](std::size_t index) const;

    /// The batch that begin() is: 0, unless load_state_dict has set it.
    std::size_t position() const { return position_; }
    /// The order of the sequences and where to go on, as text; names begin with "batches.". done: how many batches of
    /// the epoch were taken. Throws std::out_of_range for more than size().
    std::map<std::string, std::string> state_dict(std::size_t done) const;
    /// Takes back what state_dict gave, for as many sequences and the same options. Names with another beginning are
    /// passed over. All or nothing: throws std::invalid_argument that lists whatever is missing, unexpected, unreadable
    /// or does not fit.
    void load_state_dict(const std::map<std::string, std::string>& state);

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
    /// Begins with batch position().
    Iterator begin() const { return {*this, position_}; }
    Iterator end() const { return {*this, size()}; }

private:
    std::map<std::string, std::string> fixed_state() const;

    std::span<const std::vector<std::int64_t>> sequences_;
    std::span<const std::int64_t> labels_;
    std::int64_t padding_id_;
    BatchOptions options_;
    std::vector<std::size_t> order_;
    std::string shuffled_by_;  // the generator's state before it shuffled; empty: in the order given
    std::size_t position_ = 0;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
