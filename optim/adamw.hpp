// AdamW: Adam whose weight decay shrinks the values themselves.
#pragma once

#include <array>

#include <embergrad/optim/adam_family.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct AdamWOptions {
    double lr = 1e-3;                            ///< >= 0
    std::array<double, 2> betas = {0.9, 0.999};  ///< each in [0, 1)
    double eps = 1e-8;                           ///< >= 0
    double weight_decay = 1e-2;                  ///< >= 0; must be 0 for gradients by rows
    bool amsgrad = false;                        ///< divide by the largest v so far
    bool maximize = false;                       ///< climb instead of descend
    bool lazy_rows = false;                      ///< step gradients by rows as SparseAdam does; else refuse them
};

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2, in PyTorch's form, where lr scales the
/// decay too). For a parameter p with gradient g at its t-th step:
///   p <- (1 - lr weight_decay) p;   m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
///   p <- p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
/// amsgrad and gradients by rows as in Adam. If only the rows of a batch shrank, rare words would decay less than
/// frequent ones: a table with gradients by rows needs a group with lazy_rows = true and weight_decay = 0.
class AdamW final : public AdamFamily {
public:
    /// Throws std::invalid_argument on options out of range, no parameters, or one given twice.
    explicit AdamW(ParamGroups groups, const AdamWOptions& options = {});
    /// For a single parameter.
    AdamW(const Parameter& one, const AdamWOptions& options) : AdamW(ParamGroups{one}, options) {}
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
