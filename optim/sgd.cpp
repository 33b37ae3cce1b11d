// SGD: one pass over a dense gradient; over the rows of one by rows; or, with momentum, over all rows ever touched.
#include <embergrad/optim/sgd.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/simd.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

ParamGroup defaults(const SGDOptions& options) {
    return {.lr = options.lr,
            .momentum = options.momentum,
            .dampening = options.dampening,
            .nesterov = options.nesterov,
            .weight_decay = options.weight_decay,
            .maximize = options.maximize};
}

/// What the loops need, worked out in double: b <- keep b + take g.
struct Factors {
    Real sign, weight_decay, lr, momentum, keep, take;
    bool nesterov;
};

Factors factors(const ParamGroup& group, bool first) {
    return {.sign = static_cast<Real>(*group.maximize ? -1 : 1),
            .weight_decay = static_cast<Real>(*group.weight_decay),
            .lr = static_cast<Real>(*group.lr),
            .momentum = static_cast<Real>(*group.momentum),
            .keep = static_cast<Real>(first ? 0 : *group.momentum),
            .take = static_cast<Real>(first ? 1 : 1 - *group.dampening),
            .nesterov = *group.nesterov};
}

// Not just sign g + weight_decay p: 0 times an infinite p would be NaN.
[[gnu::always_inline]] inline Real slope(const Factors& f, Real g, Real p) {
    return f.weight_decay != 0 ? f.sign * g + f.weight_decay * p : f.sign * g;
}

EMBERGRAD_SIMD void plain_pass(Factors f, std::size_t n, const Real* __restrict g, Real* __restrict p) {
    for (std::size_t i = 0; i < n; ++i) p[i] -= f.lr * slope(f, g[i], p[i]);
}

EMBERGRAD_SIMD void momentum_pass(Factors f, std::size_t n, const Real* __restrict g, Real* __restrict p,
                                  Real* __restrict b) {
    for (std::size_t i = 0; i < n; ++i) {
        const Real gradient = slope(f, g[i], p[i]);
        b[i] = f.keep * b[i] + f.take * gradient;
        p[i] -= f.lr * (f.nesterov ? gradient + f.momentum * b[i] : b[i]);
    }
}

/// momentum_pass for a gradient of zeros.
EMBERGRAD_SIMD void coast_pass(Factors f, std::size_t n, Real* __restrict p, Real* __restrict b) {
    for (std::size_t i = 0; i < n; ++i) {
        b[i] = f.keep * b[i];
        p[i] -= f.lr * (f.nesterov ? f.momentum * b[i] : b[i]);
    }
}

void plain_rows(const Factors& f, const RowGradient& gradient, Real* p) {
    const std::size_t d = gradient.width();
    const Real* g = gradient.values().data();
    for (std::int64_t row : gradient.rows()) {
        plain_pass(f, d, g, p + static_cast<std::size_t>(row) * d);
        g += d;
    }
}

/// `moving` holds the gradient's rows and more, both ascending; nullptr stands for all rows that are not frozen.
void momentum_rows(const Factors& f, const Parameter& parameter, const std::vector<std::int64_t>* moving, Real* p,
                   Real* b) {
    const RowGradient& gradient = parameter.row_grad();
    const std::size_t d = gradient.width();
    const std::size_t n = moving != nullptr ? moving->size() : parameter.shape()[0];
    const bool skip_frozen = moving == nullptr && parameter.has_frozen_rows();
    std::size_t next = 0;  // in the gradient
    for (std::size_t i = 0; i < n; ++i) {
        const auto row = moving != nullptr ? static_cast<std::size_t>((*moving)[i]) : i;
        if (skip_frozen && parameter.is_frozen(row)) continue;
        const bool has_gradient = next < gradient.size() && static_cast<std::size_t>(gradient.rows()[next]) == row;
        if (has_gradient) {
            momentum_pass(f, d, gradient.values().data() + next * d, p + row * d, b + row * d);
            ++next;
        } else {
            coast_pass(f, d, p + row * d, b + row * d);
        }
    }
}

}  // namespace

SGD::SGD(std::vector<Parameter> params, const SGDOptions& options)
    : SGD(std::vector<ParamGroup>{{.params = std::move(params)}}, options) {}

SGD::SGD(std::vector<ParamGroup> groups, const SGDOptions& options) : Optimizer("SGD", defaults(options)) {
    start(std::move(groups));
}

std::string SGD::options_problem(const ParamGroup& group) const {
    if (!*group.nesterov || (*group.momentum > 0 && *group.dampening == 0)) return {};
    return "Nesterov momentum requires a momentum and zero dampening";
}

std::string SGD::gradient_problem(const Parameter& parameter, const ParamGroup& group) const {
    if (parameter.gradient_kind() != GradientKind::rows || *group.weight_decay == 0) return {};
    return "a gradient by rows, for which weight_decay must be 0, not " + detail::number_text(*group.weight_decay);
}

void SGD::forget_frozen_rows(std::size_t index, const Parameter& parameter) {
    if (index >= states_.size() || !states_[index].started) return;
    State& state = states_[index];
    parameter.zero_frozen_rows(state.momentum);
    std::erase_if(state.touched, [&](std::int64_t row) { return parameter.is_frozen(static_cast<std::size_t>(row)); });
}

void SGD::update(std::size_t index, const Parameter& parameter, const ParamGroup& group) {
    const bool by_rows = parameter.gradient_kind() == GradientKind::rows;
    if (by_rows) parameter.mutable_row_grad().coalesce();
    if (*group.momentum == 0) {
        const Factors f = factors(group, true);
        if (by_rows && parameter.row_grad().size() == 0) return;
        Real* p = parameter.mutable_value().data();
        if (by_rows) return plain_rows(f, parameter.row_grad(), p);
        const Real* g = parameter.grad().data();
        for (const auto& [i, end] : parameter.trainable_runs()) plain_pass(f, end - i, g + i, p + i);
        return;
    }

    states_.resize(parameter_count());
    State& state = states_[index];
    if (!state.started) state.momentum = zeros(parameter.shape());
    const Factors f = factors(group, !state.started);
    state.started = true;
    if (by_rows) touch_rows(state, parameter.row_grad().rows());
    state.all_rows |= !by_rows;

    Real* p = parameter.mutable_value().data();
    Real* b = state.momentum.data();
    if (by_rows) return momentum_rows(f, parameter, state.all_rows ? nullptr : &state.touched, p, b);
    const Real* g = parameter.grad().data();
    for (const auto& [i, end] : parameter.trainable_runs()) momentum_pass(f, end - i, g + i, p + i, b + i);
}

void SGD::touch_rows(State& state, const std::vector<std::int64_t>& rows) {
    if (state.all_rows) return;
    merged_.clear();
    merged_.reserve(state.touched.size() + rows.size());  // growing step by step would take twice as much
    std::set_union(state.touched.begin(), state.touched.end(), rows.begin(), rows.end(), std::back_inserter(merged_));
    std::swap(state.touched, merged_);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
