// Our own matrix product beside BLAS's, in turn, at the shapes of linear layers: where is_packed_faster() draws the
// line, and how far the machine's best is. Prints how many 10^9 operations a second each way makes, and the quartiles
// of how many times as fast ours is:
//   build/release/bench/products [PART OF A NAME]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <embergrad/engine/kernels/product/blas.hpp>
#include <embergrad/engine/kernels/product/matrix_view.hpp>
#include <embergrad/engine/kernels/product/packed.hpp>
#include <embergrad/engine/rng.hpp>
#include <embergrad/engine/system/memory.hpp>
#include <string>
#include <vector>

using namespace embergrad;
using detail::MatrixView;
using detail::N;
using detail::T;

namespace {

constexpr std::size_t kTurns = 41;
constexpr double kShortest = 2e-4;  // seconds of a turn

struct Extents {
    std::size_t rows, columns;
};

struct Matrix {
    std::vector<Real, Allocator<Real>> values;
    MatrixView view;

    Matrix(detail::Transpose transpose, Extents shape, Rng& rng) : values(shape.rows * shape.columns) {
        std::generate(values.begin(), values.end(), [&] { return static_cast<Real>(rng.uniform(-1, 1)); });
        view = view_of(transpose, values.data(), shape.rows, shape.columns);
    }
};

template <class Body>
double seconds_of(std::size_t times, Body body) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < times; ++i) body();
    const std::chrono::duration<double> all = std::chrono::steady_clock::now() - begin;
    return all.count() / static_cast<double>(times);
}

double quantile(std::vector<double> values, double q) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

void compare(const std::string& name, detail::Transpose ta, detail::Transpose tb, std::size_t m, std::size_t n,
             std::size_t k) {
    Rng rng(1);
    const Matrix a(ta, {m, k}, rng), b(tb, {k, n}, rng);
    Matrix c(N, {m, n}, rng);
    Real* to = c.values.data();
    const auto blas = [&] { detail::blas_gemm(m, n, k, a.view, b.view, false, to, n); };
    const detail::MatrixProduct product{m, n, k, a.view, b.view, {}, to, n};
    const auto ours = [&] { detail::multiply_packed(product); };

    const double operations = 2e-9 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
    const std::size_t times = 1 + static_cast<std::size_t>(kShortest / seconds_of(3, ours));
    std::vector<double> blas_speed, our_speed, ratio;
    for (std::size_t turn = 0; turn < kTurns; ++turn) {
        if (turn % 2 == 0) blas_speed.push_back(operations / seconds_of(times, blas));
        our_speed.push_back(operations / seconds_of(times, ours));
        if (turn % 2 == 1) blas_speed.push_back(operations / seconds_of(times, blas));
        ratio.push_back(our_speed.back() / blas_speed.back());
    }
    std::printf("%-28s %6.1f %6.1f   %.2f %.2f %.2f   %s\n", name.c_str(), quantile(blas_speed, 0.5),
                quantile(our_speed, 0.5), quantile(ratio, 0.25), quantile(ratio, 0.5), quantile(ratio, 0.75),
                detail::is_packed_faster(product) ? "ours" : "BLAS");
    std::fflush(stdout);
}

/// The three products of a linear layer: forward, and the gradients of its input and of its weight.
void compare_layer(std::size_t rows, std::size_t in, std::size_t out, const std::string& wanted) {
    const std::string layer = std::to_string(rows) + " x " + std::to_string(in) + " to " + std::to_string(out);
    const auto is_wanted = [&](const std::string& name) { return name.find(wanted) != std::string::npos; };
    if (is_wanted(layer + " y")) compare(layer + " y", N, T, rows, out, in);
    if (is_wanted(layer + " dx")) compare(layer + " dx", N, N, rows, in, out);
    if (is_wanted(layer + " dw")) compare(layer + " dw", T, N, out, in, rows);
}

}  // namespace

int main(int argc, char** argv) {
    if (!detail::has_packed_product()) return std::puts("products: this machine has no AVX2"), 0;
    std::puts("rows x in to out               BLAS   ours   times as fast     taken");
    const std::string wanted = argc > 1 ? argv[1] : "";
    for (std::size_t rows : {1U, 4U, 12U, 32U, 128U}) {
        for (const Extents layer : {Extents{64, 6}, {128, 64}, {300, 100}, {128, 1000}, {128, 10'000}, {1024, 1024}})
            compare_layer(rows, layer.rows, layer.columns, wanted);
    }
    compare_layer(64, 128, 10'000, wanted);  // W6
    compare_layer(64, 256, 128, wanted);
    compare_layer(1600, 64, 300, wanted);  // W7
    compare_layer(512, 512, 512, wanted);  // W11
    compare_layer(1024, 1024, 1024, wanted);
}
