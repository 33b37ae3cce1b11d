// Cross entropy: softmax, logarithm and loss in one pass over the logits; the softmax is kept for the way back.
#include <cmath>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/ops.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Losses = std::vector<double, Allocator<double>>;  // (B)

/// What both kinds of targets share: (B, K) logits row by row, weights and options.
struct Rows {
    std::size_t b, k;
    const CrossEntropyOptions& options;
    const Real* weight;  // (K) or nullptr for ones

    Rows(Var logits, const CrossEntropyOptions& given) : options(given) {
        require(logits.rank() == 1 || logits.rank() == 2, "cross_entropy: logits must be (B, K) or (K), not ",
                logits.shape());
        k = logits.dim(logits.rank() - 1);
        b = logits.rank() == 1 ? 1 : logits.dim(0);
        require(given.label_smoothing >= 0 && given.label_smoothing <= 1,
                "cross_entropy: label_smoothing must be between 0 and 1, but got ", given.label_smoothing);
        require(!given.weight || given.weight->shape() == Shape{k}, "cross_entropy: weight must be of shape ", Shape{k},
                " for logits ", logits.shape(), ", not ", given.weight ? given.weight->shape() : Shape{});
        weight = given.weight ? given.weight->data() : nullptr;
    }
    double weight_of(std::size_t c) const { return weight == nullptr ? 1 : static_cast<double>(weight[c]); }
};

/// p = softmax(z); returns log(sum(exp(z))) so that log p = z - that.
struct LogNormalizer {
    Real max;
    double log_sum;

    double log_probability(Real z) const { return static_cast<double>(z - max) - log_sum; }
};

LogNormalizer softmax_row(const Real* z, std::size_t k, Real* p) {
    Real max = k > 0 ? z[0] : 0;
    for (std::size_t c = 1; c < k; ++c) max = z[c] > max ? z[c] : max;
    double sum = 0;
    for (std::size_t c = 0; c < k; ++c) {
        p[c] = std::exp(z[c] - max);
        sum += static_cast<double>(p[c]);
    }
    const auto scale = static_cast<Real>(1 / sum);
    for (std::size_t c = 0; c < k; ++c) p[c] *= scale;
    return {max, std::log(sum)};
}

/// Collects the losses of rows into a result of the wanted reduction.
Var reduced_result(Var logits, Var other, std::size_t b, Reduction reduction) {
    const Shape shape = reduction == Reduction::none && logits.rank() == 2 ? Shape{b} : Shape{};
    return logits.tape().result(shape, {logits, other});
}

/// The upstream gradient of row i's loss.
double row_gradient(Var loss, std::size_t i, Reduction reduction, double denominator) {
    const Real* g = loss.grad().data();
    if (reduction == Reduction::none) return static_cast<double>(g[i]);
    return static_cast<double>(g[0]) / (reduction == Reduction::mean ? denominator : 1);
}

void store_losses(Var loss, const Losses& rows, Reduction reduction, double denominator) {
    Real* to = loss.mutable_value().data();
    double total = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        total += rows[i];
        if (reduction == Reduction::none) to[i] = static_cast<Real>(rows[i]);
    }
    if (reduction == Reduction::sum) to[0] = static_cast<Real>(total);
    if (reduction == Reduction::mean) to[0] = static_cast<Real>(total / denominator);
}

void check_targets(Var logits, const IdArray& targets, const Rows& rows) {
    const Shape expected = logits.rank() == 1 ? Shape{} : Shape{rows.b};
    require(targets.shape() == expected, "cross_entropy: targets for logits ", logits.shape(), " must be of shape ",
            expected, ", not ", targets.shape());
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const std::int64_t t = targets.data()[i];
        require<std::out_of_range>(t == rows.options.ignore_index || static_cast<std::uint64_t>(t) < rows.k,
                                   "cross_entropy: target ", t, " at position ", i, " is out of bounds for ", rows.k,
                                   " classes");
    }
}

/// -(1 - e) w_t log p_t - e/K sum_c w_c log p_c
double smoothed_loss(const Rows& rows, const Real* z, const LogNormalizer& normalizer, std::size_t target) {
    const double smoothing = rows.options.label_smoothing;
    double loss = -(1 - smoothing) * rows.weight_of(target) * normalizer.log_probability(z[target]);
    if (smoothing == 0) return loss;  // 0 * -inf is NaN
    for (std::size_t c = 0; c < rows.k; ++c) {
        loss -= smoothing / static_cast<double>(rows.k) * rows.weight_of(c) * normalizer.log_probability(z[c]);
    }
    return loss;
}

/// dz_c += g (p_c sum(q) - q_c), where q = (1 - e) w_t onehot(t) + e/K w
void add_smoothed_gradient(const Rows& rows, const Real* p, std::size_t target, double g, Real* dz) {
    const double spread = rows.options.label_smoothing / static_cast<double>(rows.k);
    const double peak = (1 - rows.options.label_smoothing) * rows.weight_of(target);
    double q_sum = peak;
    for (std::size_t c = 0; spread > 0 && c < rows.k; ++c) q_sum += spread * rows.weight_of(c);
    if (spread == 0) {
        const auto factor = static_cast<Real>(g * q_sum);
        for (std::size_t c = 0; c < rows.k; ++c) dz[c] += factor * p[c];
    } else {
        for (std::size_t c = 0; c < rows.k; ++c) {
            dz[c] += static_cast<Real>(g * (static_cast<double>(p[c]) * q_sum - spread * rows.weight_of(c)));
        }
    }
    dz[target] -= static_cast<Real>(g * peak);
}

/// The softmax and the loss of each row that counts; returns the weights of their targets, added up.
double compute_losses(const Rows& rows, const Real* z, const std::int64_t* targets, Real* p, Losses& losses) {
    const std::size_t k = rows.k;
    double weights = 0;
    for (std::size_t i = 0; i < rows.b; ++i) {
        if (targets[i] == rows.options.ignore_index) continue;
        const auto target = static_cast<std::size_t>(targets[i]);
        const LogNormalizer normalizer = softmax_row(z + i * k, k, p + i * k);
        losses[i] = smoothed_loss(rows, z + i * k, normalizer, target);
        weights += rows.weight_of(target);
    }
    return weights;
}

/// What a soft target asks of class c: w_c q'_c, where q' = (1 - e) q + e/K.
struct SoftTarget {
    const Rows& rows;
    const Real* q;  // (K)

    double operator()(std::size_t c) const {
        const double smoothing = rows.options.label_smoothing;
        const double smoothed = (1 - smoothing) * static_cast<double>(q[c]) + smoothing / static_cast<double>(rows.k);
        return rows.weight_of(c) * smoothed;
    }
};

/// The softmax, its logarithm and the loss of each row: -sum_c w_c q'_c log p_c
void compute_soft_losses(const Rows& rows, const Real* z, const Real* q, Real* p, Real* log_p, Losses& losses) {
    const std::size_t k = rows.k;
    for (std::size_t i = 0; i < rows.b; ++i) {
        const LogNormalizer normalizer = softmax_row(z + i * k, k, p + i * k);
        const SoftTarget target{rows, q + i * k};
        for (std::size_t c = 0; c < k; ++c) {
            const double log_pc = normalizer.log_probability(z[i * k + c]);
            losses[i] -= target(c) * log_pc;
            log_p[i * k + c] = static_cast<Real>(log_pc);
        }
    }
}

/// dz_c += g (p_c sum(w q') - w_c q'_c)
void add_soft_gradient(const SoftTarget& target, const Real* p, double g, Real* dz) {
    double sum = 0;
    for (std::size_t c = 0; c < target.rows.k; ++c) sum += target(c);
    for (std::size_t c = 0; c < target.rows.k; ++c) {
        dz[c] += static_cast<Real>(g * (static_cast<double>(p[c]) * sum - target(c)));
    }
}

/// dq_c -= g (1 - e) w_c log p_c
void add_target_gradient(const Rows& rows, const Real* log_p, double g, Real* dq) {
    for (std::size_t c = 0; c < rows.k; ++c) {
        const double factor = (1 - rows.options.label_smoothing) * rows.weight_of(c);
        dq[c] -= static_cast<Real>(g * factor * static_cast<double>(log_p[c]));
    }
}

}  // namespace

Var cross_entropy(Var logits, const IdArray& targets, const CrossEntropyOptions& options) {
    const Rows rows(logits, options);
    check_targets(logits, targets, rows);
    const std::size_t b = rows.b, k = rows.k;
    const Var p = logits.tape().workspace({b, k});
    const Var loss = reduced_result(logits, logits, b, options.reduction);

    Losses losses(b, 0.0);
    const double denominator =
        compute_losses(rows, logits.value().data(), targets.data(), p.mutable_value().data(), losses);
    store_losses(loss, losses, options.reduction, denominator);

    if (loss.needs_grad()) {
        loss.on_backward([=, targets = targets, options = options] {
            const Rows saved(logits, options);
            const Real* softmax = p.value().data();
            Real* dz = logits.grad().data();
            for (std::size_t i = 0; i < b; ++i) {
                const std::int64_t target = targets.data()[i];
                if (target == options.ignore_index) continue;
                const double g = row_gradient(loss, i, options.reduction, denominator);
                add_smoothed_gradient(saved, softmax + i * k, static_cast<std::size_t>(target), g, dz + i * k);
            }
        });
    }
    return loss;
}

Var cross_entropy(Var logits, Var probabilities, const CrossEntropyOptions& options) {
    const Rows rows(logits, options);
    require(probabilities.shape() == logits.shape(), "cross_entropy: probabilities of shape ", probabilities.shape(),
            " do not fit logits of shape ", logits.shape());
    require(options.ignore_index < 0, "cross_entropy: ignore_index ", options.ignore_index,
            " means nothing for class probabilities");
    const std::size_t b = rows.b, k = rows.k;
    const Var p = logits.tape().workspace({b, k});
    const Var log_p = logits.tape().workspace({b, k});
    const Var loss = reduced_result(logits, probabilities, b, options.reduction);

    Losses losses(b, 0.0);
    compute_soft_losses(rows, logits.value().data(), probabilities.value().data(), p.mutable_value().data(),
                        log_p.mutable_value().data(), losses);
    store_losses(loss, losses, options.reduction, static_cast<double>(b));

    if (loss.needs_grad()) {
        loss.on_backward([=, options = options] {
            const Rows saved(logits, options);
            const Real* wanted = probabilities.value().data();
            const Real* softmax = p.value().data();
            const Real* log_softmax = log_p.value().data();
            Real* dz = logits.needs_grad() ? logits.grad().data() : nullptr;
            Real* dq = probabilities.needs_grad() ? probabilities.grad().data() : nullptr;
            for (std::size_t i = 0; i < b; ++i) {
                const double g = row_gradient(loss, i, options.reduction, static_cast<double>(b));
                if (dz) add_soft_gradient({saved, wanted + i * k}, softmax + i * k, g, dz + i * k);
                if (dq) add_target_gradient(saved, log_softmax + i * k, g, dq + i * k);
            }
        });
    }
    return loss;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
