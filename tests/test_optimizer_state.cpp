// An optimizer's state saved and taken back: the same bits from there on, or nothing and every reason why not.
#include <functional>
#include <memory>

#include <embergrad/io/safetensors.hpp>
#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/linear.hpp>
#include <embergrad/layers/sequential.hpp>
#include <embergrad/optim/adagrad.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/adamw.hpp>
#include <embergrad/optim/optimizer.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>

#include "support.hpp"
#include "temporary_folder.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Names = std::vector<std::string>;

/// An optimizer, and which gradients it is given.
struct Case {
    std::string name;
    bool dense, by_rows;
    std::function<std::unique_ptr<Optimizer>(std::vector<ParamGroup>)> make;
    std::function<void(HeldGroup&)> change = [](HeldGroup&) {};  // of the first group, in mid-training
};

template <class Opt, class Options>
std::function<std::unique_ptr<Optimizer>(std::vector<ParamGroup>)> maker(const Options& options) {
    return [options](std::vector<ParamGroup> groups) { return std::make_unique<Opt>(std::move(groups), options); };
}

std::vector<Case> cases() {
    return {
        {"SGD", true, true, maker<SGD>(SGDOptions{.lr = 0.1})},
        {"SGD with momentum, dense", true, false, maker<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.3})},
        {"SGD with momentum, by rows", false, true, maker<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9})},
        {"SGD with Nesterov, both", true, true, maker<SGD>(SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true})},
        {"SGD, momentum switched on", true, true, maker<SGD>(SGDOptions{.lr = 0.1}),
         [](HeldGroup& group) { group.momentum = 0.5; }},
        {"Adam, dense", true, false, maker<Adam>(AdamOptions{.lr = 0.1, .betas = {0.7, 1 / 3.0}, .weight_decay = 0.1})},
        {"Adam, amsgrad", true, false, maker<Adam>(AdamOptions{.lr = 0.1, .amsgrad = true})},
        {"Adam, amsgrad switched on", true, false, maker<Adam>(AdamOptions{.lr = 0.1}),
         [](HeldGroup& group) { group.amsgrad = true; }},
        {"Adam, amsgrad switched off", true, false, maker<Adam>(AdamOptions{.lr = 0.1, .amsgrad = true}),
         [](HeldGroup& group) { group.amsgrad = false; }},
        {"Adam, lazy", false, true, maker<Adam>(AdamOptions{.lr = 0.1, .lazy_rows = true})},
        {"Adam, lazy and dense", true, true, maker<Adam>(AdamOptions{.lr = 0.1, .lazy_rows = true})},
        {"AdamW", true, false, maker<AdamW>(AdamWOptions{.lr = 0.1, .eps = 1e-3, .maximize = true})},
        {"AdamW, both", true, true, maker<AdamW>(AdamWOptions{.lr = 0.1, .weight_decay = 0, .lazy_rows = true})},
        {"SparseAdam", false, true, maker<SparseAdam>(SparseAdamOptions{.lr = 0.1})},
        {"Adagrad, dense", true, false,
         maker<Adagrad>(AdagradOptions{.lr = 0.1, .lr_decay = 0.1, .weight_decay = 0.1})},
        {"Adagrad, by rows", false, true,
         maker<Adagrad>(AdagradOptions{.lr = 0.1, .lr_decay = 0.1, .initial_accumulator_value = 1 / 3.0})},
        {"Adagrad, both", true, true, maker<Adagrad>(AdagradOptions{.lr = 0.1})},
    };
}

/// Two tables in two groups, one of which has no gradient in the first steps.
struct Run {
    std::vector<Parameter> tables;
    std::unique_ptr<Optimizer> optimizer;

    explicit Run(const Case& c) {
        Rng rng(3);
        for (int i = 0; i < 2; ++i) tables.push_back(random_parameter({6, 3}, rng));
        optimizer = c.make({ParamGroup{.params = {tables[0]}}, ParamGroup{.params = {tables[1]}, .lr = 0.05}});
    }

    void train(const Case& c, int from, int to) const {
        for (int step = from; step < to; ++step) {
            if (step == 3) c.change(optimizer->param_groups()[0]);
            Rng rng(static_cast<std::uint64_t>(100 + step));
            optimizer->zero_grad();
            add_gradient(c, tables[0], step, rng);
            if (step > 5) add_gradient(c, tables[1], step, rng);
            optimizer->step();
        }
    }

    static void add_gradient(const Case& c, const Parameter& table, int step, Rng& rng) {
        const bool by_rows = c.by_rows && (!c.dense || step % 2 == 0);
        const std::int64_t row = step % 5;  // the last row never
        if (by_rows)
            table.add_grad(RowGradient({row, 2, row}, random_array({3, 3}, rng)));
        else
            table.add_grad(random_array({6, 3}, rng));
    }
};

/// Trains 10 steps at a stretch, and 10 with a stop after `stop`, where the state goes over to a new optimizer.
void check_resumes(const Case& c, int stop, const std::function<OptimizerState(const OptimizerState&)>& carry) {
    INFO(c.name, ", stopped after ", stop);
    const Run whole(c), first(c), second(c);
    whole.train(c, 0, 10);
    first.train(c, 0, stop);
    second.train(c, 20, 23);  // on a way of its own, of which nothing may remain
    for (std::size_t i = 0; i < 2; ++i) second.tables[i].assign(first.tables[i].value());
    for (HeldGroup& group : second.optimizer->param_groups()) group.lr = 77;  // must come from the state
    const OptimizerState saved = first.optimizer->state_dict();
    second.optimizer->load_state_dict(carry(saved));
    const OptimizerState again = second.optimizer->state_dict();
    CHECK(again.metadata == saved.metadata);
    REQUIRE(again.tensors.size() == saved.tensors.size());
    for (std::size_t i = 0; i < saved.tensors.size(); ++i) {
        CHECK(again.tensors[i].first == saved.tensors[i].first);
        check_same(again.tensors[i].second, saved.tensors[i].second);
    }
    second.train(c, stop, 10);
    for (std::size_t i = 0; i < 2; ++i) check_same(second.tables[i].value(), whole.tables[i].value());
    const OptimizerState untouched = first.optimizer->state_dict();  // it shares nothing with the second
    for (std::size_t i = 0; i < saved.tensors.size(); ++i)
        check_same(untouched.tensors[i].second, saved.tensors[i].second);
}

Names tensor_names(const OptimizerState& state) {
    Names names;
    for (const auto& entry : state.tensors) names.push_back(entry.first);
    return names;
}

void step_once(Optimizer& optimizer, const std::vector<Parameter>& parameters) {
    for (const Parameter& p : parameters) p.add_grad(ones(p.shape()));
    optimizer.step();
    optimizer.zero_grad();
}

}  // namespace

TEST_CASE("optimizer state: every optimizer resumes with the same bits, dense and by rows [9.8]") {
    for (const Case& c : cases()) {
        for (const int stop : {0, 1, 3, 4, 7})
            check_resumes(c, stop, [](const OptimizerState& state) { return state; });
    }
}

TEST_CASE("optimizer state: resumes with the same bits from a safetensors file [9.8]") {
    const TemporaryFolder folder;
    for (const Case& c : cases()) {
        check_resumes(c, 7, [&](const OptimizerState& state) {
            save_safetensors(folder / "optim.safetensors", state.tensors, state.metadata);
            SafeTensors file = load_safetensors(folder / "optim.safetensors");
            return OptimizerState{std::move(file.tensors), std::move(file.metadata)};
        });
    }
}

TEST_CASE("optimizer state: names are a model's, or positions; PyTorch's names for what is kept [9.8]") {
    Rng rng(1);
    const Sequential model(Linear(2, 3, rng), Linear(3, 1, rng));
    Adam adam({ParamGroup{.params = {model.parameters()[2], model.parameters()[0]}},
               ParamGroup{.params = {model.parameters()[3]}, .lr = 0.5, .amsgrad = true}});
    CHECK(adam.state_dict().tensors.empty());  // no step yet
    step_once(adam, {model.parameters()[0], model.parameters()[3]});
    CHECK(tensor_names(adam.state_dict(model.named_parameters())) ==
          Names{"optim.0.weight.exp_avg", "optim.0.weight.exp_avg_sq", "optim.1.bias.exp_avg",
                "optim.1.bias.exp_avg_sq", "optim.1.bias.max_exp_avg_sq"});
    CHECK(tensor_names(adam.state_dict()) == Names{"optim.1.exp_avg", "optim.1.exp_avg_sq", "optim.2.exp_avg",
                                                   "optim.2.exp_avg_sq", "optim.2.max_exp_avg_sq"});
    const std::map<std::string, std::string> expected{{"optim.param_groups", "2"},
                                                      {"optim.param_groups.0.amsgrad", "false"},
                                                      {"optim.param_groups.0.betas", "0.9,0.999"},
                                                      {"optim.param_groups.0.eps", "1e-08"},
                                                      {"optim.param_groups.0.lazy_rows", "false"},
                                                      {"optim.param_groups.0.lr", "0.001"},
                                                      {"optim.param_groups.0.maximize", "false"},
                                                      {"optim.param_groups.0.params", "2"},
                                                      {"optim.param_groups.0.params.0", "1.weight"},
                                                      {"optim.param_groups.0.params.1", "0.weight"},
                                                      {"optim.param_groups.0.weight_decay", "0"},
                                                      {"optim.param_groups.1.amsgrad", "true"},
                                                      {"optim.param_groups.1.betas", "0.9,0.999"},
                                                      {"optim.param_groups.1.eps", "1e-08"},
                                                      {"optim.param_groups.1.lazy_rows", "false"},
                                                      {"optim.param_groups.1.lr", "0.5"},
                                                      {"optim.param_groups.1.maximize", "false"},
                                                      {"optim.param_groups.1.params", "1"},
                                                      {"optim.param_groups.1.params.0", "1.bias"},
                                                      {"optim.param_groups.1.weight_decay", "0"},
                                                      {"optim.0.weight.step", "1"},
                                                      {"optim.1.bias.step", "1"},
                                                      {"optim.1.weight.step", "0"}};
    CHECK(adam.state_dict(model.named_parameters()).metadata == expected);

    const Parameter p(ones({2}));
    SGD plain({p}, {.lr = 0.1}), heavy({p}, {.lr = 0.1, .momentum = 0.5});
    step_once(plain, {p});
    step_once(heavy, {p});
    CHECK(tensor_names(plain.state_dict()).empty());
    CHECK(tensor_names(heavy.state_dict()) == Names{"optim.0.momentum_buffer"});
    SparseAdam sparse({Parameter(ones({2, 1}))});
    sparse.param_groups()[0].params()[0].add_grad(RowGradient());
    sparse.step();
    CHECK(tensor_names(sparse.state_dict()) == Names{"optim.0.exp_avg", "optim.0.exp_avg_sq"});
}

TEST_CASE("optimizer state: Adagrad's is there from the construction on [9.5] [9.8]") {
    const Parameter p(ones({2, 2}));
    Adagrad adagrad({p}, {.initial_accumulator_value = 0.25});
    const OptimizerState state = adagrad.state_dict();
    CHECK(tensor_names(state) == Names{"optim.0.sum"});
    CHECK(state.tensors[0].second == full({2, 2}, Real(0.25)));
    adagrad.param_groups()[0].initial_accumulator_value = 9.0;  // too late
    p.add_grad(ones({2, 2}));
    adagrad.step();
    CHECK(adagrad.state_dict().tensors[0].second == full({2, 2}, Real(1.25)));
}

TEST_CASE("optimizer state: one file holds a model and its optimizer [9.8]") {
    Rng rng(1);
    const Embedding model(4, 2, rng), restored(4, 2, rng);
    Adam adam(model.parameters()), second(restored.parameters());
    step_once(adam, model.parameters());
    const OptimizerState state = adam.state_dict(model.named_parameters());
    StateDict all = model.state_dict();
    all.insert(all.end(), state.tensors.begin(), state.tensors.end());
    const TemporaryFolder folder;
    save_safetensors(folder / "all.safetensors", all, state.metadata);
    const SafeTensors file = load_safetensors(folder / "all.safetensors");
    restored.load_state_dict(file.tensors, false);
    second.load_state_dict({file.tensors, file.metadata}, restored.named_parameters());  // the model's are passed over
    step_once(adam, model.parameters());
    step_once(second, restored.parameters());
    check_same(restored.weight().value(), model.weight().value());
}

TEST_CASE("optimizer state: Adam's goes into AdamW, as in PyTorch, but not into others [9.8]") {
    const Parameter p(ones({2}));
    Adam adam({p}, {.lr = 0.5});
    step_once(adam, {p});
    AdamW adamw({p});
    adamw.load_state_dict(adam.state_dict());
    CHECK(adamw.param_groups()[0].weight_decay == 0.0);
    CHECK(adamw.param_groups()[0].lr == 0.5);
    SGD sgd({p}, {.lr = 0.1});
    check_refused<std::invalid_argument>([&] { sgd.load_state_dict(adam.state_dict()); },
                                         "SGD: the state does not fit; nothing was loaded:"
                                         "\n  missing: optim.param_groups.0.momentum"
                                         "\n  missing: optim.param_groups.0.dampening"
                                         "\n  missing: optim.param_groups.0.nesterov"
                                         "\n  missing: optim.0.momentum_buffer"
                                         "\n  unexpected: optim.0.exp_avg"
                                         "\n  unexpected: optim.0.exp_avg_sq"
                                         "\n  unexpected: optim.param_groups.0.amsgrad"
                                         "\n  unexpected: optim.param_groups.0.betas"
                                         "\n  unexpected: optim.param_groups.0.eps"
                                         "\n  unexpected: optim.param_groups.0.lazy_rows");
}

namespace {

/// An Adam of two parameters that made a step, and refusals of its changed state.
struct Refusals {
    std::vector<Parameter> parameters{Parameter(ones({3, 2})), Parameter(ones({5}))};
    Adam adam{{ParamGroup{.params = {parameters[0]}}, ParamGroup{.params = {parameters[1]}}}, AdamOptions{.lr = 0.25}};
    OptimizerState good;

    Refusals() {
        step_once(adam, parameters);
        good = adam.state_dict();
    }

    void refuses(const std::function<void(OptimizerState&)>& change, const std::string& problems,
                 int line = __builtin_LINE()) {
        OptimizerState state = good;
        change(state);
        check_refused<std::invalid_argument>([&] { adam.load_state_dict(state); },
                                             "Adam: the state does not fit; nothing was loaded:" + problems, line);
        const OptimizerState after = adam.state_dict();
        CHECK(after.metadata == good.metadata);
        REQUIRE(after.tensors.size() == good.tensors.size());
        for (std::size_t i = 0; i < good.tensors.size(); ++i)
            check_same(after.tensors[i].second, good.tensors[i].second, line);
    }
};

}  // namespace

TEST_CASE("optimizer state: what does not fit is refused, with every problem in one message [9.8] [13.18] [13.19]") {
    Refusals adam;
    adam.refuses(
        [](OptimizerState& state) {
            state.tensors[0].second = zeros({2, 3});         // 0.exp_avg
            state.tensors.erase(state.tensors.begin() + 1);  // 0.exp_avg_sq
            state.tensors.push_back(state.tensors.back());   // 1.exp_avg_sq
            state.tensors.emplace_back("optim.2.exp_avg", zeros({1}));
            state.tensors.emplace_back("elsewhere", zeros({1}));
            state.metadata.erase("optim.1.step");
            state.metadata["optim.0.step"] = "-1";
            state.metadata["optim.param_groups.0.lr"] = "-2";
            state.metadata["optim.param_groups.1.lr"] = "2x";
            state.metadata["optim.param_groups.1.betas"] = "0.5";
            state.metadata["optim.param_groups.1.amsgrad"] = "maybe";
            state.metadata["optim.param_groups.1.momentum"] = "0.5";
            state.metadata["elsewhere"] = "0.5";
        },
        "\n  duplicate: optim.1.exp_avg_sq"
        "\n  group 0: Invalid learning rate: -2"
        "\n  out of range: optim.0.step is -1"
        "\n  size mismatch: optim.0.exp_avg is (3, 2) here and (2, 3) in the state"
        "\n  unreadable: optim.param_groups.1.lr is '2x'"
        "\n  unreadable: optim.param_groups.1.betas is '0.5'"
        "\n  unreadable: optim.param_groups.1.amsgrad is 'maybe'"
        "\n  missing: optim.1.step"
        "\n  unexpected: optim.2.exp_avg"
        "\n  unexpected: optim.param_groups.1.momentum");
    adam.refuses([](OptimizerState& state) { state.tensors.erase(state.tensors.begin() + 3); },
                 "\n  missing: optim.1.exp_avg_sq");
    adam.refuses([](OptimizerState& state) { state.metadata["optim.param_groups.0.amsgrad"] = "true"; },
                 "\n  missing: optim.0.max_exp_avg_sq");
    adam.refuses([](OptimizerState& state) { state.metadata["optim.0.step"] = "9007199254740993"; },
                 "\n  out of range: optim.0.step is 9007199254740993");
    adam.refuses([](OptimizerState& state) { state.metadata["optim.param_groups.0.betas"] = "0.9,1"; },
                 "\n  group 0: Invalid beta parameter at index 1: 1");
    adam.refuses([](OptimizerState& state) { state.metadata["optim.param_groups.0.eps"] = "nan"; },
                 "\n  group 0: Invalid epsilon value: nan");
    CHECK_NOTHROW(adam.adam.load_state_dict(adam.good));
}

TEST_CASE("optimizer state: groups and their parameters must be the same [9.8]") {
    Refusals two;
    Adam one({two.parameters[0], two.parameters[1]});
    check_refused<std::invalid_argument>(
        [&] { one.load_state_dict(two.good); },
        "Adam: the state does not fit; nothing was loaded:"
        "\n  mismatch: optim.param_groups is 1 here and 2 in the state"
        "\n  mismatch: optim.param_groups.0.params is 2 here and 1 in the state"
        "\n  missing: optim.param_groups.0.params.1"
        "\n  unexpected: optim.param_groups.1.amsgrad\n  unexpected: optim.param_groups.1.betas"
        "\n  unexpected: optim.param_groups.1.eps\n  unexpected: optim.param_groups.1.lazy_rows"
        "\n  unexpected: optim.param_groups.1.lr\n  unexpected: optim.param_groups.1.maximize"
        "\n  unexpected: optim.param_groups.1.params\n  unexpected: optim.param_groups.1.params.0"
        "\n  unexpected: optim.param_groups.1.weight_decay");

    const NamedParameters names{{"a", two.parameters[0]}, {"b", two.parameters[1]}};
    const NamedParameters swapped{{"b", two.parameters[0]}, {"a", two.parameters[1]}};
    const OptimizerState named = two.adam.state_dict(names);
    check_refused<std::invalid_argument>([&] { two.adam.load_state_dict(named, swapped); },
                                         "Adam: the state does not fit; nothing was loaded:"
                                         "\n  mismatch: optim.param_groups.0.params.0 is b here and a in the state"
                                         "\n  size mismatch: optim.b.exp_avg is (3, 2) here and (5,) in the state"
                                         "\n  size mismatch: optim.b.exp_avg_sq is (3, 2) here and (5,) in the state"
                                         "\n  mismatch: optim.param_groups.1.params.0 is a here and b in the state"
                                         "\n  size mismatch: optim.a.exp_avg is (5,) here and (3, 2) in the state"
                                         "\n  size mismatch: optim.a.exp_avg_sq is (5,) here and (3, 2) in the state");
}

TEST_CASE("optimizer state: every parameter needs a name of its own [9.8]") {
    Refusals two;
    const std::string no_name = "Adam: parameter 0 of group 1, of shape (5,), has no name";
    check_refused<std::invalid_argument>([&] { two.adam.state_dict({{"a", two.parameters[0]}}); }, no_name);
    check_refused<std::invalid_argument>(
        [&] {
            two.adam.load_state_dict(two.good, {{"a", two.parameters[0]}});
        },
        no_name);
    check_refused<std::invalid_argument>(
        [&] {
            two.adam.state_dict({{"a", two.parameters[0]}, {"a", two.parameters[1]}});
        },
        "Adam: the name a is given to two parameters");
    const OptimizerState tied =
        two.adam.state_dict({{"a", two.parameters[0]}, {"also a", two.parameters[0]}, {"b", two.parameters[1]}});
    CHECK(tensor_names(tied).front() == "optim.a.exp_avg");  // the first of its names
}

TEST_CASE("optimizer state: a loaded state leaves a held span of groups valid, and what was not stepped unstepped") {
    const Parameter a(ones({2})), b(ones({2}));
    Adam adam({a, b}, {.lr = 0.5}), second({a, b});
    step_once(adam, {a});
    const std::span<HeldGroup> groups = second.param_groups();
    second.load_state_dict(adam.state_dict());
    CHECK(groups[0].lr == 0.5);
    CHECK(second.state_dict().tensors.size() == 2);
    CHECK(second.state_dict().metadata.at("optim.1.step") == "0");
}

TEST_CASE("optimizer state: rows that are frozen where it is loaded have none") {
    Rng rng(5);
    const Parameter p = random_parameter({3, 2}, rng), q = p.clone();
    Adagrad first({p}, {.lr = 0.1, .initial_accumulator_value = 0.5});
    step_once(first, {p});
    q.freeze_rows({1});
    Adagrad second({q}, {.lr = 0.1, .initial_accumulator_value = 0.5});
    second.load_state_dict(first.state_dict());
    CHECK(second.state_dict().tensors[0].second == Array{{1.5, 1.5}, {0.5, 0.5}, {1.5, 1.5}});

    SGD heavy({p}, {.lr = 0.1, .momentum = 0.5}), resumed({q}, {.lr = 0.1, .momentum = 0.5});
    step_once(heavy, {p});
    resumed.load_state_dict(heavy.state_dict());
    const Array before = q.value();
    q.add_grad(RowGradient({0}, ones({1, 2})));
    resumed.step();
    CHECK(q.value()(1, 0) == before(1, 0));  // frozen
    CHECK(q.value()(2, 0) != before(2, 0));  // carried on by the momentum that was loaded
}
