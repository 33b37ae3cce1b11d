// Gradient clipping: the norm of all gradients, then one pass that scales them; or one pass that cuts values.
#include <embergrad/optim/clip.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <unordered_map>

#include <embergrad/engine/kernels/row_norm.hpp>
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
    if (const Gradient& held = parameter.gradient(); held.has_rows() && !held.is_copied()) {
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

double norm(const std::vector<Values>& all, double q) {
    return detail::joint_norm(std::vector<detail::Row>(all.begin(), all.end()), q);
}

/// How many parameters have a gradient that is not all 0.
double count_nonzero(const std::vector<Parameter>& parameters) {
    return static_cast<double>(std::count_if(parameters.begin(), parameters.end(), [](const Parameter& parameter) {
        return norm(gradient_values(parameter), 0) > 0;
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
