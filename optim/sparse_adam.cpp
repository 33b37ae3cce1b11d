// SparseAdam: its options, and what it refuses; how it steps is in adam_family.cpp.
#include <embergrad/optim/sparse_adam.hpp>

#include <utility>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

ParamGroup defaults(const SparseAdamOptions& options) {
    return {.lr = options.lr, .betas = options.betas, .eps = options.eps, .maximize = options.maximize};
}

}  // namespace

SparseAdam::SparseAdam(std::vector<Parameter> params, const SparseAdamOptions& options)
    : SparseAdam(std::vector<ParamGroup>{{.params = std::move(params)}}, options) {}

SparseAdam::SparseAdam(std::vector<ParamGroup> groups, const SparseAdamOptions& options)
    : AdamFamily("SparseAdam", defaults(options), Decay::of_gradient, {"exp_avg", "exp_avg_sq"}) {
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
