// SGD: a pass over a dense gradient, over the rows of one by rows or, with momentum, over all rows ever touched.
#include <embergrad/optim/sgd.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include <embergrad/engine/gradient/gradient_runs.hpp>
#include <embergrad/engine/gradient/row_sums.hpp>
#include <embergrad/engine/kernels/simd.hpp>
#include <embergrad/engine/system/error.hpp>
#include <embergrad/optim/options.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What the loops need, worked out in double: b <- keep b + take g.
struct detail::SGDFactors {
    Real sign, weight_decay, lr, momentum, keep, take;
    bool nesterov;
};

namespace {

using Factors = detail::SGDFactors;

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
    for (std::size_t i = 0; i < n; ++i) p[i] -= f.lr * slope(f, detail::entry(g, i), p[i]);
}

EMBERGRAD_SIMD void momentum_pass(Factors f, std::size_t n, const Real* __restrict g, Real* __restrict p,
                                  Real* __restrict b) {
    for (std::size_t i = 0; i < n; ++i) {
        const Real gradient = slope(f, detail::entry(g, i), p[i]);
        b[i] = f.keep * b[i] + f.take * gradient;
        p[i] -= f.lr * (f.nesterov ? gradient + f.momentum * b[i] : b[i]);
    }
}

void plain_rows(const Factors& f, const RowGradient& gradient, Real* p) {
    const std::size_t d = gradient.width();
    detail::for_each_row(
        gradient, [=](std::size_t row) { detail::prefetch_row(p + row * d, d); },
        [=](std::size_t row, const Real* g) { plain_pass(f, d, g, p + row * d); });
}

/// `moving` holds the gradient's rows and more, both ascending; nullptr stands for all rows that are not frozen.
void momentum_rows(const Factors& f, const Parameter& parameter, const std::vector<std::int64_t>* moving, Real* p,
                   Real* b) {
    const RowGradient& gradient = parameter.row_grad();
    const std::size_t d = gradient.width();
    const auto values = gradient.reader();
    const std::size_t n = moving != nullptr ? moving->size() : parameter.shape()[0];
    const bool skip_frozen = moving == nullptr && parameter.has_frozen_rows();
    std::size_t next = 0;  // in the gradient
    for (std::size_t i = 0; i < n; ++i) {
        const auto row = moving != nullptr ? static_cast<std::size_t>((*moving)[i]) : i;
        if (skip_frozen && parameter.is_frozen(row)) continue;
        const bool has_gradient = next < gradient.size() && static_cast<std::size_t>(gradient.rows()[next]) == row;
        momentum_pass(f, d, has_gradient ? values.row(next++) : nullptr, p + row * d, b + row * d);
    }
}

/// The rows where momentum is not all +0: it moves no others, not by a bit.
std::vector<std::int64_t> rows_with_bits(const Shape& shape, const Real* b) {
    std::vector<std::int64_t> rows;
    const std::size_t d = shape[1];
    const auto has_bits = [](Real x) { return x != 0 || std::signbit(x); };
    for (std::size_t row = 0; row < shape[0]; ++row) {
        if (std::any_of(b + row * d, b + (row + 1) * d, has_bits)) rows.push_back(static_cast<std::int64_t>(row));
    }
    return rows;
}

}  // namespace

SGD::SGD(ParamGroups groups, const SGDOptions& options)
    : Optimizer("SGD", detail::group_of(options), {"momentum_buffer"}) {
    start(std::move(groups));
}

std::string SGD::options_problem(const ParamGroup& group) const {
    if (!*group.nesterov || (*group.momentum > 0 && *group.dampening == 0)) return {};
    return "Nesterov momentum requires a momentum and zero dampening";
}

std::string SGD::gradient_problem(const Parameter& parameter, const ParamGroup& group) const {
    if (parameter.gradient_kind() != GradientKind::rows || *group.weight_decay == 0) return {};
    return "a gradient by rows, for which weight_decay must be 0, not " + number_text(*group.weight_decay);
}

SGD& SGD::operator=(SGD&& other) {
    if (this == &other) return *this;
    Optimizer::operator=(std::move(other));
    moving_ = std::move(other.moving_);
    return *this;
}

void SGD::kept_changed(std::size_t index) {
    if (index < moving_.size()) moving_[index].known = false;
}

void SGD::update(std::size_t index, const Parameter& parameter, const ParamGroup& group) {
    Real* b = nullptr;
    bool first = true;
    if (*group.momentum != 0) {
        b = kept(index, 0);
        moving_.resize(parameter_count());
        first = state(index).step++ == 0;
    }
    const Factors f = factors(group, first);
    if (parameter.gradient_kind() == GradientKind::dense) return step_dense(index, parameter, f, b);
    if (b != nullptr)
        step_moving_rows(index, parameter, f, b);
    else if (parameter.row_grad().size() > 0)
        plain_rows(f, parameter.row_grad(), parameter.mutable_value().data());
}

void SGD::step_dense(std::size_t index, const Parameter& parameter, const Factors& f, Real* b) {
    Real* p = parameter.mutable_value().data();
    if (b != nullptr) moving_[index] = {.known = true, .all = true, .rows = {}};
    const bool zeros_move_nothing = b == nullptr && f.weight_decay == 0;
    detail::for_each_run(parameter.gradient(), parameter.trainable_runs(),
                         [=](std::size_t i, std::size_t end, const Real* g) {
                             if (g == nullptr && zeros_move_nothing) return;
                             if (b == nullptr)
                                 plain_pass(f, end - i, g, p + i);
                             else
                                 momentum_pass(f, end - i, g, p + i, b + i);
                         });
}

void SGD::step_moving_rows(std::size_t index, const Parameter& parameter, const Factors& f, Real* b) {
    Moving& moving = moving_[index];
    if (!moving.known) moving = {.known = true, .all = false, .rows = rows_with_bits(parameter.shape(), b)};
    parameter.mutable_row_grad().coalesce();
    touch_rows(moving, parameter.row_grad().rows());
    momentum_rows(f, parameter, moving.all ? nullptr : &moving.rows, parameter.mutable_value().data(), b);
}

void SGD::touch_rows(Moving& moving, std::span<const std::int64_t> rows) {
    if (moving.all) return;
    merged_.clear();
    merged_.reserve(moving.rows.size() + rows.size());  // growing step by step would take twice as much
    std::set_union(moving.rows.begin(), moving.rows.end(), rows.begin(), rows.end(), std::back_inserter(merged_));
    std::swap(moving.rows, merged_);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
