// W11: Linear(512, 512) on a trainable x of 512 x 512, forward and backward from a given gradient (0.805 GFLOP).
#include "harness.hpp"

using namespace bench;

namespace {

class LinearStep : public Item {
public:
    explicit LinearStep(const Inputs& inputs)
        : rng_(1), linear_(512, 512, rng_), x_(inputs.reals("linear.x")), gradient_(inputs.reals("linear.dout")) {
        inputs.load_weights(linear_, "linear");
    }

    void repeat(std::size_t, Results* results) override {
        linear_.zero_grad();
        x_.zero_grad();
        Tape tape;
        const Var out = linear_(tape.leaf(x_));
        tape.backward(out, gradient_);
        if (results == nullptr) return;
        results->add("output", out.value());
        results->add_gradient("x", x_);
        results->add_gradients(linear_);
    }

private:
    Rng rng_;
    Linear linear_;
    Parameter x_;
    Array gradient_;
};

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv, {{"W11", [](const Inputs& inputs) { return std::make_unique<LinearStep>(inputs); }}});
}
