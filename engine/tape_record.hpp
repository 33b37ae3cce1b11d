// Tape record: the nodes, leaves and closures that a tape is made of. Internal; the tape itself is in tape.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/gradient/gradient.hpp>
#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/system/memory.hpp>
#include <embergrad/engine/system/sanitizer.hpp>

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

    /// Keeps what make() returns, built in its place.
    template <class Make>
    void emplace(Make&& make) {
        using F = decltype(make());
        reset();
        if constexpr (sizeof(F) > sizeof(buffer_) || alignof(F) > alignof(std::max_align_t)) {
            far_ = allocate_block(sizeof(F));
            far_bytes_ = sizeof(F);
        }
        ::new (place()) F(make());
        call_ = [](void* raw) { (*static_cast<F*>(raw))(); };
        if constexpr (!std::is_trivially_destructible_v<F>) {
            destroy_ = [](void* raw) { static_cast<F*>(raw)->~F(); };
        }
    }
    void operator()() { call_(place()); }
    explicit operator bool() const { return call_ != nullptr; }
    void reset() {
        call_ = nullptr;
        if (destroy_ != nullptr) std::exchange(destroy_, nullptr)(place());
        if (far_ != nullptr) free_block(std::exchange(far_, nullptr), far_bytes_);
    }

private:
    void* place() { return far_ != nullptr ? far_ : buffer_; }

    alignas(std::max_align_t) std::byte buffer_[96];  // four Vars
    void* far_ = nullptr;
    std::size_t far_bytes_ = 0;
    void (*call_)(void*) = nullptr;
    void (*destroy_)(void*) = nullptr;
};

/// One value on a tape, its gradient and the way back. What every op reads comes first, in one cache line.
struct alignas(64) Node {
    static constexpr std::size_t kNoLeaf = ~std::size_t{0};

    const Array* value = nullptr;  // own_value, or a leaf's parameter's
    std::size_t index = 0;         // on the tape
    std::size_t leaf = kNoLeaf;    // among the leaves
    std::uint32_t handles = 0;     // Vars that can read the value
    bool needs_grad = false;
    bool is_shown = false;      // somebody may hold a reference to the value
    bool is_forgotten = false;  // nobody can read it: own_value has its shape alone
    int line = 0;               // where its op called Tape::result
    const char* file = nullptr;
    Gradient gradient;
    Array own_value{Shape{0}};
    Closure backward;

    bool is_leaf() const { return leaf != kNoLeaf; }
    /// The last handle is gone: the memory can be used again. The shape stays, for the gradient.
    void forget_value();
    /// Between tapes a reference to the value or its gradient is one to nothing, and AddressSanitizer says so.
    void allow_use() const { allow_access(&gradient, bytes_of_contents()); }
    void forbid_use() const { forbid_access(&gradient, bytes_of_contents()); }
    std::size_t bytes_of_contents() const {
        return static_cast<std::size_t>(reinterpret_cast<const char*>(this + 1) -
                                        reinterpret_cast<const char*>(&gradient));
    }

    Node() = default;
    ~Node() { allow_use(); }
};

/// A parameter on a tape.
struct Leaf {
    Parameter parameter;
    std::size_t node;           // its index
    std::size_t size;           // of the parameter; it grows if rows are added
    std::uint64_t version = 0;  // of the parameter's values, when they were first read
    std::uint64_t renorms = 0;  // its renorm_count() then
    bool version_known = false;

    void note_version();
    /// The values have changed since: std::logic_error says by what, as far as it is known.
    [[noreturn]] void fail_changed() const;
};

/// The nodes of a tape. Records live as long as the process and are used again, so that a stale Var can always ask.
struct TapeRecord {
    static constexpr std::size_t kChunk = 128;

    std::atomic<std::uint64_t> generation{0};
    Tape* tape = nullptr;
    std::vector<std::unique_ptr<Node[]>> chunks;  // node addresses stay put while the tape grows
    std::size_t size = 0;
    std::size_t last_size = 0;   // of the tape before
    TapeRecord* next = nullptr;  // in a list of records that no tape uses
    std::vector<Leaf> leaves;
    std::vector<std::size_t> leaf_slots;  // open addressing from parameter to its position among the leaves + 1
    bool in_backward = false;

    Node& at(std::size_t index) const { return chunks[index / kChunk][index % kChunk]; }
    Node& node_of(const Leaf& leaf) const { return at(leaf.node); }
    /// Appends a node that owns its value.
    Node& add_node(bool needs_grad) {
        if (size == chunks.size() * kChunk) chunks.push_back(std::make_unique<Node[]>(kChunk));
        Node& node = at(size);
        node.allow_use();
        node.index = size++;
        node.value = &node.own_value;
        node.needs_grad = needs_grad;
        node.gradient.bind(node.own_value.shape(), false);
        return node;
    }
    /// The node of a parameter; a new one where it has none yet.
    Node& leaf_node(const Parameter& parameter, bool needs_grad);
    /// Throws std::logic_error if rows were added to a parameter since: ways back are made for the old shape.
    void check_sizes() const;
    /// The parameters that need a gradient here.
    std::vector<Parameter> trainable_leaves() const;
    /// Makes everything ready for the next tape.
    void recycle();
    /// Gives the memory back; only while no tape uses the record.
    void release();

    /// A record for a tape of the calling thread; warm, if the thread had one before.
    static TapeRecord& take();
    static void give_back(TapeRecord& record) noexcept;
};

}  // namespace detail

}  // namespace embergrad::inline EMBERGRAD_PRECISION
