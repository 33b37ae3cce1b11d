// Tape records: nodes and leaves made, found and used again.
#include <embergrad/engine/tape_record.hpp>

#include <algorithm>
#include <bit>
#include <mutex>

#include <embergrad/engine/system/divided_up.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kKeptNodes = 16384;   // a record keeps as many for the next tape
constexpr std::size_t kMostNodes = 131072;  // and up to this many where two tapes in turn needed more

/// Records that no tape uses. A thread's own are taken first, so that a loop over steps meets warm nodes.
class RecordPool {
public:
    ~RecordPool();

    TapeRecord& take() {
        TapeRecord* record = pop(free_);
        if (record == nullptr) record = adopt();
        return record != nullptr ? *record : *new TapeRecord();
    }
    void give_back(TapeRecord& record) noexcept { push(free_, record); }
    void release() {
        for (TapeRecord* record = free_; record != nullptr; record = record->next) record->release();
    }

    /// For a record whose thread has ended: the next thread that needs one takes it.
    static void abandon(TapeRecord& record) noexcept {
        const std::lock_guard lock(orphans_mutex());
        push(orphans, record);
    }

private:
    static void push(TapeRecord*& list, TapeRecord& record) noexcept { record.next = std::exchange(list, &record); }
    static TapeRecord* pop(TapeRecord*& list) { return list == nullptr ? nullptr : std::exchange(list, list->next); }
    static TapeRecord* adopt() {
        const std::lock_guard lock(orphans_mutex());
        return pop(orphans);
    }
    // Never destroyed: a tape may end after everything else has.
    static std::mutex& orphans_mutex() {
        static auto& mutex = *new std::mutex();
        return mutex;
    }

    static TapeRecord* orphans;
    TapeRecord* free_ = nullptr;
};

TapeRecord* RecordPool::orphans = nullptr;

// A tape with static storage ends after its thread's pool has.
thread_local bool pool_ended = false;
thread_local RecordPool pool;

RecordPool::~RecordPool() {
    release();
    while (TapeRecord* record = pop(free_)) abandon(*record);
    pool_ended = true;
}

void release_nodes() {
    if (!pool_ended) pool.release();
}
[[maybe_unused]] const bool release_is_known = (on_release_memory(release_nodes), true);

void recycle(Node& node) {
    node.backward.reset();
    if (node.is_forgotten)
        node.own_value.resize(Shape{0});
    else
        shrink(node.own_value);
    node.gradient.clear();
    node.leaf = Node::kNoLeaf;
    node.handles = 0;
    node.is_shown = node.is_forgotten = false;
    if constexpr (kForbidsAccess) {
        node.own_value.resize(Shape{0});  // what is owned by forbidden memory would count as leaked
        node.gradient.release();
        node.forbid_use();
    }
}

/// Where a parameter's position among the leaves stands, + 1; 0 if it is none yet.
std::size_t& leaf_slot(TapeRecord& record, const Parameter& parameter) {
    const std::size_t mask = record.leaf_slots.size() - 1;
    std::size_t slot = (std::bit_cast<std::size_t>(parameter.id()) >> 4) * 0x9e3779b97f4a7c15 >> 32 & mask;
    while (record.leaf_slots[slot] != 0 && record.leaves[record.leaf_slots[slot] - 1].parameter != parameter) {
        slot = (slot + 1) & mask;
    }
    return record.leaf_slots[slot];
}

void grow_leaf_slots(TapeRecord& record) {
    record.leaf_slots.assign(std::max<std::size_t>(16, record.leaf_slots.size() * 2), 0);
    for (std::size_t i = 0; i < record.leaves.size(); ++i) leaf_slot(record, record.leaves[i].parameter) = i + 1;
}

}  // namespace

void Node::forget_value() {
    if (is_shown || is_kept(own_value)) return;
    own_value.storage() = Array::storage_type();
    is_forgotten = true;
}

void Leaf::note_version() {
    version = parameter.version();
    renorms = parameter.renorm_count();
    version_known = true;
}

void Leaf::fail_changed() const {
    const std::uint64_t changes = parameter.version() - version, by_lookups = parameter.renorm_count() - renorms;
    const char* const lookups = by_lookups == 0 ? "" : "look rows up with max_norm before another op reads the table";
    const char* const others = by_lookups >= changes ? "" : "step the optimizer after backward";
    fail<std::logic_error>("backward: the values of a parameter of shape ", parameter.shape(),
                           " are needed but have changed since forward (version ", version, ", now ",
                           parameter.version(), "); ", lookups, *lookups && *others ? ", and " : "", others);
}

TapeRecord& TapeRecord::take() { return pool_ended ? *new TapeRecord() : pool.take(); }

void TapeRecord::give_back(TapeRecord& record) noexcept {
    if (pool_ended)
        RecordPool::abandon(record);
    else
        pool.give_back(record);
}

Node& TapeRecord::leaf_node(const Parameter& parameter, bool needs_grad) {
    if (leaves.size() * 2 >= leaf_slots.size()) grow_leaf_slots(*this);
    std::size_t& slot = leaf_slot(*this, parameter);
    if (slot != 0) return node_of(leaves[slot - 1]);

    Node& node = add_node(needs_grad);
    leaves.push_back({.parameter = parameter, .node = node.index, .size = parameter.size()});
    node.leaf = leaves.size() - 1;
    node.value = &parameter.value();
    node.gradient.bind(parameter.shape(), true);
    slot = leaves.size();
    return node;
}

void TapeRecord::check_sizes() const {
    for (const Leaf& leaf : leaves) {
        require<std::logic_error>(leaf.size == leaf.parameter.size(),
                                  "backward: rows were added to a parameter since forward, its shape is ",
                                  leaf.parameter.shape(), " now; add them after backward, or run forward again");
    }
}

std::vector<Parameter> TapeRecord::trainable_leaves() const {
    std::vector<Parameter> trainable;
    for (const Leaf& leaf : leaves) {
        if (node_of(leaf).needs_grad && leaf.parameter.requires_grad()) trainable.push_back(leaf.parameter);
    }
    return trainable;
}

void TapeRecord::recycle() {
    for (std::size_t i = 0; i < size; ++i) detail::recycle(at(i));
    const std::size_t wanted = std::min({size, last_size, kMostNodes});
    const std::size_t kept_chunks = divided_up(std::max(wanted, kKeptNodes), kChunk);
    last_size = std::exchange(size, 0);
    leaves.clear();
    std::fill(leaf_slots.begin(), leaf_slots.end(), std::size_t{0});
    if (chunks.size() > kept_chunks) {
        chunks.resize(kept_chunks);
        chunks.shrink_to_fit();
        trim_heap();
    }
}

void TapeRecord::release() {
    std::vector<std::unique_ptr<Node[]>>().swap(chunks);
    std::vector<std::size_t>().swap(leaf_slots);
    std::vector<Leaf>().swap(leaves);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
