// torch.optim.SparseAdam, which libtorch lacks: Python's algorithm of PyTorch 1.13, operator by operator.
#pragma once
#include <torch/torch.h>

#include <cmath>

/// Of one parameter, whose gradient is by rows.
class SparseAdam {
public:
    explicit SparseAdam(torch::Tensor parameter) : parameter_(std::move(parameter)) {}

    void step() {
        const torch::NoGradGuard no_grad;
        if (!m_.defined()) m_ = torch::zeros_like(parameter_), v_ = torch::zeros_like(parameter_);
        ++steps_;
        const torch::Tensor grad = parameter_.grad().coalesce();  // the update is non-linear: rows must be unique
        const torch::Tensor values = grad._values();

        // old <- beta * old + (1 - beta) * new, written as old += (1 - beta) * (new - old)
        const torch::Tensor old_m = m_.sparse_mask(grad)._values();
        torch::Tensor dm = values.sub(old_m).mul_(1 - beta1);
        m_.add_(rows_like(grad, dm));
        const torch::Tensor old_v = v_.sparse_mask(grad)._values();
        torch::Tensor dv = values.pow(2).sub_(old_v).mul_(1 - beta2);
        v_.add_(rows_like(grad, dv));

        const torch::Tensor numerator = dm.add_(old_m);  // the new moments again, without another sparse_mask
        const torch::Tensor denominator = dv.add_(old_v).sqrt_().add_(eps);
        parameter_.add_(rows_like(grad, -step_size() * numerator.div_(denominator)));
    }

private:
    static constexpr double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;

    double step_size() const {
        const double correction1 = 1 - std::pow(beta1, steps_), correction2 = 1 - std::pow(beta2, steps_);
        return lr * std::sqrt(correction2) / correction1;
    }

    static torch::Tensor rows_like(const torch::Tensor& grad, const torch::Tensor& values) {
        return torch::sparse_coo_tensor(grad._indices(), values, grad.sizes());
    }

    torch::Tensor parameter_, m_, v_;
    int steps_ = 0;
};
