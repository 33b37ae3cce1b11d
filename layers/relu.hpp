// ReLU: the op as a layer.
#pragma once

#include <string>

#include <embergrad/layers/module.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// max(0, x). No parameters.
class ReLU : public Layer {
public:
    Var operator()(Var x) const override { return relu(x); }
    void visit(const Visitor&) const override {}
    std::string describe() const override { return "ReLU()"; }
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
