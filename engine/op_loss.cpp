// Cross entropy: softmax, logarithm and loss in one pass over the logits; the softmax is kept for the way back.
#include <algorithm>
#include <cmath>
#include <vector>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/ops.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Losses = std::vector<double, Allocator<double>>;  // (B)

/// What both kinds of targets share: weights, options, and logits (B, K, ...) read as rows of K, one for each target.
struct Rows {
    std::size_t b, k;
    std::size_t step;  // from one class of a row to the next: the product of the axes behind K
    const CrossEntropyOptions& options;
    const Real* weight;  // (K) or nullptr for ones

    Rows(Var logits, const CrossEntropyOptions& given) : step(1), options(given) {
        require(logits.rank() >= 1, "cross_entropy: logits must be (B, K, ...) or (K), not ", logits.shape());
        k = logits.dim(logits.rank() == 1 ? 0 : 1);
        for (std::size_t axis = 2; axis < logits.rank(); ++axis) step *= logits.dim(axis);
        b = logits.rank() == 1 ? 1 : logits.dim(0) * step;
        require(given.label_smoothing >= 0 && given.label_smoothing <= 1,
                "cross_entropy: label_smoothing must be between 0 and 1, but got ", given.label_smoothing);
        require(!given.weight || given.weight->shape() == Shape{k}, "cross_entropy: weight must be of shape ", Shape{k},
                " for logits ", logits.shape(), ", not ", given.weight ? given.weight->shape() : Shape{});
        weight = given.weight ? given.weight->data() : nullptr;
    }
    double weight_of(std::size_t c) const { return weight == nullptr ? 1 : static_cast<double>(weight[c]); }
    /// Where in logits row i begins.
    std::size_t begin(std::size_t i) const { return step == 1 ? i * k : i / step * step * k + i % step; }
};

/// A row of values of the logits' shape side by side: where it is, or copied here.
class RowRoom {
public:
    explicit RowRoom(const Rows& rows) : rows_(rows), room_(rows.step == 1 ? 0 : rows.k) {}

    const Real* read(const Real* values, std::size_t i) {
        const Real* row = values + rows_.begin(i);
        if (rows_.step == 1) return row;
        for (std::size_t c = 0; c < rows_.k; ++c) room_[c] = row[c * rows_.step];
        return room_.data();
    }
    /// add(row) adds to the K values of row i.
    template <class Add>
    void write(Real* values, std::size_t i, Add add) {
        Real* row = values + rows_.begin(i);
        if (rows_.step == 1) return add(row);
        std::fill(room_.begin(), room_.end(), Real{0});
        add(room_.data());
        for (std::size_t c = 0; c < rows_.k; ++c) row[c * rows_.step] += room_[c];
    }

private:
    const Rows& rows_;
    std::vector<Real, Allocator<Real>> room_;
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

/// The logits' shape without the axis of the classes.
Shape target_shape(Var logits) {
    Shape shape;
    for (std::size_t axis = 0; axis < logits.rank(); ++axis) {
        if (axis != (logits.rank() == 1 ? 0 : 1)) shape.push_back(logits.dim(axis));
    }
    return shape;
}

/// Room for the losses of rows, in the wanted reduction.
Var reduced_result(Var logits, Var other, Reduction reduction) {
    return logits.tape().result(reduction == Reduction::none ? target_shape(logits) : Shape{}, {logits, other});
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
    const Shape expected = target_shape(logits);
    require(targets.shape() == expected, "cross_entropy: targets for logits ", logits.shape(), " must be of shape ",
            expected, ", not ", targets.shape());
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const std::int64_t t = targets.data()[i];
        require<std::out_of_range>(t == rows.options.ignore_index || static_cast<std::uint64_t>(t) < rows.k,
                                   "cross_entropy: target ", t, " at position ",
                                   logits.rank() > 2 ? position_text(i, expected) : std::to_string(i),
                                   " is out of bounds for ", rows.k, " classes");
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
    RowRoom room(rows);
    double weights = 0;
    for (std::size_t i = 0; i < rows.b; ++i) {
        if (targets[i] == rows.options.ignore_index) continue;
        const auto target = static_cast<std::size_t>(targets[i]);
        const Real* row = room.read(z, i);
        const LogNormalizer normalizer = softmax_row(row, k, p + i * k);
        losses[i] = smoothed_loss(rows, row, normalizer, target);
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
    RowRoom z_room(rows), q_room(rows);
    for (std::size_t i = 0; i < rows.b; ++i) {
        const Real* row = z_room.read(z, i);
        const LogNormalizer normalizer = softmax_row(row, k, p + i * k);
        const SoftTarget target{rows, q_room.read(q, i)};
        for (std::size_t c = 0; c < k; ++c) {
            const double log_pc = normalizer.log_probability(row[c]);
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
    const Var loss = reduced_result(logits, logits, options.reduction);

    Losses losses(b, 0.0);
    const double denominator =
        compute_losses(rows, logits.value().data(), targets.data(), p.mutable_value().data(), losses);
    store_losses(loss, losses, options.reduction, denominator);

    if (loss.needs_grad()) {
        loss.on_backward([=, targets = targets, options = options] {
            const Rows saved(logits, options);
            RowRoom room(saved);
            const Real* softmax = p.value().data();
            Real* dz = logits.grad().data();
            for (std::size_t i = 0; i < b; ++i) {
                if (targets.data()[i] == options.ignore_index) continue;
                const auto target = static_cast<std::size_t>(targets.data()[i]);
                const double g = row_gradient(loss, i, options.reduction, denominator);
                room.write(dz, i, [&](Real* row) { add_smoothed_gradient(saved, softmax + i * k, target, g, row); });
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
    const Var loss = reduced_result(logits, probabilities, options.reduction);

    Losses losses(b, 0.0);
    compute_soft_losses(rows, logits.value().data(), probabilities.value().data(), p.mutable_value().data(),
                        log_p.mutable_value().data(), losses);
    store_losses(loss, losses, options.reduction, static_cast<double>(b));

    if (loss.needs_grad()) {
        loss.on_backward([=, options = options] {
            const Rows saved(logits, options);
            RowRoom read(saved), write(saved);
            const Real* wanted = probabilities.value().data();
            const Real* softmax = p.value().data();
            const Real* log_softmax = log_p.value().data();
            Real* dz = logits.needs_grad() ? logits.grad().data() : nullptr;
            Real* dq = probabilities.needs_grad() ? probabilities.grad().data() : nullptr;
            for (std::size_t i = 0; i < b; ++i) {
                const double g = row_gradient(loss, i, options.reduction, static_cast<double>(b));
                const SoftTarget target{saved, read.read(wanted, i)};
                if (dz) write.write(dz, i, [&](Real* row) { add_soft_gradient(target, softmax + i * k, g, row); });
                if (dq) write.write(dq, i, [&](Real* row) { add_target_gradient(saved, log_softmax + i * k, g, row); });
            }
        });
    }
    return loss;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
