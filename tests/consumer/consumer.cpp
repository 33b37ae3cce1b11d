// A program of a user's own: it says which library it got, checks ops of its own, trains a table and a linear layer,
// and says how far the loss fell. It has names of its own, and compiles under -Wconversion.
#include <embergrad/embergrad.hpp>

#include <cstdio>
#include <iostream>

#include "custom_op.hpp"

using namespace embergrad;

namespace {

struct Run {
    int steps = 0;
};

bool check_custom_ops() {
    const Parameter x(Array{{1, -0.5}, {0.25, 2}});
    const auto f = [&](Tape& tape) { return square(upside_down(tape.leaf(x) * 0.1)) + upside_down(tape.leaf(x)); };
    const GradcheckResult result = gradcheck(f, {x});
    std::cout << "custom ops: " << (result.ok ? "right" : result.message) << '\n' << x << '\n';
    return result.ok;
}

}  // namespace

int main() {
    std::puts(to_string(build_info()).c_str());

    if (!check_custom_ops()) return 1;

    Rng rng(42);
    const Embedding table(6, 8, rng, {.padding_idx = 0});
    const Linear linear(8, 2, rng);
    std::vector<Parameter> parameters = table.parameters();
    for (const Parameter& parameter : linear.parameters()) parameters.push_back(parameter);
    Adam optimizer(parameters, {.lr = 0.05});

    const IdArray tokens = {{1, 2, 0}, {3, 2, 4}, {5, 0, 0}}, lengths = {2, 3, 1}, labels = {0, 1, 0};
    std::vector<Real> losses;
    for (Run run; run.steps < 50; ++run.steps) {
        Tape tape(Mode::train, rng);
        const Var loss = cross_entropy(linear(masked_mean(table(tape, tokens), lengths)), labels);
        optimizer.zero_grad();
        tape.backward(loss);
        optimizer.step();
        losses.push_back(loss.item());
    }

    const bool fell = losses.back() < losses.front() / 10;
    std::printf("the loss %s from %.3f to %.3f\n", fell ? "fell" : "did not fall", static_cast<double>(losses.front()),
                static_cast<double>(losses.back()));
    return fell ? 0 : 1;
}
