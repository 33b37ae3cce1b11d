// Every operation, with its shapes. Letters: B batch, L length, D width, V vocabulary, K classes; M, K, N in matmul.
// Each op checks, makes room on the tape of its inputs, computes, and says how to go back; look in op_<family>.cpp.
// Common errors: std::invalid_argument for shapes that do not fit, std::logic_error for inputs of an ended or another
// tape. An axis may be negative: -1 is the last.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/tape.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

// ---- elementwise (op_elementwise.cpp) ------------------------------------------------------------------------------
// Two inputs broadcast by numpy's rules; the gradient is summed back to each input's shape.

Var add(Var a, Var b);
Var sub(Var a, Var b);
Var mul(Var a, Var b);
Var div(Var a, Var b);
/// By, or of, a number that needs no gradient.
Var div(Var x, Real divisor);
Var div(Real dividend, Var x);
Var neg(Var x);
Var exp(Var x);
/// Natural logarithm; -inf at 0, NaN below.
Var log(Var x);
Var sqrt(Var x);
/// max(0, x); NaN stays NaN. The gradient passes where x > 0 (not at 0) or x is NaN.
Var relu(Var x);
Var tanh(Var x);
/// 1 / (1 + exp(-x)), without overflow.
Var sigmoid(Var x);
/// x * factor + offset, for numbers that need no gradient.
Var affine(Var x, Real factor, Real offset);
// Operators + - * / between Vars, and with numbers, are in operators.hpp.

// ---- reductions (op_reduce.cpp) ------------------------------------------------------------------------------------
// Without an axis: over everything, shape (). Over an axis: that axis is gone, or 1 with keepdim. Sums are accumulated
// in double (masked_mean sums 8 rows in Real first). The sum of nothing is 0, its mean NaN, its max an error.

Var sum(Var x);
Var sum(Var x, std::int64_t axis, bool keepdim = false);
Var mean(Var x);
Var mean(Var x, std::int64_t axis, bool keepdim = false);
/// The gradient is shared evenly among equal maxima. NaN if there is one.
Var max(Var x);
/// The gradient goes to the first maximum. NaN wins.
Var max(Var x, std::int64_t axis, bool keepdim = false);
/// The position of the first maximum in x flattened (a scalar), or along an axis. NaN counts as the largest.
IdArray argmax(Var x);
IdArray argmax(Var x, std::int64_t axis, bool keepdim = false);
/// The mean of the first lengths[b] rows of each sequence. x: (B, L, D), lengths: (B) in 0..L -> (B, D). A length of 0
/// gives zeros and no gradient. Throws std::invalid_argument for other shapes and lengths, with the position.
Var masked_mean(Var x, const IdArray& lengths);

// ---- softmax (op_softmax.cpp) --------------------------------------------------------------------------------------

/// exp(x) / sum(exp(x)) along an axis, without overflow.
Var softmax(Var x, std::int64_t axis = -1);
Var log_softmax(Var x, std::int64_t axis = -1);

// ---- shape (op_shape.cpp) ------------------------------------------------------------------------------------------

/// The same elements in another shape; one extent may be -1 and is found.
Var reshape(Var x, const std::vector<std::int64_t>& shape);
/// Joins the axes first..last into one. A scalar becomes (1).
Var flatten(Var x, std::int64_t first = 0, std::int64_t last = -1);
/// Two axes exchanged.
Var transpose(Var x, std::int64_t axis_a = 0, std::int64_t axis_b = 1);
/// begin <= i < end along an axis; negative bounds count from the end. Throws std::out_of_range outside the extent.
Var slice(Var x, std::int64_t axis, std::int64_t begin, std::int64_t end);
/// One behind the other along an axis; the other extents are equal.
Var concat(std::span<const Var> parts, std::int64_t axis = 0);
inline Var concat(std::initializer_list<Var> parts, std::int64_t axis = 0) {
    return concat(std::span<const Var>(parts.begin(), parts.size()), axis);
}
/// The same values, through which no gradient passes.
Var detach(Var x);

// ---- products (op_linear.cpp) --------------------------------------------------------------------------------------

/// a: (M, K), b: (K, N) -> (M, N)
Var matmul(Var a, Var b);
/// y = x weight^T + bias. x: (..., in), weight: (out, in), bias: (out) -> (..., out)
Var linear(Var x, Var weight, Var bias);
Var linear(Var x, Var weight);

// ---- embedding (op_embedding.cpp) ----------------------------------------------------------------------------------

struct EmbeddingOptions {
    /// This row gets no gradient; negative counts from the end. Nothing else is special about it.
    std::optional<std::int64_t> padding_idx = {};
    /// Rows whose norm is larger are scaled to it before they are handed out: in the table on a training tape, in the
    /// copy on an eval tape, and for frozen rows always. The gradient ignores the scaling.
    std::optional<double> max_norm = {};
    /// p of that norm: 2 is Euclid's, infinity the largest |x|, 0 the count of non-zeros.
    double norm_type = 2;
    /// Divide the gradient of each row by how often the row occurs in this lookup.
    bool scale_grad_by_freq = false;
    /// Leave the gradient by rows, for SparseAdam and SGD. A dense one that arrives too, as from linear(), makes it
    /// dense.
    bool sparse = false;
};

/// Throws what `embedding` and a layer must refuse for a table of V rows: padding_idx outside -V..V-1, max_norm < 0 or
/// NaN, norm_type NaN (std::invalid_argument).
void check_embedding_options(const EmbeddingOptions& options, std::size_t v);

/// Rows of a table. table: (V, D), ids: any shape S -> S + (D). Saves no table: it may change before backward.
/// Throws std::out_of_range for an id outside 0..V-1, with its value and position, before anything is changed.
Var embedding(Tape& tape, const Parameter& table, const IdArray& ids, const EmbeddingOptions& options = {});

// ---- bags of embeddings (op_embedding_bag.cpp) ---------------------------------------------------------------------
// The rows of each bag of ids summed, averaged or maximised in one pass, without making (B, L, D) first. Bags are the
// rows of ids (B, N), or pieces of ids (n): bag b is offsets[b] .. offsets[b + 1] - 1, the last one goes on to the end.

/// How the rows of a bag become one: their sum, their mean, or the largest in each column (a NaN counts in
/// a bag's first row only; the first of equal ones gets the gradient).
enum class BagMode { sum, mean, max };

struct EmbeddingBagOptions {
    BagMode mode = BagMode::mean;
    /// Positions with this id count as absent, also in the mean's divisor; negative counts from the end.
    std::optional<std::int64_t> padding_idx = {};
    /// As in EmbeddingOptions, applied to every row before it enters a bag.
    std::optional<double> max_norm = {};
    double norm_type = 2;
    /// Divide the gradient of each row by how often the row occurs among all ids of the call. Not for max.
    bool scale_grad_by_freq = false;
    /// Leave the gradient by rows: one for each position; for max, for each position that is the largest somewhere.
    bool sparse = false;
    /// offsets (B + 1) end with n. Without a meaning for ids (B, N).
    bool include_last_offset = false;
};

/// Throws what `embedding_bag` and a layer must refuse for a table of V rows: what check_embedding_options does, and
/// scale_grad_by_freq with max.
void check_embedding_bag_options(const EmbeddingBagOptions& options, std::size_t v);

/// table: (V, D), ids: (B, N) -> (B, D). A bag without ids, or of padding alone, is zero and has no gradient.
/// Throws std::out_of_range for an id outside 0..V-1, with its value and position, before anything is changed.
Var embedding_bag(Tape& tape, const Parameter& table, const IdArray& ids, const EmbeddingBagOptions& options = {});
/// table: (V, D), ids: (n), offsets: (B), not decreasing from 0 to n at most -> (B, D).
Var embedding_bag(Tape& tape, const Parameter& table, const IdArray& ids, const IdArray& offsets,
                  const EmbeddingBagOptions& options = {});
/// Mode sum with a factor for each position, in the shape of ids. The factors' gradient is computed from the rows, also
/// where the table needs none: the table must not change before backward then (with max_norm it may: copies of the
/// rows, (n, D), are kept).
Var embedding_bag(Tape& tape, const Parameter& table, const IdArray& ids, Var per_sample_weights,
                  const EmbeddingBagOptions& options = {});
Var embedding_bag(Tape& tape, const Parameter& table, const IdArray& ids, const IdArray& offsets,
                  Var per_sample_weights, const EmbeddingBagOptions& options = {});

/// masked_mean(embedding(tape, table, ids, options), lengths) without making (B, L, D): the same but for the rounding
/// of the sums, errors included. table: (V, D), ids: (B, L), lengths: (B) in 0..L -> (B, D). Only
/// lengths leave positions out: padding within them counts like any other row, unlike in a bag. In a gradient that
/// stays by rows, a position left out has a row of zeros, padding none.
Var embedding_masked_mean(Tape& tape, const Parameter& table, const IdArray& ids, const IdArray& lengths,
                          const EmbeddingOptions& options = {});

/// An array or expression of reals, as distinct from ids.
template <class T>
concept RealExpression = std::derived_from<T, xt::xexpression<T>> && std::floating_point<typename T::value_type>;

/// The same from an array of factors.
template <RealExpression Weights>
Var embedding_bag(Tape& tape, const Parameter& table, const IdArray& ids, const Weights& per_sample_weights,
                  const EmbeddingBagOptions& options = {}) {
    return embedding_bag(tape, table, ids, tape.constant(Array(per_sample_weights)), options);
}
template <RealExpression Weights>
Var embedding_bag(Tape& tape, const Parameter& table, const IdArray& ids, const IdArray& offsets,
                  const Weights& per_sample_weights, const EmbeddingBagOptions& options = {}) {
    return embedding_bag(tape, table, ids, offsets, tape.constant(Array(per_sample_weights)), options);
}

// ---- dropout (op_dropout.cpp) --------------------------------------------------------------------------------------

/// On a training tape: each element is zero with probability p, else x / (1 - p); drawn from the tape's Rng. On an eval
/// tape, or for p = 0: x itself. Throws std::invalid_argument unless 0 <= p <= 1.
Var dropout(Var x, double p = 0.5);

// ---- losses (op_loss.cpp) ------------------------------------------------------------------------------------------

enum class Reduction { none, mean, sum };

struct CrossEntropyOptions {
    std::optional<Array> weight = {};  ///< (K): of each class
    std::int64_t ignore_index = -100;  ///< rows with this target do not count
    Reduction reduction = Reduction::mean;
    double label_smoothing = 0;  ///< 0..1: how much of the target is spread evenly over all classes
};

/// -log softmax(logits)[target], in nats. logits: (B, K, ...) and targets: (B, ...) ids, or (K) and (): the axis of the
/// classes is the second. Reduction none gives the shape of the targets. The mean divides by the weights of the targets
/// that count (of nothing: NaN, as PyTorch's).
/// Throws std::out_of_range for a target that is neither a class nor ignore_index, with its position.
Var cross_entropy(Var logits, const IdArray& targets, const CrossEntropyOptions& options = {});
/// Against class probabilities of the same shape as the logits; the mean divides by B (times the axes behind K).
/// ignore_index must be negative.
Var cross_entropy(Var logits, Var probabilities, const CrossEntropyOptions& options = {});
/// The same from an array of reals. (A template, so that arrays and lists of integers are ids.)
template <class E>
requires std::floating_point<typename E::value_type> Var cross_entropy(Var logits,
                                                                       const xt::xexpression<E>& probabilities,
                                                                       const CrossEntropyOptions& options = {}) {
    return cross_entropy(logits, logits.tape().constant(Array(probabilities)), options);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION

#include <embergrad/engine/operators.hpp>
