// Gradient clipping: the norm of all gradients, summed in double, then one pass that scales them.
#include <embergrad/optim/clip.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <unordered_map>

#include <embergrad/engine/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Values = std::span<Real>;

/// The rows of a gradient by rows that are not frozen.
void add_rows(const Parameter& parameter, std::vector<Values>& all) {
    RowGradient& gradient = parameter.mutable_row_grad();
    gradient.coalesce();
    Array& values = gradient.mutable_values();
    if (!parameter.has_frozen_rows()) return void(all.emplace_back(values.data(), values.size()));
    const std::size_t d = gradient.width();
    for (std::size_t i = 0; i < gradient.size(); ++i) {
        const auto row = static_cast<std::size_t>(gradient.rows()[i]);
        if (!parameter.is_frozen(row)) all.emplace_back(values.data() + i * d, d);
    }
}

/// The values of every gradient there is, frozen rows left out; those by rows with their repeated rows summed up.
std::vector<Values> gradient_values(const std::vector<Parameter>& parameters) {
    std::vector<Values> all;
    for (const Parameter& parameter : parameters) {
        if (!parameter.requires_grad() || !parameter.has_gradient()) continue;
        if (parameter.gradient_kind() == GradientKind::rows) {
            add_rows(parameter, all);
        } else {
            Real* g = parameter.mutable_grad().data();
            for (const auto& [i, end] : parameter.trainable_runs()) all.emplace_back(g + i, end - i);
        }
    }
    return all;
}

/// Eight sums side by side: one alone would wait for each addition to end before the next.
template <class Term>
double sum(const std::vector<Values>& all, Term term) {
    constexpr std::size_t kLanes = 8;
    std::array<double, kLanes> sums{};
    for (Values values : all) {
        const Real* x = values.data();
        const std::size_t whole = values.size() / kLanes * kLanes;
        for (std::size_t i = 0; i < whole; i += kLanes) {
            for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += term(static_cast<double>(x[i + lane]));
        }
        for (std::size_t i = whole; i < values.size(); ++i) sums[0] += term(static_cast<double>(x[i]));
    }
    double total = 0;
    for (double lane : sums) total += lane;
    return total;
}

/// The largest |g|; NaN if there is one.
double largest(const std::vector<Values>& all) {
    Real most = 0;
    bool any_nan = false;
    for (Values values : all) {
        for (Real x : values) {
            const Real size = std::abs(x);
            most = size > most ? size : most;
            any_nan |= size != size;
        }
    }
    return any_nan ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(most);
}

double norm(const std::vector<Values>& all, double q) {
    if (q == 2) return std::sqrt(sum(all, [](double x) { return x * x; }));
    if (q == 1) return sum(all, [](double x) { return std::abs(x); });
    const double most = largest(all);
    if (std::isinf(q) || most == 0 || !std::isfinite(most)) return most;
    // relative to the largest, or high powers would overflow or vanish
    return most * std::pow(sum(all, [=](double x) { return std::pow(std::abs(x) / most, q); }), 1 / q);
}

void check(const std::vector<Parameter>& parameters, double max_norm, double norm_type) {
    require(max_norm >= 0, "clip_grad_norm: max_norm must not be negative, got ", max_norm);
    require(norm_type > 0, "clip_grad_norm: norm_type must be positive, got ", norm_type);
    std::unordered_map<const void*, std::size_t> seen;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        require(parameters[i].defined(), "clip_grad_norm: parameter ", i, " is an empty handle");
        const auto [first, is_new] = seen.emplace(parameters[i].id(), i);
        require(is_new, "clip_grad_norm: parameter ", i, " of shape ", parameters[i].shape(), " is also parameter ",
                first->second);
        parameters[i].check_gradient();
    }
}

}  // namespace

double clip_grad_norm(const std::vector<Parameter>& parameters, double max_norm, double norm_type,
                      bool error_if_nonfinite) {
    check(parameters, max_norm, norm_type);
    const std::vector<Values> all = gradient_values(parameters);
    const double total = norm(all, norm_type);
    require<std::runtime_error>(!error_if_nonfinite || std::isfinite(total), "clip_grad_norm: the total norm of order ",
                                norm_type, " for gradients is non-finite (", total, "), so it cannot be clipped");

    const double scale = max_norm / (total + 1e-6);
    if (scale >= 1 || std::isinf(max_norm)) return total;
    const auto factor = static_cast<Real>(scale);  // NaN if the norm is, as PyTorch's
    for (Values values : all) {
        for (Real& x : values) x *= factor;
    }
    return total;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
