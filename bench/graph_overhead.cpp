// What the engine itself costs an operation: 500 times y = y * w, y = y + b on one element.
#include <benchmark/benchmark.h>

#include <embergrad/embergrad.hpp>

using namespace embergrad;

namespace {

constexpr int kPairs = 500;

/// Forward and backward of 1000 scalar operations, all three values trainable; reports nanoseconds an operation.
void graph_overhead(benchmark::State& state) {
    const Parameter x(ones({1})), w(full({1}, static_cast<Real>(0.999))), b(full({1}, static_cast<Real>(0.001)));
    for (auto _ : state) {
        for (const Parameter& parameter : {x, w, b}) parameter.zero_grad();
        Tape tape;
        Var y = tape.leaf(x);
        const Var factor = tape.leaf(w), offset = tape.leaf(b);
        for (int i = 0; i < kPairs; ++i) y = y * factor + offset;
        tape.backward(y);
        benchmark::DoNotOptimize(w.grad().data());
    }
    state.counters["per_op"] =
        benchmark::Counter(2 * kPairs, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// The same forward pass on an eval tape, which records nothing.
void graph_overhead_eval(benchmark::State& state) {
    const Parameter x(ones({1})), w(full({1}, static_cast<Real>(0.999))), b(full({1}, static_cast<Real>(0.001)));
    for (auto _ : state) {
        Tape tape(Mode::eval);
        Var y = tape.leaf(x);
        const Var factor = tape.leaf(w), offset = tape.leaf(b);
        for (int i = 0; i < kPairs; ++i) y = y * factor + offset;
        benchmark::DoNotOptimize(y.item());
    }
    state.counters["per_op"] =
        benchmark::Counter(2 * kPairs, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

BENCHMARK(graph_overhead)->Unit(benchmark::kMicrosecond);
BENCHMARK(graph_overhead_eval)->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    set_num_threads(1);
    benchmark::AddCustomContext("embergrad", "\n" + to_string(build_info()));
    benchmark::RunSpecifiedBenchmarks();
}
