// Tape: recording and going back.
#include <embergrad/engine/tape.hpp>

#include <algorithm>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/parallel.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::Leaf;
using detail::Node;
using detail::TapeRecord;

/// While it lives, parameters that are read must be what they were.
class BackwardGuard {
public:
    explicit BackwardGuard(TapeRecord& record) : record_(record) { record.in_backward = true; }
    BackwardGuard(const BackwardGuard&) = delete;
    BackwardGuard& operator=(const BackwardGuard&) = delete;
    ~BackwardGuard() { record_.in_backward = false; }

private:
    TapeRecord& record_;
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

void Tape::clear() {
    require<std::logic_error>(!record_.in_backward, "Tape::clear: not on the way back");
    generation_ = ++record_.generation;
    record_.recycle();
    backward_done_ = false;
}

Tape::~Tape() {
    ++record_.generation;  // from here on every Var of this tape is stale
    record_.recycle();
    record_.tape = nullptr;
    TapeRecord::give_back(record_);
}

std::size_t Tape::size() const { return record_.size; }

std::vector<Parameter> Tape::trainable_leaves() const {
    require<std::logic_error>(recording(),
                              "Tape::trainable_leaves: on an eval tape nothing is trained; ask a train tape");
    return record_.trainable_leaves();
}

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
    Var constant = var_of(record_.add_node(false));
    constant.node_->own_value = std::move(value);
    return constant;
}

void Tape::check_input(const Var& input) const {
    if (input.record_ == &record_ && input.generation_ == generation_) [[likely]]
        return;
    input.node();  // says if it is stale
    require<std::logic_error>(input.record_ == &record_,
                              "Tape: an input belongs to another tape; the inputs of an op must share one");
}

Var Tape::result(const Shape& shape, const OpInputs& inputs, const char* file, int line) {
    bool needs_grad = false;
    inputs.for_each([&](const Var& input) {
        check_input(input);
        needs_grad |= input.node_->needs_grad;
    });
    Var result = var_of(record_.add_node(needs_grad));
    make_room(result.node_->own_value, shape);
    result.node_->file = file;
    result.node_->line = line;
    return result;
}

void Tape::backward(Var loss) {
    require(loss.size() == 1, "backward: the loss must have one element, not shape ", loss.shape(),
            "; for others give a gradient: backward(root, gradient)");
    backward(loss, ones(loss.shape()));
}

void Tape::backward(Var root, const Array& gradient) {
    check_root(root);
    require(gradient.shape() == root.shape(), "backward: a gradient of shape ", gradient.shape(),
            " does not fit a root of shape ", root.shape());
    go_back(root, gradient);
    hand_over();
}

void Tape::check_root(const Var& root) const {
    check_input(root);
    require<std::logic_error>(recording(), "backward: an eval tape records nothing to go back through");
    require<std::logic_error>(root.needs_grad(), "backward: the root does not depend on any trainable parameter");
    require<std::logic_error>(!backward_done_, "backward: a tape goes back once; run forward again on a new tape");
    record_.check_sizes();
}

void Tape::go_back(const Var& root, const Array& gradient) {
    const BackwardGuard guard(record_);
    backward_done_ = true;
    std::copy_n(gradient.data(), gradient.size(), root.gradient().target().array.data());
    run_backward(root.node_->index);
    for (const Leaf& leaf : record_.leaves) check_gradient(leaf, record_.node_of(leaf).gradient);
}

void Tape::hand_over() {
    for (const Leaf& leaf : record_.leaves) {
        if (leaf.parameter.requires_grad()) leaf.parameter.add_grad(std::move(record_.node_of(leaf).gradient));
    }
}

void backward(std::span<const Var> losses) {
    for (std::size_t i = 0; i < losses.size(); ++i) {
        losses[i].tape().check_root(losses[i]);
        require(losses[i].size() == 1, "backward: loss ", i, " must have one element, not shape ", losses[i].shape());
        const auto same_tape = [&](const Var& other) { return &other.tape() == &losses[i].tape(); };
        require(std::count_if(losses.begin(), losses.end(), same_tape) == 1, "backward: loss ", i,
                " shares its tape with another loss; add the two, since a tape goes back once");
    }
    detail::parallel_for(losses.size(), 1, [&](std::size_t i, std::size_t) {
        losses[i].tape().go_back(losses[i], ones(losses[i].shape()));
    });
    for (const Var& loss : losses) loss.tape().hand_over();
}

void backward(std::initializer_list<Var> losses) { backward(std::span<const Var>(losses.begin(), losses.size())); }

void Tape::run_backward(std::size_t root_index) {
    for (std::size_t i = root_index + 1; i-- > 0;) {
        Node& node = record_.at(i);
        if (!node.gradient.is_nothing() && !node.is_leaf())
            go_back_from(node);
        else
            node.backward.reset();
    }
}

void Tape::go_back_from(Node& node) {
    require<std::logic_error>(bool(node.backward), "backward: the op at ", node.file, ":", node.line,
                              " has a result of shape ", node.own_value.shape(),
                              " that needs a gradient, but never said how to go back: call on_backward() on it");
    node.backward();
    node.backward.reset();  // lets go of its inputs, and perhaps of its own result
    if (node.handles == 0) node.gradient.clear();
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
    if (!leaf.version_known) leaf.note_version();
    if (record_->in_backward && leaf.version != leaf.parameter.version()) leaf.fail_changed();
}

void Var::fail_leaf_write() {
    fail<std::logic_error>("Var::mutable_value: a leaf's values are its parameter's; see Parameter::mutable_value");
}

void Var::fail_no_gradient() { fail<std::logic_error>("Var::grad: this value needs no gradient"); }

void Var::fail_stale() {
    fail<std::logic_error>("Var: used after its tape has ended (or never assigned); values live as long as their tape");
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
