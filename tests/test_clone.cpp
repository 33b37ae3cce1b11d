// clone(): modules of their own with the same values, whatever they are made of.
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/layers/compressed_embedding.hpp>
#include <embergrad/layers/dropout.hpp>
#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/embedding_bag.hpp>
#include <embergrad/layers/init.hpp>
#include <embergrad/layers/linear.hpp>
#include <embergrad/layers/partially_frozen_embedding.hpp>
#include <embergrad/layers/relu.hpp>
#include <embergrad/layers/sequential.hpp>
#include <embergrad/models/ngram_language_model.hpp>
#include <embergrad/models/text_classifier.hpp>
#include <embergrad/optim/adam.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Ids = std::vector<std::int64_t>;

/// The arrays of both, under the same names and with the same values, and none of them shared.
template <class M>
void check_independent(const M& copy, const M& original) {
    const StateDict of_copy = copy.state_dict(), of_original = original.state_dict();
    REQUIRE(of_copy.size() == of_original.size());
    for (std::size_t i = 0; i < of_copy.size(); ++i) {
        CHECK(of_copy[i].first == of_original[i].first);
        check_same(of_copy[i].second, of_original[i].second);
    }
    REQUIRE(copy.parameters().size() == original.parameters().size());
    for (const Parameter& mine : copy.parameters()) {
        for (const Parameter& other : original.parameters()) CHECK_FALSE(mine == other);
    }
    CHECK(to_string(copy) == to_string(original));
    init::constant(copy.parameters().at(0), 77);
    check_same(original.state_dict()[0].second, of_original[0].second);
}

template <class M>
void check_clones(const M& module) {
    INFO(module.describe());
    check_independent(clone(module), module);
    check_independent(clone(clone(module)), module);
}

/// A user's own: it says what it holds in visit, and nothing else.
class Scaler : public Module {
public:
    explicit Scaler(Rng& rng) : table_(4, 2, rng), child_{Linear(2, 2, rng), Sequential{Linear(table_.weight())}} {}

    Var operator()(Tape& tape, const IdArray& ids) const { return child_(table_(tape, ids) * tape.leaf(scale_)); }
    void visit(const Visitor& visit) const override {
        visit("scale", scale_, Role::parameter);
        visit("mean", mean_, Role::buffer);
        visit("scratch", scratch_, Role::temporary);
        visit.child("table", table_);
        visit.child("child", child_);
    }

    const Parameter scale_{ones({2})};  // const members are replaced in the clone, too
    Parameter mean_{full({2}, 5), false}, scratch_{full({3}, 6), false};
    Embedding table_;
    Sequential child_;
};

/// As PyTorch's users hold layers: behind pointers, which copies share.
struct Pointing : Module {
    std::shared_ptr<Module> encoder;
    std::shared_ptr<Parameter> weight;
    void visit(const Visitor& visit) const override {
        if (weight) visit("weight", *weight, Role::parameter);
        if (encoder) visit.child("encoder", *encoder);
    }
};

/// Hands a copy of its handle to visit.
struct ByValue : Module {
    Parameter held{ones({2})};
    Parameter weight() const { return held; }
    void visit(const Visitor& visit) const override { visit("weight", weight(), Role::parameter); }
};

/// Sees to its copies itself.
struct Deep : Module {
    std::unique_ptr<Linear> layer;
    explicit Deep(Rng& rng) : layer(std::make_unique<Linear>(2, 3, rng)) {}
    Deep(const Deep& other) : Module(other), layer(std::make_unique<Linear>(*other.layer)) {}
    void visit(const Visitor& visit) const override { visit.child("layer", *layer); }
};

}  // namespace

TEST_CASE("clone: every module of the library") {
    Rng rng(1);
    check_clones(Embedding(5, 3, rng, {.padding_idx = 1, .max_norm = 2}));
    check_clones(EmbeddingBag(5, 3, rng, {.mode = BagMode::sum}));
    check_clones(Linear(3, 2, rng));
    check_clones(Linear(3, 2, rng, {.bias = false}));
    check_clones(CompressedEmbedding(20, 10, 2, rng));
    check_clones(PartiallyFrozenEmbedding(wave({5, 3}), {0, 4}));
    check_clones(Sequential{Linear(3, 2, rng), ReLU(), Sequential{Dropout(0.25), Linear(2, 2, rng)}});
    check_clones(TextClassifier({.vocab_size = 9, .embedding_dim = 4, .num_classes = 3}, rng));
    check_clones(NGramLanguageModel({.vocab_size = 9, .embedding_dim = 4, .context_size = 2}, rng));
    CHECK(clone(Dropout(0.25)).p() == 0.25);
    CHECK(clone(Sequential()).size() == 0);
}

TEST_CASE("clone: training it leaves the original as it was, and the other way round") {
    Rng rng(2);
    const Scaler original(rng), copy = clone(original);
    const StateDict before = original.state_dict();
    const auto train = [](const Scaler& model) {
        Adam optimizer(model.parameters(), {.lr = 0.1});
        for (int step = 0; step < 3; ++step) {
            Tape tape;
            const Var y = model(tape, {1, 3, 1});
            optimizer.zero_grad();
            tape.backward(sum(y * y));
            optimizer.step();
        }
    };
    train(copy);
    for (std::size_t i = 0; i < before.size(); ++i) check_same(original.state_dict()[i].second, before[i].second);
    for (const Parameter& p : original.parameters()) CHECK_FALSE(p.has_gradient());
    train(original);  // the same steps from the same values
    for (std::size_t i = 0; i < before.size(); ++i)
        check_same(original.state_dict()[i].second, copy.state_dict()[i].second);
}

TEST_CASE("clone: what is tied is tied within the clone, buffers and temporaries are its own") {
    Rng rng(3);
    const Scaler original(rng), copy = clone(original);
    check_independent(copy, original);
    const auto& head = dynamic_cast<const Sequential&>(copy.child_[1]);
    CHECK(dynamic_cast<const Linear&>(head[0]).weight() == copy.table_.weight());
    CHECK(copy.parameters().size() == 4);
    init::zeros(copy.mean_);
    init::zeros(copy.scratch_);
    check_same(original.mean_.value(), full({2}, 5));
    check_same(original.scratch_.value(), full({3}, 6));
}

TEST_CASE("clone: requires_grad and frozen rows come along, gradients do not") {
    Rng rng(4);
    const Embedding original(5, 3, rng);
    original.freeze_rows({0, 3});
    Tape tape;
    tape.backward(sum(original(tape, {1, 2})));
    const Embedding copy = clone(original);
    CHECK(original.weight().has_gradient());
    CHECK_FALSE(copy.weight().has_gradient());
    CHECK(copy.weight().frozen_rows() == Ids{0, 3});
    copy.unfreeze_rows();
    CHECK(original.weight().frozen_rows() == Ids{0, 3});
    original.set_requires_grad(false);
    CHECK(copy.weight().requires_grad());
    CHECK_FALSE(clone(original).weight().requires_grad());

    const PartiallyFrozenEmbedding partly(wave({5, 3}), {1, 4});
    CHECK(clone(partly).embedding().weight().frozen_rows() == Ids{1, 4});
}

TEST_CASE("clone: children behind pointers, which the copy would share, are refused by name") {
    Rng rng(5);
    Pointing module;
    module.encoder = std::make_shared<Linear>(2, 3, rng);
    const StateDict before = module.state_dict();
    const std::string advice = " is held by a pointer; hold it by value, which copies it with its module";
    check_refused<std::logic_error>([&] { clone(module); },
                                    "clone: the copy would share the child encoder: it" + advice);
    module.encoder = std::make_shared<Dropout>();  // without arrays, too
    check_refused<std::logic_error>([&] { clone(module); },
                                    "clone: the copy would share the child encoder: it" + advice);
    module.encoder = nullptr;
    module.weight = std::make_shared<Parameter>(ones({2}));
    const void* id = module.weight->id();
    check_refused<std::logic_error>([&] { clone(module); },
                                    "clone: the copy would share weight: its Parameter" + advice);
    CHECK(module.weight->id() == id);
    module.weight = nullptr;
    CHECK(clone(module).parameters().empty());

    struct Outer : Module {
        Pointing inner;
        void visit(const Visitor& visit) const override { visit.child("inner", inner); }
    };
    Outer outer;
    outer.inner.encoder = std::make_shared<Linear>(2, 3, rng);
    check_refused<std::logic_error>([&] { clone(outer); },
                                    "clone: the copy would share the child inner.encoder: it" + advice);
}

TEST_CASE("clone: a handle that visit gets by value cannot be replaced, and is refused by name") {
    const ByValue module;
    CHECK_THROWS_AS(clone(module), std::logic_error);
    CHECK(module.held.defined());
    CHECK(module.parameters()[0] == module.held);
}

TEST_CASE("clone: a module that copies its children itself") {
    Rng rng(6);
    const Deep module(rng);
    check_independent(clone(module), module);
}

TEST_CASE("clone: not as a class that the module is derived from") {
    struct Mine : Linear {
        using Linear::Linear;
        std::string describe() const override { return "Mine"; }
    };
    Rng rng(7);
    const Mine mine(2, 3, rng);
    check_refused<std::logic_error>([&] { clone<Linear>(mine); },
                                    "clone: this Mine is of a class derived from the one it is cloned as");
    CHECK(clone(mine).describe() == "Mine");
}
