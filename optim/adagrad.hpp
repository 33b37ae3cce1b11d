// Adagrad: for dense gradients and gradients by rows alike.
#pragma once

#include <string>

#include <embergrad/optim/optimizer.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct AdagradOptions {
    double lr = 1e-2;                      ///< >= 0
    double lr_decay = 0;                   ///< >= 0; lr is divided by 1 + (t - 1) lr_decay at step t
    double weight_decay = 0;               ///< >= 0; added to the gradient (L2); must be 0 for gradients by rows
    double initial_accumulator_value = 0;  ///< >= 0; what the sums of squares begin with
    double eps = 1e-10;                    ///< >= 0
    bool maximize = false;                 ///< climb instead of descend
};

/// Adagrad (Duchi, Hazan and Singer 2011, the diagonal form), for a parameter p with gradient g at its t-th step:
///   g <- g + weight_decay p;   s <- s + g^2;   p <- p - lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)
/// A value without a gradient does not move: a gradient by rows touches its own rows only, and gives the same bits as
/// the dense one. The sums are as large as the parameter.
class Adagrad final : public Optimizer {
public:
    /// Throws std::invalid_argument on options out of range, no parameters, or one given twice.
    explicit Adagrad(ParamGroups groups, const AdagradOptions& options = {});
    /// For a single parameter.
    Adagrad(const Parameter& one, const AdagradOptions& options) : Adagrad(ParamGroups{one}, options) {}

private:
    std::string gradient_problem(const Parameter& parameter, const ParamGroup& group) const override;
    void update(std::size_t index, const Parameter& parameter, const ParamGroup& group) override;
    double first_value(const ParamGroup& group) const override { return *group.initial_accumulator_value; }
    bool keeps(std::size_t, std::int64_t, const ParamGroup&) const override { return true; }
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
