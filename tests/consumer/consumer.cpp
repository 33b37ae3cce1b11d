// A program of a user's own: it says which library it got, trains a table and a linear layer, and says how far the
// loss fell.
#include <embergrad/embergrad.hpp>

#include <cstdio>

using namespace embergrad;

int main() {
    std::puts(to_string(build_info()).c_str());

    Rng rng(42);
    const Embedding table(6, 8, rng, {.padding_idx = 0});
    const Linear linear(8, 2, rng);
    std::vector<Parameter> parameters = table.parameters();
    for (const Parameter& parameter : linear.parameters()) parameters.push_back(parameter);
    Adam optimizer(parameters, {.lr = 0.05});

    const IdArray tokens = {{1, 2, 0}, {3, 2, 4}, {5, 0, 0}}, lengths = {2, 3, 1}, labels = {0, 1, 0};
    std::vector<Real> losses;
    for (int step = 0; step < 50; ++step) {
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
