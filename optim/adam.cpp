// Adam: its options; how it steps is in adam_family.cpp.
#include <embergrad/optim/adam.hpp>

#include <utility>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

ParamGroup defaults(const AdamOptions& options) {
    return {.lr = options.lr,
            .betas = options.betas,
            .eps = options.eps,
            .weight_decay = options.weight_decay,
            .amsgrad = options.amsgrad,
            .maximize = options.maximize,
            .lazy_rows = options.lazy_rows};
}

}  // namespace

Adam::Adam(std::vector<Parameter> params, const AdamOptions& options)
    : Adam(std::vector<ParamGroup>{{.params = std::move(params)}}, options) {}

Adam::Adam(std::vector<ParamGroup> groups, const AdamOptions& options)
    : AdamFamily("Adam", defaults(options), Decay::of_gradient) {
    start(std::move(groups));
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
