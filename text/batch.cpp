// Batches: rows are picked by index and copied once, into their place.
#include <embergrad/text/batch.hpp>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Sequences = std::span<const std::vector<std::int64_t>>;

/// The rows of the sequences that `order` names.
Batch gather(Sequences sequences, std::span<const std::size_t> order, std::int64_t padding_id,
             std::optional<std::size_t> max_length) {
    const auto kept = [&](std::size_t index) {
        return std::min(sequences[index].size(), max_length.value_or(sequences[index].size()));
    };
    std::size_t longest = 0;
    for (const std::size_t index : order) longest = std::max(longest, kept(index));

    Batch batch{.tokens = IdArray(Shape{order.size(), longest}, padding_id), .lengths = IdArray(Shape{order.size()})};
    std::int64_t* row = batch.tokens.data();
    std::int64_t* length = batch.lengths.data();
    for (const std::size_t index : order) {
        std::copy_n(sequences[index].begin(), kept(index), row);
        row += longest;
        *length++ = static_cast<std::int64_t>(kept(index));
    }
    return batch;
}

}  // namespace

std::vector<std::size_t> detail::in_order(std::size_t count) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    return order;
}

Batch pad_batch(Sequences sequences, std::int64_t padding_id, std::optional<std::size_t> max_length) {
    require(max_length != 0, "pad_batch: max_length is 0");
    return gather(sequences, detail::in_order(sequences.size()), padding_id, max_length);
}

Batches::Batches(Sequences sequences, std::span<const std::int64_t> labels, std::int64_t padding_id,
                 const BatchOptions& options)
    : sequences_(sequences), labels_(labels), padding_id_(padding_id), options_(options) {
    require(options.batch_size > 0, "Batches: batch_size is 0");
    require(options.max_length != 0, "Batches: max_length is 0");
    require(sequences.size() == labels.size(), "Batches: ", sequences.size(), " sequences, but ", labels.size(),
            " labels");
    order_ = detail::in_order(sequences.size());
}

Batches::Batches(Sequences sequences, std::span<const std::int64_t> labels, std::int64_t padding_id,
                 const BatchOptions& options, Rng& rng)
    : Batches(sequences, labels, padding_id, options) {
    rng.shuffle(std::span(order_));
}

std::size_t Batches::size() const {
    const std::size_t full_ones = order_.size() / options_.batch_size;
    return full_ones + (order_.size() % options_.batch_size > 0 ? 1 : 0);
}

Batch Batches::operator[](std::size_t index) const {
    require<std::out_of_range>(index < size(), "Batches: there is no batch ", index, " of ", size());
    const std::size_t first = index * options_.batch_size;
    const auto order = std::span(order_).subspan(first, std::min(options_.batch_size, order_.size() - first));
    Batch batch = gather(sequences_, order, padding_id_, options_.max_length);
    batch.labels = IdArray(Shape{order.size()});
    std::transform(order.begin(), order.end(), batch.labels.data(), [&](std::size_t i) { return labels_[i]; });
    return batch;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
