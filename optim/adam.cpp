// Adam: its constructor; the steps are in adam_family.cpp.
#include <embergrad/optim/adam.hpp>

#include <utility>

#include <embergrad/optim/options.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

Adam::Adam(ParamGroups groups, const AdamOptions& options)
    : AdamFamily("Adam", detail::group_of(options), Decay::of_gradient) {
    start(std::move(groups));
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
