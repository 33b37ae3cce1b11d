// Tape: recording and going back.
#include <embergrad/engine/tape.hpp>

#include <algorithm>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::Leaf;
using detail::Node;
using detail::TapeRecord;

/// Holds the parameters of a tape while it goes back; two threads on one parameter are refused, not raced.
class BackwardGuard {
public:
    explicit BackwardGuard(TapeRecord& record) : record_(record) {
        for (; held_ < record.leaves.size(); ++held_) {
            const Leaf& leaf = record.leaves[held_];
            if (record.node_of(leaf).needs_grad && !leaf.parameter.try_begin_backward()) {
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
            const Leaf& leaf = record_.leaves[i];
            if (record_.node_of(leaf).needs_grad) leaf.parameter.end_backward();
        }
        held_ = 0;
    }

    TapeRecord& record_;
    std::size_t held_ = 0;
};

/// An op may have left a misfit: refused before any parameter changes.
void check_gradient(const Leaf& leaf, const Gradient& arrived) {
    require<std::logic_error>(!arrived.is_array() || same_shape(arrived.held_array().shape(), leaf.parameter.shape()),
                              "backward: an op left a gradient of shape ", arrived.held_array().shape(),
                              " for a parameter of shape ", leaf.parameter.shape());
    leaf.parameter.check_gradient();
}

}  // namespace

Tape::Tape(const TapeOptions& options)
    : options_(options), record_(TapeRecord::take()), generation_(++record_.generation) {
    record_.tape = this;
}

Tape::~Tape() {
    ++record_.generation;  // from here on every Var of this tape is stale
    record_.recycle();
    record_.tape = nullptr;
    TapeRecord::give_back(record_);
}

std::size_t Tape::size() const { return record_.size; }

Rng& Tape::rng() const {
    require<std::logic_error>(options_.rng != nullptr,
                              "Tape: this tape has no random numbers; make it with Tape(Mode::train, rng)");
    return *options_.rng;
}

Var Tape::leaf(const Parameter& parameter) {
    require<std::logic_error>(parameter.defined(), "Tape::leaf: the parameter handle is empty");
    return var_of(record_.leaf_node(parameter, recording() && parameter.requires_grad()));
}

Var Tape::constant(Array value) {
    const Var constant = var_of(record_.add_node(false));
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
    const Var result = var_of(record_.add_node(needs_grad));
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
    std::copy_n(gradient.data(), gradient.size(), root.gradient().target().array.data());
    run_backward(root.node_->index);
    for (const Leaf& leaf : record_.leaves) check_gradient(leaf, record_.node_of(leaf).gradient);
    for (const Leaf& leaf : record_.leaves) {
        if (leaf.parameter.requires_grad()) leaf.parameter.add_grad(std::move(record_.node_of(leaf).gradient));
    }
}

void Tape::run_backward(std::size_t root_index) {
    for (std::size_t i = root_index + 1; i-- > 0;) {
        Node& node = record_.at(i);
        if (node.backward && !node.gradient.is_nothing()) node.backward();
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

void Var::check_version() const {
    Leaf& leaf = record_->leaves[node_->leaf];
    const std::uint64_t version = leaf.parameter.version();
    if (!leaf.version_known) {
        leaf.version = version;
        leaf.version_known = true;
    }
    require<std::logic_error>(!record_->in_backward || leaf.version == version,
                              "backward: the values of a parameter of shape ", shape(),
                              " are needed but have changed since forward (version ", leaf.version, ", now ", version,
                              "); step the optimizer after backward");
}

void Var::fail_leaf_write() {
    fail<std::logic_error>("Var::mutable_value: a leaf's values are its parameter's; see Parameter::mutable_value");
}

void Var::fail_no_gradient() { fail<std::logic_error>("Var::grad: this value needs no gradient"); }

void Var::fail_stale() {
    fail<std::logic_error>("Var: used after its tape has ended (or never assigned); values live as long as their tape");
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
