// Adagrad: one pass over gradient, values and sums of squares, of a whole parameter or of one row.
#include <embergrad/optim/adagrad.hpp>

#include <cmath>
#include <utility>

#include <embergrad/engine/gradient/gradient_runs.hpp>
#include <embergrad/engine/gradient/row_sums.hpp>
#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/system/error.hpp>
#include <embergrad/optim/options.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// What the loop needs, worked out in double.
struct Factors {
    Real sign, weight_decay, lr, eps;
};

Factors factors(const ParamGroup& group, std::int64_t t) {
    const double lr = *group.lr / (1 + static_cast<double>(t - 1) * *group.lr_decay);
    return {.sign = static_cast<Real>(*group.maximize ? -1 : 1),
            .weight_decay = static_cast<Real>(*group.weight_decay),
            .lr = static_cast<Real>(lr),
            .eps = static_cast<Real>(*group.eps)};
}

EMBERGRAD_SIMD void adagrad_pass(Factors f, std::size_t n, const Real* __restrict g, Real* __restrict p,
                                 Real* __restrict s) {
    for (std::size_t i = 0; i < n; ++i) {
        Real gradient = f.sign * detail::entry(g, i);
        if (f.weight_decay != 0) gradient += f.weight_decay * p[i];  // 0 times an infinite p would be NaN
        s[i] += gradient * gradient;
        p[i] -= f.lr * gradient / (std::sqrt(s[i]) + f.eps);
    }
}

}  // namespace

Adagrad::Adagrad(ParamGroups groups, const AdagradOptions& options)
    : Optimizer("Adagrad", detail::group_of(options), {"sum"}) {
    start(std::move(groups));
}

std::string Adagrad::gradient_problem(const Parameter& parameter, const ParamGroup& group) const {
    if (parameter.gradient_kind() == GradientKind::dense || *group.weight_decay == 0) return {};
    return "a gradient by rows, for which weight_decay must be 0, not " + number_text(*group.weight_decay);
}

void Adagrad::update(std::size_t index, const Parameter& parameter, const ParamGroup& group) {
    Real* s = kept(index, 0);
    const Factors f = factors(group, ++state(index).step);
    if (parameter.gradient_kind() == GradientKind::dense) {
        Real* p = parameter.mutable_value().data();
        return detail::for_each_run(
            parameter.gradient(), parameter.trainable_runs(),
            [=](std::size_t i, std::size_t end, const Real* g) { adagrad_pass(f, end - i, g, p + i, s + i); });
    }
    const RowGradient& gradient = parameter.row_grad();
    if (gradient.size() == 0) return;
    const std::size_t d = gradient.width();
    Real* p = parameter.mutable_value().data();
    detail::for_each_row(
        gradient,
        [=](std::size_t row) {
            for (const Real* values : {p, s}) detail::prefetch_row(values + row * d, d);
        },
        [=](std::size_t row, const Real* g) { adagrad_pass(f, d, g, p + row * d, s + row * d); });
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
