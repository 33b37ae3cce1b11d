// AdamFamily: what Adam, AdamW and SparseAdam share, two moments a parameter and a rule for each kind of gradient.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include <embergrad/optim/optimizer.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Steps a dense gradient by Adam's rule and a gradient by rows by SparseAdam's; a derived class says which it takes.
/// Both rules move the same moments and count the same steps.
class AdamFamily : public Optimizer {
protected:
    /// How weight decay acts: on the gradient, or on the values themselves.
    enum class Decay { of_gradient, of_values };

    /// kept: the names of the two moments, and of amsgrad's array where there is amsgrad.
    AdamFamily(std::string_view name, ParamGroup defaults, Decay decay,
               std::initializer_list<std::string_view> kept = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"})
        : Optimizer(name, std::move(defaults), kept), decay_(decay) {}

private:
    std::string gradient_problem(const Parameter& parameter, const ParamGroup& group) const override;
    void update(std::size_t index, const Parameter& parameter, const ParamGroup& group) override;
    bool keeps(std::size_t k, std::int64_t step, const ParamGroup& group) const override;
    void step_dense(std::size_t index, const Parameter& parameter, const ParamGroup& group);
    void step_rows(std::size_t index, const Parameter& parameter, const ParamGroup& group);

    Decay decay_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
