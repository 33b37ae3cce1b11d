// SparseAdam: Adam for gradients by rows, whose step costs what the batch touches, whatever the size of the table.
#pragma once

#include <array>
#include <string>

#include <embergrad/optim/adam_family.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

struct SparseAdamOptions {
    double lr = 1e-3;                            ///< > 0
    std::array<double, 2> betas = {0.9, 0.999};  ///< each in [0, 1)
    double eps = 1e-8;                           ///< > 0
    bool maximize = false;                       ///< climb instead of descend
};

/// Lazy Adam, as PyTorch's SparseAdam. At the t-th step of a table, for each row r of the gradient g and no other:
///   m[r] <- beta1 m[r] + (1 - beta1) g[r];   v[r] <- beta2 v[r] + (1 - beta2) g[r]^2
///   p[r] <- p[r] - lr sqrt(1 - beta2^t) / (1 - beta1^t) * m[r] / (sqrt(v[r]) + eps)
/// It is not Adam with fewer rows: the moments of other rows do not decay, t counts the table's steps and not the
/// row's (a row first touched at step 10 moves by 0.484 lr), and eps weighs 1 / sqrt(1 - beta2^t) times as much.
/// Its two moments are as large as the table. A dense gradient is refused: Adam and AdamW with lazy_rows take both
/// kinds.
class SparseAdam final : public AdamFamily {
public:
    /// Throws std::invalid_argument on options out of range, no parameters, or one given twice.
    explicit SparseAdam(ParamGroups groups, const SparseAdamOptions& options = {});
    /// For a single parameter.
    SparseAdam(const Parameter& one, const SparseAdamOptions& options) : SparseAdam(ParamGroups{one}, options) {}

private:
    std::string options_problem(const ParamGroup& group) const override;
    std::string new_group_problem(const ParamGroup& group) const override;
    std::string gradient_problem(const Parameter& parameter, const ParamGroup& group) const override;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
