// Optimizer::check_holds and Tape::trainable_leaves: parameters that are used, but not trained, are told of.
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/layers/linear.hpp>
#include <embergrad/layers/module.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/sgd.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

/// Two layers; its visit may forget one.
class TwoLayers : public Module {
public:
    TwoLayers(Rng& rng, bool forgets)
        : hidden_(3, 4, rng, {.bias = false}), output_(4, 2, rng, {.bias = false}), forgets_(forgets) {}
    Var operator()(Tape& tape) const { return output_(hidden_(tape.constant(ones({1, 3})))); }
    void visit(const Visitor& visit) const override {
        visit.child("hidden", hidden_);
        if (!forgets_) visit.child("output", output_);
    }
    const Linear& hidden() const { return hidden_; }
    const Linear& output() const { return output_; }

private:
    Linear hidden_, output_;
    bool forgets_;
};

const std::string kHolds = ": parameters were used that it does not hold, and would never be trained:";
const std::string kWhatToDo =
    "\nlist each in its module's visit() and give it to an optimizer, or call set_requires_grad(false)";

}  // namespace

TEST_CASE("check_holds: a layer that visit forgets is told of, by a check in the first step") {
    Rng rng(1);
    const TwoLayers forgetful(rng, true), whole(rng, false);
    for (const bool after_backward : {false, true}) {
        const SGD sgd(forgetful.parameters(), {.lr = 0.1});
        Tape tape;
        const Var loss = sum(forgetful(tape));
        if (after_backward) tape.backward(loss);
        check_refused<std::logic_error>([&] { sgd.check_holds(tape.trainable_leaves()); },
                                        "SGD" + kHolds + "\n  one without a name of shape (2, 4)" + kWhatToDo);
        CHECK(sgd.not_held(tape.trainable_leaves()) == std::vector{forgetful.output().weight()});
    }
    Tape tape;
    whole(tape);
    CHECK_NOTHROW(SGD(whole.parameters(), {.lr = 0.1}).check_holds(tape.trainable_leaves()));
}

TEST_CASE("check_holds: what was not given to it is told of by name, and another one may hold it") {
    Rng rng(1);
    const TwoLayers model(rng, false);
    Adam hidden(model.hidden().parameters());
    const SGD output(model.output().parameters(), {.lr = 0.1});
    Tape tape;
    model(tape);
    const std::vector<Parameter> used = tape.trainable_leaves();
    check_refused<std::logic_error>([&] { hidden.check_holds(used, model.named_parameters()); },
                                    "Adam" + kHolds + "\n  output.weight of shape (2, 4)" + kWhatToDo);
    check_refused<std::logic_error>([&] { output.check_holds(used, model.named_parameters()); },
                                    "SGD" + kHolds + "\n  hidden.weight of shape (4, 3)" + kWhatToDo);
    CHECK_NOTHROW(output.check_holds(hidden.not_held(used)));
    hidden.add_param_group({.params = model.output().parameters()});
    CHECK_NOTHROW(hidden.check_holds(used));
}

TEST_CASE("check_holds: an optimizer may hold more than was used, and need not hold what is frozen") {
    Rng rng(1);
    const TwoLayers model(rng, true);
    const Adam adam({model.hidden().weight(), Parameter(ones({7}))});
    model.output().set_requires_grad(false);
    Tape tape;
    model(tape);
    CHECK_NOTHROW(adam.check_holds(tape.trainable_leaves()));
    CHECK_NOTHROW(adam.check_holds({}));
}
