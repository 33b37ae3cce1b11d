// AdamW: its options; how it steps is in adam_family.cpp.
#include <embergrad/optim/adamw.hpp>

#include <utility>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

ParamGroup defaults(const AdamWOptions& options) {
    return {.lr = options.lr,
            .betas = options.betas,
            .eps = options.eps,
            .weight_decay = options.weight_decay,
            .amsgrad = options.amsgrad,
            .maximize = options.maximize,
            .lazy_rows = options.lazy_rows};
}

}  // namespace

AdamW::AdamW(std::vector<Parameter> params, const AdamWOptions& options)
    : AdamW(std::vector<ParamGroup>{{.params = std::move(params)}}, options) {}

AdamW::AdamW(std::vector<ParamGroup> groups, const AdamWOptions& options)
    : AdamFamily("AdamW", defaults(options), Decay::of_values) {
    start(std::move(groups));
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
