// W8: what the engine itself costs an operation; 500 times y = y * w, y = y + b on one element, all three trainable,
// forward and backward.
#include "harness.hpp"

using namespace bench;

namespace {

constexpr int kPairs = 500;

class GraphOverhead : public Item {
public:
    void repeat(std::size_t, Results* results) override {
        for (const Parameter& parameter : {x_, w_, b_}) parameter.zero_grad();
        Tape tape;
        Var y = tape.leaf(x_);
        const Var w = tape.leaf(w_), b = tape.leaf(b_);
        for (int i = 0; i < kPairs; ++i) {
            y = y * w;
            y = y + b;
        }
        tape.backward(y);
        if (results == nullptr) return;
        results->add("output", y.value());
        results->add_gradient("x", x_);
        results->add_gradient("w", w_);
        results->add_gradient("b", b_);
    }

private:
    Parameter x_{ones({1})}, w_{full({1}, static_cast<Real>(0.999))}, b_{full({1}, static_cast<Real>(0.001))};
};

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv, {{"W8", [](const Inputs&) { return std::make_unique<GraphOverhead>(); }, 2 * kPairs}});
}
