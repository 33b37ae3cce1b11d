// The tape: a flat list of nodes in the order the ops ran. `backward` is one loop over it from the end to the start:
// no sorting, no recursion. Nodes are used again by the next tape of the thread and keep their small buffers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/rng.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

class Tape;

namespace detail {

/// A function without arguments, kept in place when it is small: what an op has to do on the way back.
class Closure {
public:
    Closure() = default;
    Closure(const Closure&) = delete;
    Closure& operator=(const Closure&) = delete;
    ~Closure() { reset(); }

    template <class Function>
    void emplace(Function&& function) {
        using F = std::decay_t<Function>;
        reset();
        void* place = buffer_;
        if constexpr (sizeof(F) > sizeof(buffer_) || alignof(F) > alignof(std::max_align_t)) {
            place = far_ = allocate_block(sizeof(F));
            far_bytes_ = sizeof(F);
        }
        function_ = ::new (place) F(std::forward<Function>(function));
        call_ = [](void* raw) { (*static_cast<F*>(raw))(); };
        if constexpr (!std::is_trivially_destructible_v<F>) {
            destroy_ = [](void* raw) { static_cast<F*>(raw)->~F(); };
        }
    }
    void operator()() const { call_(function_); }
    explicit operator bool() const { return call_ != nullptr; }
    void reset() {
        if (destroy_ != nullptr) destroy_(function_);
        if (far_ != nullptr) free_block(std::exchange(far_, nullptr), far_bytes_);
        call_ = nullptr;
        destroy_ = nullptr;
    }

private:
    alignas(std::max_align_t) std::byte buffer_[96];  // four Vars
    void* function_ = nullptr;
    void* far_ = nullptr;
    std::size_t far_bytes_ = 0;
    void (*call_)(void*) = nullptr;
    void (*destroy_)(void*) = nullptr;
};

/// One result: its value, its gradient and the way back. A leaf's value is the parameter's own.
struct Node {
    const Array* value = nullptr;
    Array own_value{Shape{0}};
    Array grad{Shape{0}};
    std::shared_ptr<Array> shared_grad;  // see grad_deferred
    TouchedRows touched;                 // of a leaf's grad
    std::vector<RowGradient> row_grads;  // a leaf's, in the order backward met them
    Closure backward;
    Parameter parameter;        // a leaf's
    std::uint64_t version = 0;  // of the parameter, when an op first read it
    std::size_t index = 0;      // on the tape
    Real uniform_grad = 0;      // see grad_deferred
    bool needs_grad = false;
    // grad holds the sum of what has arrived; or, deferred, will when somebody asks for it: it is shared_grad then or,
    // if there is none, uniform_grad all over.
    bool has_grad = false;
    bool grad_deferred = false;
    bool is_leaf = false;
    bool version_known = false;
};

struct TapeRecord;

}  // namespace detail

/// A value on a tape: a handle of 24 bytes, copied freely. Used after its tape has ended, it throws std::logic_error.
class Var {
public:
    /// No value: every call throws std::logic_error.
    Var() = default;

    const Array& value() const;
    const Shape& shape() const { return node().value->shape(); }
    std::size_t rank() const { return shape().size(); }
    /// Throws std::out_of_range if there is no such axis.
    std::size_t dim(std::size_t axis) const;
    std::size_t size() const { return node().value->size(); }
    /// The only element. Throws std::invalid_argument if there is not exactly one.
    Real item() const;
    /// Whether backward will bring a gradient here.
    bool needs_grad() const { return node().needs_grad; }
    /// The gradient that has arrived, zeros if none has; of the value's shape. Stays readable until the tape ends, but
    /// ask again after backward: the array may have moved. (A leaf's moves into its parameter then.)
    /// Throws std::logic_error if the value needs none.
    Array& grad() const;
    Tape& tape() const;
    /// The same value of the same tape (not: equal values)?
    friend bool operator==(const Var&, const Var&) = default;

    // For authors of ops.
    /// A result's values, to be written. Throws std::logic_error for a leaf.
    Array& mutable_value() const;
    /// Where to add a gradient, for kernels that can overwrite: `beta` is 0 if nothing has arrived (the array is
    /// uninitialised then and must be written whole), else 1.
    struct GradTarget {
        Array& array;
        Real beta;
    };
    GradTarget grad_target() const;
    /// Adds g to the gradient of every element. Where nothing else has arrived it is written out only when somebody
    /// asks for grad() (a leaf's at once). Throws std::logic_error if the value needs none.
    void add_uniform_grad(Real g) const;
    /// The gradient of every element, for whoever can do with one number: a pass over memory less. Nothing where the
    /// gradient is an array, or has not arrived.
    std::optional<Real> uniform_grad() const;
    /// grad() of a leaf (V, D), of which only these rows will be written to: the others need not be cleared for it.
    /// Rows may repeat. Throws std::logic_error if this is no leaf or needs no gradient, std::out_of_range for a row
    /// that is not there.
    Array& grad_rows(std::span<const std::int64_t> rows) const;
    /// The gradient that has arrived, reshaped to (n, d), for a gradient by rows to have it without a copy; whoever
    /// asks for grad() later gets a copy. Errors as grad(), std::logic_error for a leaf, and xtensor's for another
    /// number of elements.
    std::shared_ptr<Array> share_grad(std::size_t n, std::size_t d) const;
    /// Makes the array of a workspace of as many elements this value's gradient, for a way back that computes it in
    /// place; the workspace must not be read afterwards. Returns false and does nothing where a gradient has arrived, a
    /// parameter keeps it, or none is needed. Throws std::logic_error for a value of another tape, a leaf or this value
    /// itself, and xtensor's error for another number of elements.
    [[nodiscard]] bool take_grad(Var workspace) const;
    /// Adds a gradient by rows to a leaf. Throws std::logic_error if this is none or needs no gradient,
    /// std::invalid_argument or std::out_of_range if the rows do not fit its shape.
    void add_row_grad(RowGradient gradient) const;
    /// Says how to go back: f reads this value's grad() and adds to those of the inputs that need one. It must not
    /// point into the caller's data. A lambda keeps a copy of an array `const Array& x` by [x = x]; by [=] or [x] it
    /// would copy it twice, because its member is const then and cannot be moved.
    template <class F>
    void on_backward(F&& f) const {
        node().backward.emplace(std::forward<F>(f));
    }

private:
    friend class Tape;
    Var(detail::TapeRecord& record, detail::Node& node, std::uint64_t generation)
        : record_(&record), node_(&node), generation_(generation) {}
    detail::Node& node() const;
    void check_version() const;
    Array& make_grad() const;  // grad() where it is not simply there

    detail::TapeRecord* record_ = nullptr;
    detail::Node* node_ = nullptr;
    std::uint64_t generation_ = 0;
};

/// train: records for backward, dropout is on. eval: records nothing (PyTorch's no_grad), dropout is off.
enum class Mode { train, eval };

/// The rare combinations, such as recording with dropout off.
struct TapeOptions {
    bool record = true;    ///< keep what backward needs
    bool training = true;  ///< what Tape::training() says: dropout draws, max_norm writes into its table
    Rng* rng = nullptr;    ///< drawn from by dropout; outlives the tape
};

/// One run of a model. Made for one step and dropped; used by one thread. Values made on it end with it.
class Tape {
public:
    explicit Tape(Mode mode = Mode::train)
        : Tape(TapeOptions{.record = mode == Mode::train, .training = mode == Mode::train}) {}
    Tape(Mode mode, Rng& rng)
        : Tape(TapeOptions{.record = mode == Mode::train, .training = mode == Mode::train, .rng = &rng}) {}
    explicit Tape(const TapeOptions& options);
    Tape(const Tape&) = delete;
    Tape& operator=(const Tape&) = delete;
    ~Tape();

    /// The parameter's values on this tape, not copied. The same parameter gives the same Var.
    Var leaf(const Parameter& parameter);
    /// A value without a gradient, copied or moved here.
    Var constant(Array value);

    /// For authors of ops: room for a result, uninitialised. It needs a gradient if an input does and the tape records.
    /// Throws std::logic_error if an input is stale or belongs to another tape.
    Var result(const Shape& shape, std::span<const Var> inputs);
    Var result(const Shape& shape, std::initializer_list<Var> inputs) {
        return result(shape, std::span<const Var>(inputs.begin(), inputs.size()));
    }
    /// For authors of ops: room for what forward keeps for backward, uninitialised.
    Var workspace(const Shape& shape) { return result(shape, std::span<const Var>()); }

    /// Adds dloss/dp to the gradient of every parameter p with requires_grad. `loss` has one element.
    /// Once per tape. If it throws, no parameter has changed.
    /// Throws std::invalid_argument for more elements, std::logic_error if there is nothing to go back through, on a
    /// second call, if values that are needed have changed since, or if a parameter is in another thread's backward.
    void backward(Var loss);
    /// The same from a given gradient of root's shape.
    void backward(Var root, const Array& gradient);

    bool training() const { return options_.training; }
    bool recording() const { return options_.record; }
    /// Throws std::logic_error if the tape was made without one.
    Rng& rng() const;
    /// Values on the tape, leaves and constants included.
    std::size_t size() const;

private:
    Var add_node(bool needs_grad);
    void check_input(const Var& input) const;
    void run_backward(std::size_t root_index);

    TapeOptions options_;
    detail::TapeRecord& record_;
    std::uint64_t generation_;
    bool backward_done_ = false;
};

namespace detail {

/// The nodes of a tape. Records live as long as the process and are used again, so that a stale Var can always ask.
struct TapeRecord {
    static constexpr std::size_t kChunk = 128;

    std::atomic<std::uint64_t> generation{0};
    Tape* tape = nullptr;
    std::vector<std::unique_ptr<Node[]>> chunks;  // node addresses stay put while the tape grows
    std::size_t size = 0;
    std::size_t last_size = 0;            // of the tape before
    TapeRecord* next = nullptr;           // in a list of records that no tape uses
    std::vector<std::size_t> leaf_slots;  // open addressing from parameter to node index + 1
    std::vector<std::size_t> leaves;      // node indices of the leaves
    bool in_backward = false;

    Node& at(std::size_t index) { return chunks[index / kChunk][index % kChunk]; }
    /// Gives the memory back; only while no tape uses the record.
    void release();
};

[[noreturn]] void fail_stale();
[[noreturn]] void fail_leaf_write();

}  // namespace detail

inline detail::Node& Var::node() const {
    if (record_ == nullptr || record_->generation.load(std::memory_order_acquire) != generation_) [[unlikely]]
        detail::fail_stale();
    return *node_;
}

inline const Array& Var::value() const {
    const detail::Node& node = this->node();
    if (node.is_leaf) [[unlikely]]
        check_version();
    return *node.value;
}

inline Array& Var::grad() const {
    detail::Node& node = this->node();
    if (node.has_grad && !node.grad_deferred && !node.is_leaf) [[likely]]
        return node.grad;
    return make_grad();
}

[[gnu::always_inline]] inline std::optional<Real> Var::uniform_grad() const {
    const detail::Node& node = this->node();
    if (!node.grad_deferred || node.shared_grad != nullptr) return std::nullopt;
    return node.uniform_grad;
}

inline Array& Var::mutable_value() const {
    detail::Node& node = this->node();
    if (node.is_leaf) [[unlikely]]
        detail::fail_leaf_write();
    return node.own_value;
}

inline Tape& Var::tape() const {
    node();
    return *record_->tape;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
