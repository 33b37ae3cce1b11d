// Cross entropy: softmax, logarithm and loss in one pass over the logits; the softmax is kept for the way back.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <embergrad/engine/kernels/axis.hpp>
#include <embergrad/engine/kernels/elementwise.hpp>
#include <embergrad/engine/kernels/lanes.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::AlongAxis;
using detail::LaneRoom;
using Losses = std::vector<double, Allocator<double>>;  // (B)

std::size_t class_axis(const Var& logits) {
    require(logits.rank() >= 1, "cross_entropy: logits must be (B, K, ...) or (K), not ", logits.shape());
    return logits.rank() == 1 ? 0 : 1;
}

/// What both kinds of targets share: weights, options, and logits (B, K, ...) read as rows of K, one for each target.
struct Rows {
    AlongAxis along;  // the axis of the classes
    std::size_t b, k;
    const CrossEntropyOptions& options;
    const Real* weight;  // (K) or nullptr for ones

    Rows(const Var& logits, const CrossEntropyOptions& given)
        : along(logits.shape(), class_axis(logits)), b(along.outer * along.inner), k(along.n), options(given) {
        require(given.label_smoothing >= 0 && given.label_smoothing <= 1,
                "cross_entropy: label_smoothing must be between 0 and 1, but got ", given.label_smoothing);
        require(!given.weight || given.weight->shape() == Shape{k}, "cross_entropy: weight must be of shape ", Shape{k},
                " for logits ", logits.shape(), ", not ", given.weight ? given.weight->shape() : Shape{});
        weight = given.weight ? given.weight->data() : nullptr;
    }
    double weight_of(std::size_t c) const { return weight == nullptr ? 1 : static_cast<double>(weight[c]); }
};

/// A row of a softmax.
struct SoftmaxRow {
    const Real* numerators;  // (K)
    double factor;

    double operator()(std::size_t c) const { return static_cast<double>(numerators[c]) * factor; }
};

/// What the way back needs of softmax(z): its numerators and 1 / their sum, which saves a pass over all classes.
struct Softmax {
    Var numerators;  // (B, K)
    Var factors;     // (B)

    Softmax(Tape& tape, const Rows& rows)
        : numerators(tape.workspace({rows.b, rows.k})), factors(tape.workspace({rows.b})) {}

    double factor(std::size_t i) const { return static_cast<double>(factors.data()[i]); }
    SoftmaxRow row(std::size_t i) const { return {numerators.data() + i * numerators.dim(1), factor(i)}; }
};

/// log softmax(z) = z - max - log_sum
struct LogNormalizer {
    Real max;
    double log_sum;

    /// Also fills row i of `softmax`.
    LogNormalizer(const Real* z, std::size_t k, const Softmax& softmax, std::size_t i) {
        const auto e = detail::exponentials(z, k, softmax.numerators.mutable_value().data() + i * k);
        softmax.factors.mutable_value().data()[i] = static_cast<Real>(1 / e.sum);
        max = e.max;
        log_sum = std::log(e.sum);
    }
    double log_probability(Real z) const { return static_cast<double>(z - max) - log_sum; }
};

/// The gradient of logits or probabilities, row by row; nothing where it is not needed. Where both are one value, the
/// one made first must write each row first: it may be the one that overwrites.
class GradientRows {
public:
    /// With `in_place` the gradient's array holds the softmax's numerators already.
    GradientRows(const Var& x, const Rows& rows, bool in_place = false) : room_(rows.along) {
        if (!x.needs_grad()) return;
        const auto [gradient, add] = x.gradient().target();
        to_ = gradient.data();
        add_ = add && !in_place;
    }
    /// put(row, add) for the row that begins at `first`.
    template <class Put>
    void write(std::size_t first, Put put) {
        if (to_ != nullptr) room_.write(to_, first, add_, put);
    }

private:
    LaneRoom room_;
    Real* to_ = nullptr;
    bool add_ = false;
};

/// The logits' shape without the axis of the classes.
Shape target_shape(const Var& logits) {
    Shape shape;
    for (std::size_t axis = 0; axis < logits.rank(); ++axis) {
        if (axis != class_axis(logits)) shape.push_back(logits.dim(axis));
    }
    return shape;
}

/// Room for the losses of rows, in the wanted reduction.
Var reduced_result(const Var& logits, const Var& other, Reduction reduction) {
    return logits.tape().result(reduction == Reduction::none ? target_shape(logits) : Shape{}, {logits, other});
}

/// What a mean divides by. Over targets of no weight it is NaN, also where label smoothing leaves them a loss.
double mean_divisor(double weights) { return weights == 0 ? std::numeric_limits<double>::quiet_NaN() : weights; }

/// The upstream gradient of row i's loss.
double row_gradient(const Var& loss, std::size_t i, Reduction reduction, double denominator) {
    const Real* g = loss.grad().data();
    if (reduction == Reduction::none) return static_cast<double>(g[i]);
    return static_cast<double>(g[0]) / (reduction == Reduction::mean ? denominator : 1);
}

void store_losses(const Var& loss, const Losses& rows, Reduction reduction, double denominator) {
    Real* to = loss.mutable_value().data();
    double total = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        total += rows[i];
        if (reduction == Reduction::none) to[i] = static_cast<Real>(rows[i]);
    }
    if (reduction == Reduction::sum) to[0] = static_cast<Real>(total);
    if (reduction == Reduction::mean) to[0] = static_cast<Real>(total / denominator);
}

void check_targets(const Var& logits, const IdArray& targets, const Rows& rows) {
    const Shape expected = target_shape(logits);
    require(targets.shape() == expected, "cross_entropy: targets for logits ", logits.shape(), " must be of shape ",
            expected, ", not ", targets.shape());
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const std::int64_t t = targets.data()[i];
        if (t == rows.options.ignore_index || static_cast<std::uint64_t>(t) < rows.k) [[likely]]
            continue;
        fail<std::out_of_range>("cross_entropy: target ", t, " at position ",
                                logits.rank() > 2 ? position_text(i, expected) : std::to_string(i),
                                " is out of bounds for ", rows.k, " classes");
    }
}

/// weight * log p. What has no weight adds nothing, not even where p is 0: 0 * -inf would be NaN.
double weighted(double weight, double log_p) { return weight == 0 && std::isinf(log_p) ? 0 : weight * log_p; }

/// -(1 - e) w_t log p_t - e/K sum_c w_c log p_c
double smoothed_loss(const Rows& rows, const Real* z, const LogNormalizer& normalizer, std::size_t target) {
    const double smoothing = rows.options.label_smoothing;
    double loss = -weighted((1 - smoothing) * rows.weight_of(target), normalizer.log_probability(z[target]));
    if (smoothing == 0) return loss;
    for (std::size_t c = 0; c < rows.k; ++c) {
        loss -= weighted(smoothing / static_cast<double>(rows.k) * rows.weight_of(c), normalizer.log_probability(z[c]));
    }
    return loss;
}

/// dz_c += g (p_c sum(q) - q_c), where q = (1 - e) w_t onehot(t) + e/K w; dz may be where p's numerators are.
void put_smoothed_gradient(const Rows& rows, const SoftmaxRow& p, std::size_t target, double g, bool add, Real* dz) {
    const double spread = rows.options.label_smoothing / static_cast<double>(rows.k);
    const double peak = (1 - rows.options.label_smoothing) * rows.weight_of(target);
    double q_sum = peak;
    for (std::size_t c = 0; spread > 0 && c < rows.k; ++c) q_sum += spread * rows.weight_of(c);
    if (spread == 0)
        detail::put_scaled(p.numerators, rows.k, static_cast<Real>(g * q_sum * p.factor), add, dz);
    else
        detail::put(dz, rows.k, add,
                    [&](std::size_t c) { return static_cast<Real>(g * (p(c) * q_sum - spread * rows.weight_of(c))); });
    dz[target] -= static_cast<Real>(g * peak);
}

void put_nothing(Real* dz, std::size_t k, bool add) {
    if (!add) std::fill_n(dz, k, Real{0});
}

/// The softmax and the loss of each row that counts; returns the weights of their targets, added up.
double compute_losses(const Rows& rows, const Real* z, const std::int64_t* targets, const Softmax& softmax,
                      Losses& losses) {
    LaneRoom room(rows.along);
    double weights = 0;
    rows.along.for_each_lane([&](std::size_t first, std::size_t i) {
        if (targets[i] == rows.options.ignore_index) return;
        const auto target = static_cast<std::size_t>(targets[i]);
        const Real* row = room.read(z, first);
        losses[i] = smoothed_loss(rows, row, LogNormalizer(row, rows.k, softmax, i), target);
        weights += rows.weight_of(target);
    });
    return weights;
}

/// The weighted, smoothed target of class c: w_c q'_c, where q' = (1 - e) q + e/K.
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
void compute_soft_losses(const Rows& rows, const Real* z, const Real* q, const Softmax& softmax, Real* log_p,
                         Losses& losses) {
    const std::size_t k = rows.k;
    LaneRoom z_room(rows.along), q_room(rows.along);
    rows.along.for_each_lane([&](std::size_t first, std::size_t i) {
        const Real* row = z_room.read(z, first);
        const LogNormalizer normalizer(row, k, softmax, i);
        const SoftTarget target{rows, q_room.read(q, first)};
        for (std::size_t c = 0; c < k; ++c) {
            const double log_pc = normalizer.log_probability(row[c]);
            losses[i] -= weighted(target(c), log_pc);
            log_p[i * k + c] = static_cast<Real>(log_pc);
        }
    });
}

/// dz_c += g (p_c sum(w q') - w_c q'_c)
void put_soft_gradient(const SoftTarget& target, const SoftmaxRow& p, double g, bool add, Real* dz) {
    const std::size_t k = target.rows.k;
    double sum = 0;
    for (std::size_t c = 0; c < k; ++c) sum += target(c);
    detail::put(dz, k, add, [&](std::size_t c) { return static_cast<Real>(g * (p(c) * sum - target(c))); });
}

/// dq_c -= g (1 - e) w_c log p_c; nothing for a class that adds nothing, where p is 0.
void put_target_gradient(const SoftTarget& target, const Real* log_p, double g, bool add, Real* dq) {
    const Rows& rows = target.rows;
    detail::put(dq, rows.k, add, [&](std::size_t c) {
        if (std::isinf(log_p[c]) && target(c) == 0) return Real{0};
        const double factor = (1 - rows.options.label_smoothing) * rows.weight_of(c);
        return static_cast<Real>(-g * factor * static_cast<double>(log_p[c]));
    });
}

}  // namespace

Var cross_entropy(Var logits, const IdArray& targets, const CrossEntropyOptions& options) {
    const Rows rows(logits, options);
    check_targets(logits, targets, rows);
    const Softmax softmax(logits.tape(), rows);
    const Var loss = reduced_result(logits, logits, options.reduction);

    Losses losses(rows.b, 0.0);
    const double denominator = mean_divisor(compute_losses(rows, logits.data(), targets.data(), softmax, losses));
    store_losses(loss, losses, options.reduction, denominator);

    if (loss.needs_grad()) {
        loss.on_backward([=, targets = targets, options = options] {
            const Rows saved(logits, options);
            const bool in_place = saved.along.inner == 1 && logits.gradient().adopt(softmax.numerators.mutable_value());
            GradientRows dz(logits, saved, in_place);
            saved.along.for_each_lane([&](std::size_t first, std::size_t i) {
                dz.write(first, [&](Real* row, bool add) {
                    if (targets.data()[i] == options.ignore_index) return put_nothing(row, saved.k, add);
                    const auto target = static_cast<std::size_t>(targets.data()[i]);
                    const double g = row_gradient(loss, i, options.reduction, denominator);
                    const SoftmaxRow p = in_place ? SoftmaxRow{row, softmax.factor(i)} : softmax.row(i);
                    put_smoothed_gradient(saved, p, target, g, add, row);
                });
            });
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
    const Softmax softmax(logits.tape(), rows);
    const Var log_p = logits.tape().workspace({rows.b, rows.k});
    const Var loss = reduced_result(logits, probabilities, options.reduction);

    Losses losses(rows.b, 0.0);
    compute_soft_losses(rows, logits.data(), probabilities.data(), softmax, log_p.mutable_value().data(), losses);
    store_losses(loss, losses, options.reduction, static_cast<double>(rows.b));

    if (loss.needs_grad()) {
        loss.on_backward([=, options = options] {
            const Rows saved(logits, options);
            LaneRoom read(saved.along);
            const Real* wanted = probabilities.data();
            const Real* log_softmax = log_p.data();
            GradientRows dz(logits, saved), dq(probabilities, saved);
            saved.along.for_each_lane([&](std::size_t first, std::size_t i) {
                const double g = row_gradient(loss, i, options.reduction, static_cast<double>(saved.b));
                const SoftTarget target{saved, read.read(wanted, first)};
                dz.write(first, [&](Real* row, bool add) { put_soft_gradient(target, softmax.row(i), g, add, row); });
                dq.write(first, [&](Real* row, bool add) {
                    put_target_gradient(target, log_softmax + i * saved.k, g, add, row);
                });
            });
        });
    }
    return loss;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
