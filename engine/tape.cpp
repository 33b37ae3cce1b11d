// Recording, going back, and using nodes again.
#include <embergrad/engine/tape.hpp>

#include <algorithm>
#include <bit>
#include <mutex>

#include <embergrad/engine/accumulate.hpp>
#include <embergrad/engine/system/divided_up.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::Node;
using detail::TapeRecord;

constexpr std::size_t kKeptNodes = 16384;   // a record keeps as many for the next tape
constexpr std::size_t kMostNodes = 131072;  // and up to this many where two tapes in turn needed more
constexpr std::size_t kKeptBuffer = 1024;   // bytes of a buffer that a node keeps; larger ones go to the thread's cache

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

[[maybe_unused]] const bool release_is_known = [] {
    detail::on_release_memory([] { pool.release(); });
    return true;
}();

void shrink(Array& buffer) {
    if (buffer.size() * sizeof(Real) > kKeptBuffer) buffer.resize(Shape{0});
}

void make_room(Array& buffer, const Shape& shape) {
    if (same_shape(buffer.shape(), shape)) return;
    element_count(shape);  // refuses extents whose product wraps around
    try {
        buffer.resize(shape);
    } catch (...) {
        buffer = Array(Shape{0});  // xtensor has taken the shape already, but there is no memory behind it
        throw;
    }
}

/// Writes out a gradient that was deferred.
void write_grad(Node& node) {
    make_room(node.grad, node.value->shape());
    if (node.shared_grad != nullptr) {
        std::copy(node.shared_grad->storage().begin(), node.shared_grad->storage().end(), node.grad.storage().begin());
        node.shared_grad.reset();
    } else {
        detail::put_each(node.grad.data(), node.grad.size(), false, [g = node.uniform_grad](std::size_t) { return g; });
    }
    node.grad_deferred = false;
}

/// Makes a node ready for its next use.
void recycle(Node& node) {
    node.backward.reset();
    shrink(node.own_value);
    shrink(node.grad);
    if (node.grad_deferred) {
        node.shared_grad.reset();
        node.grad_deferred = false;
    }
    if (node.is_leaf) {
        node.parameter = Parameter();
        node.row_grads.clear();
        node.touched = detail::TouchedRows();
    }
    node.needs_grad = node.has_grad = node.is_leaf = node.version_known = false;
}

void recycle(TapeRecord& record) {
    for (std::size_t i = 0; i < record.size; ++i) recycle(record.at(i));
    const std::size_t wanted = std::min({record.size, record.last_size, kMostNodes});
    const std::size_t kept_chunks = detail::divided_up(std::max(wanted, kKeptNodes), TapeRecord::kChunk);
    record.last_size = std::exchange(record.size, 0);
    record.leaves.clear();
    std::fill(record.leaf_slots.begin(), record.leaf_slots.end(), std::size_t{0});
    if (record.chunks.size() > kept_chunks) {
        record.chunks.resize(kept_chunks);
        record.chunks.shrink_to_fit();
        detail::trim_heap();
    }
}

/// The slot of a parameter in a table of node indices + 1; the slot holds 0 if the parameter has no leaf yet.
std::size_t& leaf_slot(TapeRecord& record, const Parameter& parameter) {
    const std::size_t mask = record.leaf_slots.size() - 1;
    std::size_t slot = (std::bit_cast<std::size_t>(parameter.id()) >> 4) * 0x9e3779b97f4a7c15 >> 32 & mask;
    while (record.leaf_slots[slot] != 0 && record.at(record.leaf_slots[slot] - 1).parameter != parameter) {
        slot = (slot + 1) & mask;
    }
    return record.leaf_slots[slot];
}

void grow_leaf_slots(TapeRecord& record) {
    record.leaf_slots.assign(std::max<std::size_t>(16, record.leaf_slots.size() * 2), 0);
    for (std::size_t index : record.leaves) leaf_slot(record, record.at(index).parameter) = index + 1;
}

/// Holds the parameters of a tape while it goes back; two threads on one parameter are refused, not raced.
class BackwardGuard {
public:
    explicit BackwardGuard(TapeRecord& record) : record_(record) {
        for (; held_ < record.leaves.size(); ++held_) {
            const Node& leaf = record.at(record.leaves[held_]);
            if (leaf.needs_grad && !leaf.parameter.try_begin_backward()) {
                release();
                fail<std::logic_error>("backward: the parameter of shape ", leaf.parameter.shape(),
                                       " is in a backward pass of another tape");
            }
        }
        record.in_backward = true;
    }
    BackwardGuard(const BackwardGuard&) = delete;
    BackwardGuard& operator=(const BackwardGuard&) = delete;
    ~BackwardGuard() {
        record_.in_backward = false;
        release();
    }

private:
    void release() {
        for (std::size_t i = 0; i < held_; ++i) {
            const Node& leaf = record_.at(record_.leaves[i]);
            if (leaf.needs_grad) leaf.parameter.end_backward();
        }
        held_ = 0;
    }

    TapeRecord& record_;
    std::size_t held_ = 0;
};

/// The author of an op may have put anything into a gradient; better refused before any parameter has changed.
void check_gradient(const Node& leaf) {
    require<std::logic_error>(!leaf.has_grad || same_shape(leaf.grad.shape(), leaf.value->shape()),
                              "backward: an op left a gradient of shape ", leaf.grad.shape(),
                              " for a parameter of shape ", leaf.value->shape());
    leaf.parameter.check_gradient();
}

/// Hands a leaf's gradient over to its parameter.
void commit(Node& leaf) {
    if (!leaf.parameter.requires_grad()) return;  // frozen since forward
    if (!leaf.row_grads.empty()) {
        std::reverse(leaf.row_grads.begin(), leaf.row_grads.end());  // backward met them last lookup first
        RowGradient all;
        all.append(leaf.row_grads);
        leaf.parameter.add_grad(std::move(all));
    }
    if (leaf.has_grad) leaf.parameter.add_grad(std::exchange(leaf.grad, Array(Shape{0})), leaf.touched);
    leaf.row_grads.clear();
    leaf.touched = detail::TouchedRows();
    leaf.has_grad = false;
}

}  // namespace

Tape::Tape(const TapeOptions& options)
    : options_(options), record_(pool_ended ? *new TapeRecord() : pool.take()), generation_(++record_.generation) {
    record_.tape = this;
}

Tape::~Tape() {
    ++record_.generation;  // from here on every Var of this tape is stale
    recycle(record_);
    record_.tape = nullptr;
    if (pool_ended)
        RecordPool::abandon(record_);
    else
        pool.give_back(record_);
}

std::size_t Tape::size() const { return record_.size; }

Rng& Tape::rng() const {
    require<std::logic_error>(options_.rng != nullptr,
                              "Tape: this tape has no random numbers; make it with Tape(Mode::train, rng)");
    return *options_.rng;
}

Var Tape::add_node(bool needs_grad) {
    if (record_.size == record_.chunks.size() * TapeRecord::kChunk) {
        record_.chunks.push_back(std::make_unique<Node[]>(TapeRecord::kChunk));
    }
    Node& node = record_.at(record_.size);
    node.index = record_.size++;
    node.value = &node.own_value;
    node.needs_grad = needs_grad;
    return Var(record_, node, generation_);
}

Var Tape::leaf(const Parameter& parameter) {
    require<std::logic_error>(parameter.defined(), "Tape::leaf: the parameter handle is empty");
    if (record_.leaves.size() * 2 >= record_.leaf_slots.size()) grow_leaf_slots(record_);
    std::size_t& slot = leaf_slot(record_, parameter);
    if (slot != 0) return Var(record_, record_.at(slot - 1), generation_);

    const Var leaf = add_node(recording() && parameter.requires_grad());
    leaf.node_->is_leaf = true;
    leaf.node_->parameter = parameter;
    leaf.node_->value = &parameter.value();
    record_.leaves.push_back(leaf.node_->index);
    slot = leaf.node_->index + 1;
    return leaf;
}

Var Tape::constant(Array value) {
    const Var constant = add_node(false);
    constant.node_->own_value = std::move(value);
    return constant;
}

void Tape::check_input(const Var& input) const {
    input.node();
    require<std::logic_error>(input.record_ == &record_,
                              "Tape: an input belongs to another tape; the inputs of an op must share one");
}

Var Tape::result(const Shape& shape, std::span<const Var> inputs) {
    bool needs_grad = false;
    for (const Var& input : inputs) {
        check_input(input);
        needs_grad |= input.node_->needs_grad;
    }
    const Var result = add_node(needs_grad && recording());
    make_room(result.node_->own_value, shape);
    return result;
}

void Tape::backward(Var loss) {
    require(loss.size() == 1, "backward: the loss must have one element, not shape ", loss.shape(),
            "; for others give a gradient: backward(root, gradient)");
    backward(loss, ones(loss.shape()));
}

void Tape::backward(Var root, const Array& gradient) {
    check_input(root);
    require(gradient.shape() == root.shape(), "backward: a gradient of shape ", gradient.shape(),
            " does not fit a root of shape ", root.shape());
    require<std::logic_error>(recording(), "backward: an eval tape records nothing to go back through");
    require<std::logic_error>(root.needs_grad(), "backward: the root does not depend on any trainable parameter");
    require<std::logic_error>(!backward_done_, "backward: a tape goes back once; run forward again on a new tape");

    const BackwardGuard guard(record_);
    backward_done_ = true;
    std::copy(gradient.storage().begin(), gradient.storage().end(), root.grad_target().array.storage().begin());
    run_backward(root.node_->index);
    for (std::size_t index : record_.leaves) check_gradient(record_.at(index));
    for (std::size_t index : record_.leaves) commit(record_.at(index));
}

void Tape::run_backward(std::size_t root_index) {
    for (std::size_t i = root_index + 1; i-- > 0;) {
        const Node& node = record_.at(i);
        if (node.has_grad && node.backward) node.backward();
    }
}

std::size_t Var::dim(std::size_t axis) const {
    require<std::out_of_range>(axis < rank(), "Var::dim: axis ", axis, " does not exist in shape ", shape());
    return shape()[axis];
}

Real Var::item() const {
    require(size() == 1, "Var::item: shape ", shape(), " has ", size(), " elements, not one");
    return value().data()[0];
}

Array& Var::make_grad() const {
    const GradTarget target = grad_target();
    if (target.beta == 0) std::fill(target.array.storage().begin(), target.array.storage().end(), Real{0});
    return target.array;
}

std::shared_ptr<Array> Var::share_grad(std::size_t n, std::size_t d) const {
    detail::Node& node = this->node();
    require<std::logic_error>(!node.is_leaf, "Var::share_grad: a leaf's gradient belongs to its parameter");
    Array& grad = this->grad();
    auto shared = std::make_shared<Array>(Shape{0});
    grad.reshape(Shape{n, d});
    std::swap(*shared, grad);  // nothing fails from here on
    node.shared_grad = std::move(shared);
    node.grad_deferred = true;
    return node.shared_grad;
}

bool Var::take_grad(Var workspace) const {
    detail::Node& node = this->node();
    require<std::logic_error>(workspace.record_ == record_ && workspace.node_ != node_,
                              "Var::take_grad: the workspace must be another value of the same tape");
    if (!node.needs_grad || node.has_grad || node.is_leaf) return false;
    Array& array = workspace.mutable_value();
    array.reshape(node.value->shape());
    std::swap(array, node.grad);
    return node.has_grad = true;
}

void Var::add_uniform_grad(Real g) const {
    detail::Node& node = this->node();
    if (node.needs_grad && !node.has_grad && !node.is_leaf) {
        node.uniform_grad = g;
        node.has_grad = node.grad_deferred = true;
    } else if (uniform_grad()) {
        node.uniform_grad += g;
    } else {
        const auto [array, beta] = grad_target();
        detail::put_each(array.data(), array.size(), beta != 0, [=](std::size_t) { return g; });
    }
}

Var::GradTarget Var::grad_target() const {
    detail::Node& node = this->node();
    require<std::logic_error>(node.needs_grad, "Var::grad: this value needs no gradient");
    node.touched.touch_all();
    if (node.grad_deferred) [[unlikely]]
        write_grad(node);
    const Real beta = node.has_grad ? 1 : 0;
    if (!node.has_grad) {
        make_room(node.grad, node.value->shape());
        node.has_grad = true;
    }
    return {node.grad, beta};
}

Array& Var::grad_rows(std::span<const std::int64_t> rows) const {
    detail::Node& node = this->node();
    require<std::logic_error>(node.is_leaf && node.needs_grad && rank() > 0,
                              "Var::grad_rows: only a leaf that needs a gradient has rows of one");
    const auto v = static_cast<std::int64_t>(dim(0));
    for (std::int64_t row : rows) {
        require<std::out_of_range>(row >= 0 && row < v, "Var::grad_rows: row ", row, " is outside a gradient of ", v,
                                   " rows");
    }
    if (!node.has_grad) {
        node.grad = node.parameter.take_zeros();
        node.touched = detail::TouchedRows::none();
        node.has_grad = true;
    }
    node.touched.touch(rows, dim(0));
    return node.grad;
}

void Var::add_row_grad(RowGradient gradient) const {
    detail::Node& node = this->node();
    require<std::logic_error>(node.is_leaf && node.needs_grad,
                              "Var::add_row_grad: only a leaf that needs a gradient takes one by rows");
    gradient.check_fits(node.value->shape());  // here, where it is wrong: when parameters change it is too late
    node.row_grads.push_back(std::move(gradient));
}

void Var::check_version() const {
    detail::Node& node = *node_;
    const std::uint64_t version = node.parameter.version();
    if (!node.version_known) {
        node.version = version;
        node.version_known = true;
    }
    require<std::logic_error>(!record_->in_backward || node.version == version,
                              "backward: the values of a parameter of shape ", node.value->shape(),
                              " are needed but have changed since forward (version ", node.version, ", now ", version,
                              "); step the optimizer after backward");
}

namespace detail {

void TapeRecord::release() {
    std::vector<std::unique_ptr<Node[]>>().swap(chunks);
    std::vector<std::size_t>().swap(leaf_slots);
    std::vector<std::size_t>().swap(leaves);
}

void fail_leaf_write() {
    fail<std::logic_error>("Var::mutable_value: a leaf's values are its parameter's; see Parameter::mutable_value");
}

void fail_stale() {
    fail<std::logic_error>("Var: used after its tape has ended (or never assigned); values live as long as their tape");
}

}  // namespace detail

}  // namespace embergrad::inline EMBERGRAD_PRECISION
