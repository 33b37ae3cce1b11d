// AdamW: its constructor; the steps are in adam_family.cpp.
#include <embergrad/optim/adamw.hpp>

#include <utility>

#include <embergrad/optim/options.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

AdamW::AdamW(ParamGroups groups, const AdamWOptions& options)
    : AdamFamily("AdamW", detail::group_of(options), Decay::of_values) {
    start(std::move(groups));
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
