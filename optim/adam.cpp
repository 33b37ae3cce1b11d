// Adam: one pass over gradient, values and moments.
#include <embergrad/optim/adam.hpp>

#include <cmath>
#include <utility>

#include <embergrad/engine/simd.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

ParamGroup defaults(const AdamOptions& options) {
    return {.lr = options.lr,
            .betas = options.betas,
            .eps = options.eps,
            .weight_decay = options.weight_decay,
            .amsgrad = options.amsgrad,
            .maximize = options.maximize};
}

/// What the loop needs, worked out in double.
struct Factors {
    Real sign, weight_decay;
    Real beta1, rest1, beta2, rest2;  // rest = 1 - beta
    Real step_size, correction, eps;  // p <- p - step_size m / (correction sqrt(v) + eps)
};

Factors factors(const ParamGroup& group, std::int64_t t) {
    const auto [beta1, beta2] = *group.betas;
    const auto exponent = static_cast<double>(t);
    return {.sign = static_cast<Real>(*group.maximize ? -1 : 1),
            .weight_decay = static_cast<Real>(*group.weight_decay),
            .beta1 = static_cast<Real>(beta1),
            .rest1 = static_cast<Real>(1 - beta1),
            .beta2 = static_cast<Real>(beta2),
            .rest2 = static_cast<Real>(1 - beta2),
            .step_size = static_cast<Real>(*group.lr / (1 - std::pow(beta1, exponent))),
            .correction = static_cast<Real>(1 / std::sqrt(1 - std::pow(beta2, exponent))),
            .eps = static_cast<Real>(*group.eps)};
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
        update_moments(f, g[i], p[i], m[i], v[i]);
        p[i] -= movement(f, m[i], v[i]);
    }
}

EMBERGRAD_SIMD void amsgrad_pass(Factors f, std::size_t n, const Real* __restrict g, Real* __restrict p,
                                 Real* __restrict m, Real* __restrict v, Real* __restrict largest) {
    for (std::size_t i = 0; i < n; ++i) {
        update_moments(f, g[i], p[i], m[i], v[i]);
        largest[i] = largest[i] > v[i] ? largest[i] : v[i];
        p[i] -= movement(f, m[i], largest[i]);
    }
}

}  // namespace

Adam::Adam(std::vector<Parameter> params, const AdamOptions& options)
    : Adam(std::vector<ParamGroup>{{.params = std::move(params)}}, options) {}

Adam::Adam(std::vector<ParamGroup> groups, const AdamOptions& options) : Optimizer("Adam", defaults(options)) {
    start(std::move(groups));
}

std::string Adam::gradient_problem(const Parameter& parameter, const ParamGroup&) const {
    if (parameter.gradient_kind() == GradientKind::dense) return {};
    return "a gradient by rows, which Adam does not support; consider SparseAdam instead";
}

void Adam::forget_frozen_rows(std::size_t index, const Parameter& parameter) {
    if (index >= states_.size()) return;
    for (Array* kept : {&states_[index].m, &states_[index].v, &states_[index].largest_v}) {
        if (kept->shape() == parameter.shape()) parameter.zero_frozen_rows(*kept);
    }
}

void Adam::update(std::size_t index, const Parameter& parameter, const ParamGroup& group) {
    states_.resize(parameter_count());
    State& state = states_[index];
    if (state.step == 0) {
        state.m = zeros(parameter.shape());
        state.v = zeros(parameter.shape());
    }
    // amsgrad may be switched on later: the largest v is remembered from then on
    if (*group.amsgrad && state.largest_v.shape() != parameter.shape()) state.largest_v = zeros(parameter.shape());
    const Factors f = factors(group, ++state.step);
    const Real* g = parameter.grad().data();
    Real* p = parameter.mutable_value().data();
    Real *m = state.m.data(), *v = state.v.data(), *largest = state.largest_v.data();
    for (const auto& [i, end] : parameter.trainable_runs()) {
        if (*group.amsgrad)
            amsgrad_pass(f, end - i, g + i, p + i, m + i, v + i, largest + i);
        else
            adam_pass(f, end - i, g + i, p + i, m + i, v + i);
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
