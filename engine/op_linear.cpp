// Matrix products: matmul and linear, one gemm forward and up to two on the way back.
#include <embergrad/engine/kernels/lanes.hpp>
#include <embergrad/engine/kernels/product/gemm.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::gemm;
using detail::N;
using detail::T;

/// The product of all extents but the last: x is (rows, in).
std::size_t rows_of(const Var& x) {
    std::size_t rows = 1;
    for (std::size_t axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.dim(axis);
    return rows;
}

/// y = x weight^T (+ bias): `bias` is an empty Var where there is none.
Var linear_with(const Var& x, const Var& weight, const Var& bias, bool has_bias) {
    require(weight.rank() == 2, "linear: weight must be (out, in), not ", weight.shape());
    const std::size_t out = weight.dim(0), in = weight.dim(1);
    require(x.rank() >= 1 && x.dim(x.rank() - 1) == in, "linear: cannot apply a weight of shape ", weight.shape(),
            " to an input of shape ", x.shape());
    require(!has_bias || bias.shape() == Shape{out}, "linear: bias must be of shape ", Shape{out}, " for a weight of ",
            weight.shape(), ", not ", has_bias ? bias.shape() : Shape{});

    const std::size_t rows = rows_of(x);
    Shape shape = x.shape();
    shape.back() = out;
    const Var y = has_bias ? x.tape().result(shape, {x, weight, bias}) : x.tape().result(shape, {x, weight});
    Real* to = y.mutable_value().data();
    const Real *from = x.data(), *w = weight.data();
    if (has_bias) {
        detail::gemm_with_bias(N, T, rows, out, in, from, w, bias.data(), to);
    } else {
        gemm(N, T, rows, out, in, from, w, false, to);
    }
    return y;
}

void add_linear_gradients(Gradient& from_y, const Var& x, const Var& weight) {
    const std::size_t rows = rows_of(x), out = weight.dim(0), in = weight.dim(1);
    const Real* dy = from_y.read().data();
    if (x.needs_grad()) {               // dx += dy weight
        const Real* w = weight.data();  // may throw: before a target is there to be written
        const auto [dx, add] = x.gradient().target();
        gemm(N, N, rows, in, out, dy, w, add, dx.data());
    }
    if (weight.needs_grad()) {  // dweight += dy^T x
        const Real* from = x.data();
        const auto [dweight, add] = weight.gradient().target();
        gemm(T, N, out, in, rows, dy, from, add, dweight.data());
    }
}

/// dbias += the sum of dy's rows
void add_bias_gradient(Gradient& from_y, std::size_t rows, Gradient& bias) {
    const Real* dy = from_y.read().data();
    const auto [dbias, add] = bias.target();
    detail::sum_rows(dy, rows, dbias.size(), 1, add, dbias.data());
}

}  // namespace

Var matmul(Var a, Var b) {
    require(a.rank() == 2 && b.rank() == 2 && a.dim(1) == b.dim(0), "matmul: cannot multiply ", a.shape(), " by ",
            b.shape());
    const std::size_t m = a.dim(0), k = a.dim(1), n = b.dim(1);
    const Var out = a.tape().result({m, n}, {a, b});
    gemm(N, N, m, n, k, a.data(), b.data(), false, out.mutable_value().data());

    if (out.needs_grad()) {
        out.on_backward([a, b, m, k, n, from_out = &out.gradient()] {
            const Real* dout = from_out->read().data();
            if (a.needs_grad()) {              // da += dout b^T
                const Real* right = b.data();  // may throw: before a target is there to be written
                const auto [da, add] = a.gradient().target();
                gemm(N, T, m, k, n, dout, right, add, da.data());
            }
            if (b.needs_grad()) {  // db += a^T dout
                const Real* left = a.data();
                const auto [db, add] = b.gradient().target();
                gemm(T, N, k, n, m, left, dout, add, db.data());
            }
        });
    }
    return out;
}

Var linear(Var x, Var weight, Var bias) {
    const Var y = linear_with(x, weight, bias, true);
    if (y.needs_grad()) {
        y.on_backward([x, weight, dy = &y.gradient(), dbias = bias.gradient_if_needed()] {
            add_linear_gradients(*dy, x, weight);
            if (dbias != nullptr) add_bias_gradient(*dy, rows_of(x), *dbias);
        });
    }
    return y;
}

Var linear(Var x, Var weight) {
    const Var y = linear_with(x, weight, Var(), false);
    if (y.needs_grad()) y.on_backward([x, weight, dy = &y.gradient()] { add_linear_gradients(*dy, x, weight); });
    return y;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
