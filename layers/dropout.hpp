// Dropout: the op as a layer.
#pragma once

#include <string>

#include <embergrad/layers/module.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// On a training tape, zeroes each element with probability p and scales the others by 1 / (1 - p); on an eval tape,
/// does nothing (Srivastava et al., 2014). No parameters.
class Dropout : public Layer {
public:
    /// Throws std::invalid_argument unless 0 <= p <= 1.
    explicit Dropout(double p = 0.5);

    Var operator()(Var x) const override { return dropout(x, p_); }
    double p() const { return p_; }
    void visit(const Visitor&) const override {}
    std::string describe() const override;

private:
    double p_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
