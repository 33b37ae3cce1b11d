// The tape: a flat list of values in the order the ops made them. `backward` is one loop over it from the root to
// the start: no sorting, no recursion. What a value is made of, and how it is used again, is in tape_record.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/gradient/gradient.hpp>
#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/rng.hpp>
#include <embergrad/engine/tape_record.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// A value on a tape: a counted handle of 24 bytes. Used after its tape has ended, it throws std::logic_error. When the
/// last handle goes, and no way back reads the value, its memory is used again.
class Var {
public:
    /// No value: every call throws std::logic_error.
    Var() = default;
    Var(const Var& other) noexcept : record_(other.record_), node_(other.node_), generation_(other.generation_) {
        if (is_current()) ++node_->handles;
    }
    Var(Var&& other) noexcept
        : record_(std::exchange(other.record_, nullptr)), node_(other.node_), generation_(other.generation_) {}
    Var& operator=(Var other) noexcept {
        std::swap(record_, other.record_);
        std::swap(node_, other.node_);
        std::swap(generation_, other.generation_);
        return *this;
    }
    ~Var() {
        if (is_current() && --node_->handles == 0) node_->forget_value();
    }

    /// Whether it is a value at all, of a tape that lives or has ended.
    bool defined() const { return record_ != nullptr; }
    /// Good until the tape ends, even if no handle is left: then the memory is the next tape's.
    const Array& value() const;
    /// The values, to be kept.
    Array value_copy() const { return value(); }
    const Shape& shape() const { return node().value->shape(); }
    std::size_t rank() const { return shape().size(); }
    /// Throws std::out_of_range if there is no such axis.
    std::size_t dim(std::size_t axis) const;
    std::size_t size() const { return node().value->size(); }
    /// The only element. Throws std::invalid_argument if there is not exactly one.
    Real item() const;
    /// Whether backward will bring a gradient here.
    bool needs_grad() const { return node().needs_grad; }
    /// The gradient that has arrived, zeros if none has; of the value's shape. Readable until the tape ends, but call
    /// it again after backward: the array may have moved. A leaf's is in its parameter then, and zeros here; an
    /// embedding's is in its table's gradient, and this throws, unless retain_grad() was called. Throws
    /// std::logic_error if the value needs none. Reading changes nothing: what has not arrived still has not. On the
    /// way back an op may add to the array.
    Array& grad() const;
    /// Keeps grad() of an embedding's result readable after backward, at the price of a copy. Called before backward.
    void retain_grad() const { gradient().retain(); }
    Tape& tape() const;
    /// The same value of the same tape (not: equal values)?
    friend bool operator==(const Var& a, const Var& b) {
        return a.node_ == b.node_ && a.record_ == b.record_ && a.generation_ == b.generation_;
    }

    // For authors of ops.
    /// value().data(), good while a handle lives.
    const Real* data() const { return read().data(); }
    /// A result's values, to be written. Throws std::logic_error for a leaf.
    Array& mutable_value() const;
    /// The gradient as it is held, to be added to in the cheapest way; it lives as long as the tape. Throws
    /// std::logic_error if the value needs none.
    Gradient& gradient() const;
    /// The same; nullptr if the value needs none.
    Gradient* gradient_if_needed() const { return node().needs_grad ? &node_->gradient : nullptr; }
    /// Says how to go back: f reads this value's gradient and adds to those of the inputs that need one. It must own
    /// what it captures. A Var keeps its values until f has run; where the gradient alone is needed, capture its
    /// address. Of `const Array& x` write [x = x]: by [=] or [x] the member is const, and copied twice.
    template <class F>
    void on_backward(F&& f) const {
        on_backward_made([&] { return std::decay_t<F>(std::forward<F>(f)); });
    }
    /// The same for the f that make() returns, built in its place: for ops so small that moving f counts.
    template <class Make>
    void on_backward_made(Make make) const {
        node().backward.emplace(make);
    }

private:
    friend class Tape;
    using Node = detail::Node;
    using Record = detail::TapeRecord;

    Var(Record& record, Node& node, std::uint64_t generation)
        : record_(&record), node_(&node), generation_(generation) {
        ++node.handles;
    }
    bool is_current() const {
        return record_ != nullptr && record_->generation.load(std::memory_order_acquire) == generation_;
    }
    Node& node() const;
    const Array& read() const;
    /// Of a leaf: throws on the way back if its values have changed since they were first read.
    void check_version() const;
    [[noreturn]] static void fail_stale();
    [[noreturn]] static void fail_leaf_write();
    [[noreturn]] static void fail_no_gradient();

    Record* record_ = nullptr;
    Node* node_ = nullptr;
    std::uint64_t generation_ = 0;
};

/// The inputs of an op, for Tape::result: none, `{a}` to `{a, b, c}`, or many. Refers to them.
class OpInputs {
public:
    OpInputs() = default;
    OpInputs(const Var& a) : few_{&a} {}  // NOLINT: braces around the inputs are enough
    OpInputs(const Var& a, const Var& b) : few_{&a, &b} {}
    OpInputs(const Var& a, const Var& b, const Var& c) : few_{&a, &b, &c} {}
    OpInputs(std::span<const Var> many) : many_(many) {}                         // NOLINT
    OpInputs(const std::vector<Var>& many) : many_(many.data(), many.size()) {}  // NOLINT

    template <class Visit>
    void for_each(Visit visit) const {
        for (const Var* one : few_) {
            if (one != nullptr) visit(*one);
        }
        for (const Var& one : many_) visit(one);
    }

private:
    const Var* few_[3] = {};
    std::span<const Var> many_;
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

    /// For authors of ops: room for a result, uninitialised. It needs a gradient if an input does and the tape records;
    /// then say Var::on_backward, or backward() refuses to pass it over, and names the place of this call.
    /// Throws std::logic_error if an input is stale or belongs to another tape.
    Var result(const Shape& shape, const OpInputs& inputs, const char* file = __builtin_FILE(),
               int line = __builtin_LINE());
    /// For authors of ops: room for what forward keeps for backward, uninitialised.
    Var workspace(const Shape& shape) { return result(shape, OpInputs()); }
    /// Ends every value on the tape and goes on with an empty one: for a tape that is used for many runs.
    /// Throws std::logic_error inside backward().
    void clear();

    /// Adds dloss/dp to the gradient of every parameter p with requires_grad. `loss` has one element.
    /// Once per tape. Tapes of several threads may go back at once, also on the same parameters, and one tape in
    /// another's way back. If it throws, no parameter has changed, unless memory runs out while gradients are handed
    /// over. Throws std::invalid_argument for more elements, std::logic_error if there is nothing to go back through,
    /// on a second call, or if values that are needed have changed since.
    void backward(Var loss);
    /// The same from a given gradient of root's shape.
    void backward(Var root, const Array& gradient);

    bool training() const { return options_.training; }
    bool recording() const { return options_.record; }
    /// Throws std::logic_error if the tape was made without one.
    Rng& rng() const;
    /// Values on the tape, leaves and constants included.
    std::size_t size() const;
    /// The parameters with requires_grad that were used here, for Optimizer::check_holds. Throws std::logic_error on an
    /// eval tape, where none is trained.
    std::vector<Parameter> trainable_leaves() const;

private:
    Var var_of(detail::Node& node) const { return Var(record_, node, generation_); }
    void check_input(const Var& input) const;
    void run_backward(std::size_t root_index);
    static void go_back_from(detail::Node& node);
    void check_root(const Var& root) const;
    void go_back(const Var& root, const Array& gradient);
    void hand_over();
    friend void backward(std::span<const Var> losses);

    TapeOptions options_;
    detail::TapeRecord& record_;
    std::uint64_t generation_;
    bool backward_done_ = false;
};

/// Data parallel: goes back from each loss, which have one element and a tape each, on as many threads as there are;
/// what arrives is then added to the parameters in the order of the losses: the same bits whatever the threads.
/// Throws as Tape::backward, and std::invalid_argument if two losses share a tape; no parameter has changed then.
void backward(std::span<const Var> losses);
void backward(std::initializer_list<Var> losses);

inline Var::Node& Var::node() const {
    if (!is_current()) [[unlikely]]
        fail_stale();
    return *node_;
}

inline const Array& Var::read() const {
    const Node& node = this->node();
    if (node.is_leaf()) [[unlikely]]
        check_version();
    return *node.value;
}

inline const Array& Var::value() const {
    const Array& value = read();
    node_->is_shown = true;
    return value;
}

inline Gradient& Var::gradient() const {
    Node& node = this->node();
    if (!node.needs_grad) [[unlikely]]
        fail_no_gradient();
    return node.gradient;
}

inline Array& Var::grad() const {
    Gradient& gradient = this->gradient();
    return record_->in_backward ? gradient.array() : gradient.read();
}

inline Array& Var::mutable_value() const {
    Node& node = this->node();
    if (node.is_leaf()) [[unlikely]]
        fail_leaf_write();
    return node.own_value;
}

inline Tape& Var::tape() const {
    node();
    return *record_->tape;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
