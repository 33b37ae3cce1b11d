// How each op of the reference cases is run through embergrad.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <embergrad/engine/ops.hpp>
#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/embedding_bag.hpp>

#include "reference_cases.hpp"

namespace embergrad::testing {

/// The value of f of these inputs, then the gradient of each from the case's upstream gradient.
inline void check_reference(const ReferenceCase& c, const std::vector<std::string>& names, const Function& f,
                            const TapeOptions& tape_options = {}) {
    std::vector<Parameter> parameters;
    for (const std::string& name : names) parameters.emplace_back(c.input(name));
    Tape tape(tape_options);
    Vars leaves;
    for (const Parameter& parameter : parameters) leaves.push_back(tape.leaf(parameter));
    const Var y = f(leaves);
    c.check("value", y.value());
    tape.backward(y, c.input("upstream"));
    for (std::size_t i = 0; i < names.size(); ++i) c.check("d_" + names[i], dense_gradient(parameters[i]));
}

// ---- embedding -----------------------------------------------------------------------------------------------------

/// What EmbeddingOptions and EmbeddingBagOptions have in common.
template <class Options>
Options lookup_options(const ReferenceOptions& o) {
    Options options;
    options.padding_idx = o.optional<std::int64_t>("padding_idx");
    options.max_norm = o.optional<double>("max_norm");
    options.norm_type = o.real("norm_type");
    options.scale_grad_by_freq = o.get<bool>("scale_grad_by_freq");
    options.sparse = o.get<bool>("sparse");
    return options;
}

/// The table's gradient, of the kind that was asked for, and the table itself, which max_norm changes.
inline void check_table(const ReferenceCase& c, const Parameter& table) {
    CHECK(table.gradient_kind() == (c.options().get<bool>("sparse") ? GradientKind::rows : GradientKind::dense));
    c.check("d_table", dense_gradient(table));
    c.check("table_after", table.value());
}

inline void run_embedding(const ReferenceCase& c) {
    const auto layer =
        Embedding::from_pretrained(c.input("table"), false, lookup_options<EmbeddingOptions>(c.options()));
    Tape tape;
    const Var y = layer(tape, c.ids("ids"));
    c.check("value", y.value());
    tape.backward(y, c.input("upstream"));
    check_table(c, layer.weight());
}

inline BagMode bag_mode(const std::string& name) {
    static const std::map<std::string, BagMode> modes{
        {"sum", BagMode::sum}, {"mean", BagMode::mean}, {"max", BagMode::max}};
    return modes.at(name);
}

inline Var bags(const ReferenceCase& c, const EmbeddingBag& layer, Tape& tape, const Parameter& weights) {
    const IdArray ids = c.ids("ids");
    if (!c.has_input("offsets")) {
        return weights.defined() ? layer(tape, ids, tape.leaf(weights)) : layer(tape, ids);
    }
    const IdArray offsets = c.ids("offsets");
    return weights.defined() ? layer(tape, ids, offsets, tape.leaf(weights)) : layer(tape, ids, offsets);
}

inline void run_embedding_bag(const ReferenceCase& c) {
    auto options = lookup_options<EmbeddingBagOptions>(c.options());
    options.mode = bag_mode(c.options().get<std::string>("mode"));
    options.include_last_offset = c.options().get<bool>("include_last_offset");
    const auto layer = EmbeddingBag::from_pretrained(c.input("table"), false, options);
    Parameter weights;
    if (c.options().get<bool>("per_sample_weights")) weights = Parameter(c.input("per_sample_weights"));
    Tape tape;
    const Var y = bags(c, layer, tape, weights);
    c.check("value", y.value());
    tape.backward(y, c.input("upstream"));
    check_table(c, layer.weight());
    if (weights.defined()) c.check("d_per_sample_weights", dense_gradient(weights));
}

// ---- products, elementwise -----------------------------------------------------------------------------------------

inline void run_linear(const ReferenceCase& c) {
    if (c.options().get<bool>("bias"))
        check_reference(c, {"x", "weight", "bias"}, [](const Vars& v) { return linear(v[0], v[1], v[2]); });
    else
        check_reference(c, {"x", "weight"}, [](const Vars& v) { return linear(v[0], v[1]); });
}

template <Var (*op)(Var)>
void run_unary(const ReferenceCase& c) {
    check_reference(c, {"x"}, [](const Vars& v) { return op(v[0]); });
}

template <Var (*op)(Var, Var)>
void run_binary(const ReferenceCase& c) {
    check_reference(c, {"a", "b"}, [](const Vars& v) { return op(v[0], v[1]); });
}

inline void run_affine(const ReferenceCase& c) {
    const auto factor = c.options().get<Real>("factor"), offset = c.options().get<Real>("offset");
    check_reference(c, {"x"}, [=](const Vars& v) { return affine(v[0], factor, offset); });
}

inline void run_div_by_number(const ReferenceCase& c) {
    const auto divisor = c.options().get<Real>("divisor");
    check_reference(c, {"x"}, [=](const Vars& v) { return v[0] / divisor; });
}

inline void run_div_number_by(const ReferenceCase& c) {
    const auto dividend = c.options().get<Real>("dividend");
    check_reference(c, {"x"}, [=](const Vars& v) { return dividend / v[0]; });
}

inline void run_detach(const ReferenceCase& c) {
    check_reference(c, {"x"}, [](const Vars& v) { return v[0] * detach(v[0]); });
}

inline void run_dropout(const ReferenceCase& c) {
    Rng rng(1);
    const double p = c.options().real("p");
    check_reference(c, {"x"}, [=](const Vars& v) { return dropout(v[0], p); },
                    {.training = c.options().get<bool>("training"), .rng = &rng});
}

// ---- reductions, shapes --------------------------------------------------------------------------------------------

template <Var (*whole)(Var), Var (*along)(Var, std::int64_t, bool)>
void run_reduction(const ReferenceCase& c) {
    const auto axis = c.options().optional<std::int64_t>("axis");
    const bool keepdim = c.options().get<bool>("keepdim");
    check_reference(c, {"x"}, [=](const Vars& v) { return axis ? along(v[0], *axis, keepdim) : whole(v[0]); });
}

inline void run_argmax(const ReferenceCase& c) {
    const auto axis = c.options().optional<std::int64_t>("axis");
    const bool keepdim = c.options().get<bool>("keepdim");
    Tape tape;
    const Var x = tape.constant(c.input("x"));
    const IdArray at = axis ? argmax(x, *axis, keepdim) : argmax(x);
    Array reals(at.shape());
    for (std::size_t i = 0; i < at.size(); ++i) reals.data()[i] = static_cast<Real>(at.data()[i]);
    c.check("value", reals);
}

template <Var (*op)(Var, std::int64_t)>
void run_along(const ReferenceCase& c) {
    const auto axis = c.options().get<std::int64_t>("axis");
    check_reference(c, {"x"}, [=](const Vars& v) { return op(v[0], axis); });
}

inline void run_masked_mean(const ReferenceCase& c) {
    const IdArray lengths = c.ids("lengths");
    check_reference(c, {"x"}, [&](const Vars& v) { return masked_mean(v[0], lengths); });
}

inline void run_reshape(const ReferenceCase& c) {
    const auto shape = c.options().get<std::vector<std::int64_t>>("shape");
    check_reference(c, {"x"}, [&](const Vars& v) { return reshape(v[0], shape); });
}

template <Var (*op)(Var, std::int64_t, std::int64_t)>
void run_two_axes(const ReferenceCase& c, const std::string& first, const std::string& second) {
    const auto a = c.options().get<std::int64_t>(first), b = c.options().get<std::int64_t>(second);
    check_reference(c, {"x"}, [=](const Vars& v) { return op(v[0], a, b); });
}

inline void run_slice(const ReferenceCase& c) {
    const auto axis = c.options().get<std::int64_t>("axis");
    const auto begin = c.options().get<std::int64_t>("begin"), end = c.options().get<std::int64_t>("end");
    check_reference(c, {"x"}, [=](const Vars& v) { return slice(v[0], axis, begin, end); });
}

inline void run_concat(const ReferenceCase& c) {
    const auto axis = c.options().get<std::int64_t>("axis");
    std::vector<std::string> names;
    for (std::size_t k = 0; k < c.options().get<std::size_t>("parts"); ++k) names.push_back("x" + std::to_string(k));
    check_reference(c, names, [=](const Vars& v) { return concat(v, axis); });
}

// ---- cross entropy -------------------------------------------------------------------------------------------------

inline CrossEntropyOptions loss_options(const ReferenceCase& c) {
    static const std::map<std::string, Reduction> reductions{
        {"none", Reduction::none}, {"mean", Reduction::mean}, {"sum", Reduction::sum}};
    CrossEntropyOptions options;
    options.reduction = reductions.at(c.options().get<std::string>("reduction"));
    options.label_smoothing = c.options().real("label_smoothing");
    if (c.options().get<bool>("weight")) options.weight = c.input("weight");
    return options;
}

inline void run_cross_entropy(const ReferenceCase& c) {
    CrossEntropyOptions options = loss_options(c);
    options.ignore_index = c.options().get<std::int64_t>("ignore_index");
    const IdArray targets = c.ids("targets");
    check_reference(c, {"logits"}, [&](const Vars& v) { return cross_entropy(v[0], targets, options); });
}

inline void run_cross_entropy_probabilities(const ReferenceCase& c) {
    const CrossEntropyOptions options = loss_options(c);
    check_reference(c, {"logits", "probabilities"}, [&](const Vars& v) { return cross_entropy(v[0], v[1], options); });
}

/// By the name in the index.
inline const std::map<std::string, RunReference> kReferenceOps{
    {"add", run_binary<add>},
    {"affine", run_affine},
    {"argmax", run_argmax},
    {"concat", run_concat},
    {"cross_entropy", run_cross_entropy},
    {"cross_entropy_probabilities", run_cross_entropy_probabilities},
    {"detach", run_detach},
    {"div", run_binary<div>},
    {"div_by_number", run_div_by_number},
    {"div_number_by", run_div_number_by},
    {"dropout", run_dropout},
    {"embedding", run_embedding},
    {"embedding_bag", run_embedding_bag},
    {"exp", run_unary<exp>},
    {"flatten", [](const ReferenceCase& c) { run_two_axes<flatten>(c, "first", "last"); }},
    {"linear", run_linear},
    {"log", run_unary<log>},
    {"log_softmax", run_along<log_softmax>},
    {"masked_mean", run_masked_mean},
    {"matmul", run_binary<matmul>},
    {"max", run_reduction<max, max>},
    {"mean", run_reduction<mean, mean>},
    {"mul", run_binary<mul>},
    {"neg", run_unary<neg>},
    {"relu", run_unary<relu>},
    {"reshape", run_reshape},
    {"sigmoid", run_unary<sigmoid>},
    {"slice", run_slice},
    {"softmax", run_along<softmax>},
    {"sqrt", run_unary<sqrt>},
    {"sub", run_binary<sub>},
    {"sum", run_reduction<sum, sum>},
    {"tanh", run_unary<tanh>},
    {"transpose", [](const ReferenceCase& c) { run_two_axes<transpose>(c, "axis_a", "axis_b"); }},
};

}  // namespace embergrad::testing
