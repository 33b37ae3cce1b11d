// Gradient clipping: the norm of all gradients, summed in double, then one pass that scales them; or one that cuts.
#include <embergrad/optim/clip.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>
#include <unordered_map>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Values = std::span<Real>;

/// The rows of a gradient by rows that are not frozen.
void add_rows(const Parameter& parameter, std::vector<Values>& all) {
    RowGradient& gradient = parameter.gradient().mutable_rows();
    gradient.coalesce();
    Array& values = gradient.mutable_values();
    if (!parameter.has_frozen_rows()) return void(all.emplace_back(values.data(), values.size()));
    const std::size_t d = gradient.width();
    for (std::size_t i = 0; i < gradient.size(); ++i) {
        const auto row = static_cast<std::size_t>(gradient.rows()[i]);
        if (!parameter.is_frozen(row)) all.emplace_back(values.data() + i * d, d);
    }
}

/// The values of a parameter's gradient, frozen rows left out; those by rows with their repeated rows summed up.
std::vector<Values> gradient_values(const Parameter& parameter) {
    std::vector<Values> all;
    if (!parameter.requires_grad() || !parameter.has_gradient()) return all;
    if (parameter.gradient().has_rows()) {
        add_rows(parameter, all);
    } else {
        Real* g = parameter.gradient().array().data();
        for (const auto& [i, end] : parameter.trainable_runs()) all.emplace_back(g + i, end - i);
    }
    return all;
}

std::vector<Values> gradient_values(const std::vector<Parameter>& parameters) {
    std::vector<Values> all;
    for (const Parameter& parameter : parameters) {
        for (Values values : gradient_values(parameter)) all.push_back(values);
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

/// The largest |g|, or for a negative q the smallest; NaN if there is one; 0 if there is nothing.
double extreme(const std::vector<Values>& all, double q) {
    const Real none = q > 0 ? Real{-1} : std::numeric_limits<Real>::infinity();
    Real most = none;
    bool any = false, any_nan = false;
    for (Values values : all) {
        for (Real x : values) {
            const Real size = std::abs(x);
            most = (q > 0 ? size > most : size < most) ? size : most;
            any_nan |= size != size;
        }
        any |= !values.empty();
    }
    if (any_nan) return std::numeric_limits<double>::quiet_NaN();
    return any ? static_cast<double>(most) : 0;
}

/// Relative to the largest, or for a negative q the smallest: high powers would overflow or vanish.
double scaled_norm(const std::vector<Values>& all, double q) {
    const double most = extreme(all, q);
    if (std::isinf(q) || most == 0 || !std::isfinite(most)) return most;
    return most * std::pow(sum(all, [=](double x) { return std::pow(std::abs(x) / most, q); }), 1 / q);
}

bool any_nonzero(const std::vector<Values>& all) {
    const auto nonzero = [](Real x) { return x != 0; };  // and so is NaN
    return std::any_of(all.begin(), all.end(),
                       [&](Values values) { return std::any_of(values.begin(), values.end(), nonzero); });
}

double norm(const std::vector<Values>& all, double q) {
    if (q == 1) return sum(all, [](double x) { return std::abs(x); });
    if (q != 2) return scaled_norm(all, q);
    const double squares = sum(all, [](double x) { return x * x; });
    const bool exact = squares > std::numeric_limits<double>::min() && std::isfinite(squares);
    return exact ? std::sqrt(squares) : scaled_norm(all, q);
}

double count_nonzero(const std::vector<Parameter>& parameters) {
    return static_cast<double>(std::count_if(parameters.begin(), parameters.end(), [](const Parameter& parameter) {
        return any_nonzero(gradient_values(parameter));
    }));
}

/// Dense gradients as arrays, where the zeros between the rows of a lookup count.
void write_out_zeros(const std::vector<Parameter>& parameters) {
    for (const Parameter& parameter : parameters) {
        if (parameter.gradient_kind() == GradientKind::dense) parameter.gradient().array();
    }
}

void check(std::string_view name, const std::vector<Parameter>& parameters) {
    std::unordered_map<const void*, std::size_t> seen;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        require(parameters[i].defined(), name, ": parameter ", i, " is an empty handle");
        const auto [first, is_new] = seen.emplace(parameters[i].id(), i);
        require(is_new, name, ": parameter ", i, " of shape ", parameters[i].shape(), " is also parameter ",
                first->second);
        parameters[i].check_gradient();
    }
}

}  // namespace

double clip_grad_norm(const std::vector<Parameter>& parameters, double max_norm, double norm_type,
                      bool error_if_nonfinite) {
    require(max_norm >= 0, "clip_grad_norm: max_norm must not be negative, got ", max_norm);
    require(!std::isnan(norm_type), "clip_grad_norm: norm_type must be a number, got ", norm_type);
    check("clip_grad_norm", parameters);
    if (norm_type < 0) write_out_zeros(parameters);
    std::vector<Values> all = gradient_values(parameters);
    const double total = norm_type == 0 ? count_nonzero(parameters) : norm(all, norm_type);
    require<std::runtime_error>(!error_if_nonfinite || std::isfinite(total), "clip_grad_norm: the total norm of order ",
                                norm_type, " for gradients is non-finite (", total, "), so it cannot be clipped");

    const double scale = max_norm / (total + 1e-6);
    if (scale >= 1 || std::isinf(max_norm)) return total;
    const auto factor = static_cast<Real>(scale);  // NaN if the norm is, as PyTorch's
    if (std::isnan(factor)) {                      // zeros become NaN, too
        write_out_zeros(parameters);
        all = gradient_values(parameters);
    }
    for (Values values : all) {
        for (Real& x : values) x *= factor;
    }
    return total;
}

void clip_grad_value(const std::vector<Parameter>& parameters, double clip_value) {
    require(clip_value >= 0, "clip_grad_value: clip_value must not be negative, got ", clip_value);
    check("clip_grad_value", parameters);
    const auto most = static_cast<Real>(clip_value);
    for (Values values : gradient_values(parameters)) {
        for (Real& x : values) x = x > most ? most : (x < -most ? -most : x);
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
