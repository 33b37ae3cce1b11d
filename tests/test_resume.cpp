// A run that is saved in mid-epoch and goes on in another process: the same bits as one that was not interrupted.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <embergrad/engine/rng.hpp>
#include <embergrad/engine/state_dict.hpp>
#include <embergrad/io/safetensors.hpp>
#include <embergrad/models/text_classifier.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/schedulers.hpp>
#include <embergrad/text/batch.hpp>

#include "support.hpp"
#include "temporary_folder.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

constexpr std::int64_t kEpochs = 3;
constexpr BatchOptions kBatches{.batch_size = 4};

struct Data {
    std::vector<std::vector<std::int64_t>> texts;
    std::vector<std::int64_t> labels;

    Data() {
        Rng rng(5);
        for (std::int64_t i = 0; i < 18; ++i) {
            texts.emplace_back();
            for (std::uint64_t left = 1 + rng.below(6); left > 0; --left)
                texts.back().push_back(static_cast<std::int64_t>(1 + rng.below(9)));
            labels.push_back(i % 3);
        }
    }
};

/// All that a training run is made of. Dropout draws, too.
struct Run {
    const Data& data;
    Rng rng;
    TextClassifier model;
    Adam optimizer;
    LRScheduler scheduler;
    std::int64_t epoch = 0;

    Run(const Data& of, std::uint64_t seed)
        : data(of),
          rng(seed),
          model({.vocab_size = 10, .embedding_dim = 4, .num_classes = 3, .hidden_dim = 5}, rng),
          optimizer(model.parameters(), {.lr = 0.05}),
          scheduler(optimizer, StepLR{.step_size = 1, .gamma = 0.5}) {}

    void step(const Batch& batch) {
        Tape tape(Mode::train, rng);
        const Var loss = cross_entropy(model(tape, batch.tokens, batch.lengths), batch.labels);
        optimizer.zero_grad();
        tape.backward(loss);
        optimizer.step();
    }
    void train(const Batches& rest) {
        for (const Batch& batch : rest) step(batch);
        scheduler.step();
        if (++epoch < kEpochs) train(Batches(data.texts, data.labels, 0, kBatches, rng));
    }
    void train() { train(Batches(data.texts, data.labels, 0, kBatches, rng)); }
};

/// Two steps of the second epoch are done when all is saved.
void train_and_save(const Data& data, const std::string& path) {
    Run run(data, 1);
    for (const Batch& batch : Batches(data.texts, data.labels, 0, kBatches, run.rng)) run.step(batch);
    run.scheduler.step();
    const Batches batches(data.texts, data.labels, 0, kBatches, run.rng);
    for (std::size_t i = 0; i < 2; ++i) run.step(batches[i]);

    StateDict tensors = run.model.state_dict();
    const OptimizerState optimizer = run.optimizer.state_dict(run.model.named_parameters());
    tensors.insert(tensors.end(), optimizer.tensors.begin(), optimizer.tensors.end());
    std::map<std::string, std::string> state = batches.state_dict(2);
    state.insert(optimizer.metadata.begin(), optimizer.metadata.end());
    state.merge(run.scheduler.state_dict());
    state["rng"] = run.rng.state();
    save_safetensors(path, tensors, state);
}

}  // namespace

TEST_CASE("resume: model, optimizer, scheduler, batches and generator go on from one file with the same bits") {
    const Data data;
    Run uninterrupted(data, 1);
    uninterrupted.train();

    const TemporaryFolder folder;
    const std::string path = folder / "run.safetensors";
    train_and_save(data, path);
    const SafeTensors saved = load_safetensors(path);
    Run resumed(data, 77);
    resumed.epoch = 1;
    resumed.model.load_state_dict(saved.tensors);
    resumed.optimizer.load_state_dict({saved.tensors, saved.metadata}, resumed.model.named_parameters());
    resumed.scheduler.load_state_dict(saved.metadata);
    Batches batches(data.texts, data.labels, 0, kBatches);
    batches.load_state_dict(saved.metadata);
    resumed.rng.set_state(saved.metadata.at("rng"));
    resumed.train(batches);

    CHECK(resumed.rng.state() == uninterrupted.rng.state());
    const StateDict expected = uninterrupted.model.state_dict();
    for (const auto& entry : expected) {
        INFO(entry.first);
        check_same(at(resumed.model.state_dict(), entry.first), entry.second);
    }
}
