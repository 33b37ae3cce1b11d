// SparseAdam: its constructor, and what it refuses; the steps are in adam_family.cpp.
#include <embergrad/optim/sparse_adam.hpp>

#include <utility>

#include <embergrad/optim/options.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

SparseAdam::SparseAdam(ParamGroups groups, const SparseAdamOptions& options)
    : AdamFamily("SparseAdam", detail::group_of(options), Decay::of_gradient, {"exp_avg", "exp_avg_sq"}) {
    start(std::move(groups));
}

std::string SparseAdam::options_problem(const ParamGroup& group) const {
    return *group.eps == 0 ? "Invalid epsilon value: 0" : "";
}

std::string SparseAdam::new_group_problem(const ParamGroup& group) const {
    return group.lr == 0.0 ? "Invalid learning rate: 0" : "";
}

std::string SparseAdam::gradient_problem(const Parameter& parameter, const ParamGroup&) const {
    if (parameter.gradient_kind() == GradientKind::rows) return {};
    return "a dense gradient, which SparseAdam does not support; make its embedding with sparse = true, or consider "
           "Adam instead";
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
