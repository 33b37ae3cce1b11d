// Batches: rows are picked by index and copied once, into their place.
#include <embergrad/text/batch.hpp>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <stdexcept>
#include <utility>

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

constexpr const char* kPosition = "batches.position";
constexpr const char* kShuffledBy = "batches.shuffled_by";
constexpr const char* kInOrder = "nothing";  // instead of a generator's state

/// A saved state beside what it must be like here, and all that is wrong with it.
struct SavedBatches {
    std::map<std::string, std::string> left;
    std::string problems;

    explicit SavedBatches(const std::map<std::string, std::string>& state) {
        for (const auto& [name, text] : state) {
            if (name.starts_with("batches.")) left.emplace(name, text);
        }
    }
    void add_problem(const std::string& problem) { problems += "\n  " + problem; }
    std::optional<std::string> take(const std::string& name) {
        const auto entry = left.extract(name);
        if (!entry.empty()) return entry.mapped();
        add_problem("missing: " + name);
        return std::nullopt;
    }
};

std::size_t read_position(SavedBatches& saved, std::size_t batches) {
    const std::optional<std::string> text = saved.take(kPosition);
    std::size_t position = 0;
    if (!text) return position;
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, position);
    if (error != std::errc() || stop != end || position > batches)
        saved.add_problem(std::string(kPosition) + " is '" + *text + "', no number up to " + std::to_string(batches));
    return position;
}

/// How the state's generator, whose state is `shuffled_by` then, shuffled so many.
std::vector<std::size_t> read_order(SavedBatches& saved, std::size_t count, std::string& shuffled_by) {
    std::vector<std::size_t> order = detail::in_order(count);
    const std::optional<std::string> text = saved.take(kShuffledBy);
    if (!text || *text == kInOrder) return order;
    Rng rng(0);
    try {
        rng.set_state(*text);
    } catch (const std::invalid_argument& error) {
        saved.add_problem(std::string(kShuffledBy) + ": " + error.what());
        return order;
    }
    shuffled_by = *text;
    rng.shuffle(order);
    return order;
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

Batch pad_batch(std::initializer_list<std::vector<std::int64_t>> sequences, std::int64_t padding_id,
                std::optional<std::size_t> max_length) {
    return pad_batch(Sequences(sequences.begin(), sequences.size()), padding_id, max_length);
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
    shuffled_by_ = rng.state();
    rng.shuffle(std::span(order_));
}

std::map<std::string, std::string> Batches::fixed_state() const {
    return {{"batches.sequences", std::to_string(sequences_.size())},
            {"batches.batch_size", std::to_string(options_.batch_size)},
            {"batches.max_length", options_.max_length ? std::to_string(*options_.max_length) : "none"}};
}

std::map<std::string, std::string> Batches::state_dict(std::size_t done) const {
    require<std::out_of_range>(done <= size(), "Batches: ", done, " batches cannot be done of ", size());
    std::map<std::string, std::string> state = fixed_state();
    state[kPosition] = std::to_string(done);
    state[kShuffledBy] = shuffled_by_.empty() ? kInOrder : shuffled_by_;
    return state;
}

void Batches::load_state_dict(const std::map<std::string, std::string>& state) {
    SavedBatches saved(state);
    for (const auto& [name, here] : fixed_state()) {
        const std::optional<std::string> there = saved.take(name);
        if (there && *there != here)
            saved.add_problem("mismatch: " + name + " is " + here + " here and " + *there + " in the state");
    }
    const std::size_t position = read_position(saved, size());
    std::string shuffled_by;
    std::vector<std::size_t> order = read_order(saved, sequences_.size(), shuffled_by);
    for (const auto& [name, text] : saved.left) saved.add_problem("unexpected: " + name);
    require(saved.problems.empty(), "Batches: the state does not fit; nothing was loaded:", saved.problems);
    position_ = position;
    shuffled_by_ = std::move(shuffled_by);
    order_ = std::move(order);
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
