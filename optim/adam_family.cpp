// AdamFamily: one pass over gradient, values and moments, of a whole parameter or of one row.
#include <embergrad/optim/adam_family.hpp>

#include <cmath>

#include <embergrad/engine/gradient/gradient_runs.hpp>
#include <embergrad/engine/gradient/row_sums.hpp>
#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::entry, detail::for_each_row, detail::for_each_run, detail::prefetch_row;

/// What the loops need, worked out in double.
struct Factors {
    Real sign, weight_decay, shrink;  // weight decay of the gradient, or of the values: p <- shrink p
    Real beta1, rest1, beta2, rest2;  // rest = 1 - beta
    Real step_size, correction, eps;  // p <- p - step_size m / (correction sqrt(v) + eps)
};

/// All but the weight decay, the step size and the correction, which depend on the rule.
Factors common_factors(const ParamGroup& group) {
    const auto [beta1, beta2] = *group.betas;
    return {.sign = static_cast<Real>(*group.maximize ? -1 : 1),
            .weight_decay = 0,
            .shrink = 1,
            .beta1 = static_cast<Real>(beta1),
            .rest1 = static_cast<Real>(1 - beta1),
            .beta2 = static_cast<Real>(beta2),
            .rest2 = static_cast<Real>(1 - beta2),
            .step_size = 0,
            .correction = 1,
            .eps = static_cast<Real>(*group.eps)};
}

Factors dense_factors(const ParamGroup& group, std::int64_t step, bool decay_values) {
    const auto [beta1, beta2] = *group.betas;
    const auto t = static_cast<double>(step);
    Factors f = common_factors(group);
    f.step_size = static_cast<Real>(*group.lr / (1 - std::pow(beta1, t)));
    f.correction = static_cast<Real>(1 / std::sqrt(1 - std::pow(beta2, t)));
    if (decay_values)
        f.shrink = static_cast<Real>(1 - *group.lr * *group.weight_decay);
    else
        f.weight_decay = static_cast<Real>(*group.weight_decay);
    return f;
}

Factors row_factors(const ParamGroup& group, std::int64_t step) {
    const auto [beta1, beta2] = *group.betas;
    const auto t = static_cast<double>(step);
    Factors f = common_factors(group);
    f.step_size = static_cast<Real>(*group.lr * (std::sqrt(1 - std::pow(beta2, t)) / (1 - std::pow(beta1, t))));
    return f;
}

[[gnu::always_inline]] inline void update_moments(const Factors& f, Real g, Real p, Real& m, Real& v) {
    Real gradient = f.sign * g;
    if (f.weight_decay != 0) gradient += f.weight_decay * p;  // 0 times an infinite p would be NaN
    m = f.beta1 * m + f.rest1 * gradient;
    v = f.beta2 * v + f.rest2 * gradient * gradient;
}

[[gnu::always_inline]] inline Real movement(const Factors& f, Real m, Real v) {
    return f.step_size * m / (f.correction * std::sqrt(v) + f.eps);
}

EMBERGRAD_SIMD void adam_pass(Factors f, std::size_t n, const Real* __restrict g, Real* __restrict p,
                              Real* __restrict m, Real* __restrict v) {
    for (std::size_t i = 0; i < n; ++i) {
        update_moments(f, entry(g, i), p[i], m[i], v[i]);
        p[i] = f.shrink * p[i] - movement(f, m[i], v[i]);
    }
}

EMBERGRAD_SIMD void amsgrad_pass(Factors f, std::size_t n, const Real* __restrict g, Real* __restrict p,
                                 Real* __restrict m, Real* __restrict v, Real* __restrict largest) {
    for (std::size_t i = 0; i < n; ++i) {
        update_moments(f, entry(g, i), p[i], m[i], v[i]);
        largest[i] = largest[i] > v[i] ? largest[i] : v[i];
        p[i] = f.shrink * p[i] - movement(f, m[i], largest[i]);
    }
}

/// adam_pass, where nothing decays and nothing is corrected.
EMBERGRAD_SIMD void row_pass(Factors f, std::size_t d, const Real* __restrict g, Real* __restrict p, Real* __restrict m,
                             Real* __restrict v) {
    for (std::size_t j = 0; j < d; ++j) {
        const Real gradient = f.sign * g[j];
        m[j] = f.beta1 * m[j] + f.rest1 * gradient;
        v[j] = f.beta2 * v[j] + f.rest2 * gradient * gradient;
        p[j] -= f.step_size * m[j] / (std::sqrt(v[j]) + f.eps);
    }
}

}  // namespace

std::string AdamFamily::gradient_problem(const Parameter& parameter, const ParamGroup& group) const {
    if (parameter.gradient_kind() == GradientKind::dense) return {};
    if (!*group.lazy_rows) {
        return "a gradient by rows, which " + name() +
               " does not support; set lazy_rows = true in its group, or consider SparseAdam instead";
    }
    if (*group.weight_decay != 0) {
        return "a gradient by rows, for which weight_decay must be 0, not " + number_text(*group.weight_decay) +
               "; give it a group of its own";
    }
    if (*group.amsgrad) return "a gradient by rows, for which amsgrad must be off; give it a group of its own";
    return {};
}

/// Where amsgrad is switched on later, the largest v counts from there.
bool AdamFamily::keeps(std::size_t k, std::int64_t step, const ParamGroup& group) const {
    return step > 0 && (k < 2 || group.amsgrad.value_or(false));
}

void AdamFamily::update(std::size_t index, const Parameter& parameter, const ParamGroup& group) {
    if (parameter.gradient_kind() == GradientKind::rows)
        step_rows(index, parameter, group);
    else
        step_dense(index, parameter, group);
}

void AdamFamily::step_dense(std::size_t index, const Parameter& parameter, const ParamGroup& group) {
    Real *m = kept(index, 0), *v = kept(index, 1), *largest = *group.amsgrad ? kept(index, 2) : nullptr;
    const Factors f = dense_factors(group, ++state(index).step, decay_ == Decay::of_values);
    Real* p = parameter.mutable_value().data();
    for_each_run(parameter.gradient(), parameter.trainable_runs(), [=](std::size_t i, std::size_t end, const Real* g) {
        if (largest != nullptr)
            amsgrad_pass(f, end - i, g, p + i, m + i, v + i, largest + i);
        else
            adam_pass(f, end - i, g, p + i, m + i, v + i);
    });
}

void AdamFamily::step_rows(std::size_t index, const Parameter& parameter, const ParamGroup& group) {
    Real *m = kept(index, 0), *v = kept(index, 1);
    const Factors f = row_factors(group, ++state(index).step);
    const RowGradient& gradient = parameter.row_grad();
    if (gradient.size() == 0) return;

    const std::size_t d = gradient.width();
    Real* p = parameter.mutable_value().data();
    for_each_row(
        gradient,
        [=](std::size_t row) {
            for (const Real* values : {p, m, v}) prefetch_row(values + row * d, d);
        },
        [=](std::size_t row, const Real* g) { row_pass(f, d, g, p + row * d, m + row * d, v + row * d); });
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
