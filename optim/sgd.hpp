// SGD: stochastic gradient descent, plain, with momentum or with Nesterov's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <embergrad/optim/optimizer.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace detail {
struct SGDFactors;
}

struct SGDOptions {
    std::optional<double> lr = {};  ///< required, here or in every group; >= 0
    double momentum = 0;            ///< >= 0
    double dampening = 0;           ///< the share of the gradient that momentum leaves out
    double weight_decay = 0;        ///< >= 0; must be 0 for gradients by rows
    bool nesterov = false;          ///< needs momentum and no dampening
    bool maximize = false;          ///< climb instead of descend
};

/// With lr, momentum mu, dampening tau and weight decay lambda, for a parameter p with gradient g (Sutskever et al.
/// 2013, in PyTorch's form, where lr is outside of b):
///   g <- g + lambda p;   b <- mu b + (1 - tau) g, at the first step b <- g;   p <- p - lr (nesterov ? g + mu b : b)
/// A gradient by rows gives the numbers of the dense one, bit for bit. Without momentum it touches its own rows only;
/// with momentum every row that ever had a gradient keeps moving, and the buffer b is as large as the parameter.
class SGD final : public Optimizer {
public:
    /// Throws std::invalid_argument on options out of range, a missing lr, no parameters, or one given twice.
    explicit SGD(ParamGroups groups, const SGDOptions& options = {});
    /// For a single parameter.
    SGD(const Parameter& one, const SGDOptions& options) : SGD(ParamGroups{one}, options) {}
    SGD(SGD&&) = default;
    SGD& operator=(SGD&& other);

private:
    /// Which rows momentum moves, with or without a gradient.
    struct Moving {
        bool known = false;              // if not, they are the rows where momentum is not zero
        bool all = false;                // had a dense gradient
        std::vector<std::int64_t> rows;  // else those that ever had a gradient, ascending
    };

    std::string options_problem(const ParamGroup& group) const override;
    std::string gradient_problem(const Parameter& parameter, const ParamGroup& group) const override;
    void update(std::size_t index, const Parameter& parameter, const ParamGroup& group) override;
    void kept_changed(std::size_t index) override;
    using Factors = detail::SGDFactors;
    void step_dense(std::size_t index, const Parameter& parameter, const Factors& f, Real* b);
    void step_moving_rows(std::size_t index, const Parameter& parameter, const Factors& f, Real* b);
    void touch_rows(Moving& moving, std::span<const std::int64_t> rows);

    std::vector<Moving> moving_;
    std::vector<std::int64_t> merged_;  // scratch
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
