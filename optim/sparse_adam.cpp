// SparseAdam: one pass over the rows of the gradient.
#include <embergrad/optim/sparse_adam.hpp>

#include <cmath>
#include <utility>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/simd.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

ParamGroup defaults(const SparseAdamOptions& options) {
    return {.lr = options.lr, .betas = options.betas, .eps = options.eps, .maximize = options.maximize};
}

/// What the loop needs, worked out in double.
struct Factors {
    Real sign;
    Real beta1, rest1, beta2, rest2;  // rest = 1 - beta
    Real step_size, eps;              // p <- p - step_size m / (sqrt(v) + eps)
};

Factors factors(const ParamGroup& group, std::int64_t t) {
    const auto [beta1, beta2] = *group.betas;
    const auto exponent = static_cast<double>(t);
    const double correction = std::sqrt(1 - std::pow(beta2, exponent)) / (1 - std::pow(beta1, exponent));
    return {.sign = static_cast<Real>(*group.maximize ? -1 : 1),
            .beta1 = static_cast<Real>(beta1),
            .rest1 = static_cast<Real>(1 - beta1),
            .beta2 = static_cast<Real>(beta2),
            .rest2 = static_cast<Real>(1 - beta2),
            .step_size = static_cast<Real>(*group.lr * correction),
            .eps = static_cast<Real>(*group.eps)};
}

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

SparseAdam::SparseAdam(std::vector<Parameter> params, const SparseAdamOptions& options)
    : SparseAdam(std::vector<ParamGroup>{{.params = std::move(params)}}, options) {}

SparseAdam::SparseAdam(std::vector<ParamGroup> groups, const SparseAdamOptions& options)
    : Optimizer("SparseAdam", defaults(options)) {
    start(std::move(groups));
}

std::string SparseAdam::options_problem(const ParamGroup& group) const {
    if (*group.lr == 0) return "Invalid learning rate: 0";
    if (*group.eps == 0) return "Invalid epsilon value: 0";
    return {};
}

std::string SparseAdam::gradient_problem(const Parameter& parameter, const ParamGroup&) const {
    if (parameter.gradient_kind() == GradientKind::rows) return {};
    return "a dense gradient, which SparseAdam does not support; make its embedding with sparse = true, or consider "
           "Adam instead";
}

void SparseAdam::forget_frozen_rows(std::size_t index, const Parameter& parameter) {
    if (index >= states_.size() || states_[index].step == 0) return;
    parameter.zero_frozen_rows(states_[index].m);
    parameter.zero_frozen_rows(states_[index].v);
}

void SparseAdam::update(std::size_t index, const Parameter& parameter, const ParamGroup& group) {
    states_.resize(parameter_count());
    State& state = states_[index];
    if (state.step == 0) {
        state.m = zeros(parameter.shape());
        state.v = zeros(parameter.shape());
    }
    const Factors f = factors(group, ++state.step);
    RowGradient& gradient = parameter.mutable_row_grad();
    if (gradient.size() == 0) return;

    gradient.coalesce();
    const std::size_t d = gradient.width();
    const Real* g = gradient.values().data();
    Real* p = parameter.mutable_value().data();
    for (std::int64_t row : gradient.rows()) {
        const std::size_t start = static_cast<std::size_t>(row) * d;
        row_pass(f, d, g, p + start, state.m.data() + start, state.v.data() + start);
        g += d;
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
