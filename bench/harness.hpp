// What the programs of the work list have in common: input files, a clock, and the figures that show that a peer did
// the same. (A harness such as Google Benchmark gives means over loops of repetitions; here each repetition has a batch
// of its own, and the median of single repetitions is wanted, from the peers in other languages too.)
#pragma once

#include <cstddef>
#include <embergrad/embergrad.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

using namespace embergrad;

/// The folder that bench/inputs.py filled.
class Inputs {
public:
    Inputs(std::string folder, std::string trec, bool checking)
        : folder_(std::move(folder)), trec_(std::move(trec)), checking_(checking) {}

    /// Whether results are compared, not timed: dropout is off then.
    bool checking() const { return checking_; }
    /// The folder of the TREC questions.
    const std::string& trec() const { return trec_; }
    Array reals(const std::string& name) const;
    /// The entries of the first axis of an array of ids: one for each batch.
    std::vector<IdArray> batches(const std::string& name) const;
    /// Fills every parameter from the file `prefix`.weights.<its name>.
    void load_weights(const Module& module, const std::string& prefix) const;

private:
    std::string path(const std::string& name) const { return folder_ + "/" + name + ".npy"; }

    std::string folder_, trec_;
    bool checking_;
};

/// What a repetition left, in numbers that two programs can compare.
class Results {
public:
    void add_loss(Real loss) { losses_.push_back(loss); }
    void add(const std::string& name, const Array& values);
    /// The parameter's gradient, dense or by rows.
    void add_gradient(const std::string& name, const Parameter& parameter);
    void add_gradients(const Module& module);
    nlohmann::json json() const { return {{"losses", losses_}, {"prints", prints_}}; }

private:
    std::vector<double> losses_;
    nlohmann::json prints_ = nlohmann::json::object();
};

/// One line of the work list, prepared.
class Item {
public:
    virtual ~Item() = default;
    /// What is timed, with the batch of this number (they come round again). Tells what it left if there is somebody to
    /// tell.
    virtual void repeat(std::size_t repetition, Results* results) = 0;
    /// What else there is to say when all has been repeated.
    virtual void describe(nlohmann::json& /*line*/) const {}
};

struct NamedItem {
    std::string name;  ///< "W3 uniform"
    std::function<std::unique_ptr<Item>(const Inputs&)> prepare;
    double operations = 1;  ///< in a repetition; the times are of one
};

/// PROGRAM FOLDER [ITEM] [--seconds 2] [--threads 1] [--trec FOLDER] [--check | --in-turn | --beside THREADS]: prints
/// lines of JSON.
int run(int argc, char** argv, const std::vector<NamedItem>& items);

}  // namespace bench
