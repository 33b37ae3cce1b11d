// Adam: for dense gradients, and for gradients by rows in groups with lazy_rows.
#pragma once

#include <array>

#include <embergrad/optim/adam_family.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct AdamOptions {
    double lr = 1e-3;                            ///< >= 0
    std::array<double, 2> betas = {0.9, 0.999};  ///< each in [0, 1)
    double eps = 1e-8;                           ///< >= 0
    double weight_decay = 0;                     ///< >= 0; added to the gradient (L2)
    bool amsgrad = false;                        ///< divide by the largest v so far
    bool maximize = false;                       ///< climb instead of descend
    bool lazy_rows = false;                      ///< step gradients by rows as SparseAdam does; else refuse them
};

/// Adam (Kingma and Ba 2015, algorithm 1), for a parameter p with gradient g at its t-th step:
///   g <- g + weight_decay p;   m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
///   p <- p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
/// amsgrad (Reddi et al. 2018) puts the largest v so far in the place of v, before the correction, as PyTorch does.
/// A gradient by rows is refused unless its group has lazy_rows, a weight_decay of 0 and no amsgrad: then its rows
/// alone are stepped, with SparseAdam's numbers.
class Adam final : public AdamFamily {
public:
    /// Throws std::invalid_argument on options out of range, no parameters, or one given twice.
    explicit Adam(ParamGroups groups, const AdamOptions& options = {});
    /// For a single parameter.
    Adam(const Parameter& one, const AdamOptions& options) : Adam(ParamGroups{one}, options) {}
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
