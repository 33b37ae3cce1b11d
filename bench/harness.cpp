// Reading what bench/inputs.py wrote, timing single repetitions, and fingerprints of what they leave.
#include "harness.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <xtensor/xnpy.hpp>

namespace bench {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;
constexpr Microseconds kWarmUp{0.5e6};
constexpr std::size_t kWarmRepetitions = 3, kFewest = 11, kCheckedSteps = 4, kThreadTurns = 9;

/// The norm, and a sum that notices where each value stands.
class Fingerprint {
public:
    void add(std::size_t position, Real value) {
        const auto x = static_cast<double>(value);
        squares_ += x * x;
        weighted_ += x * cosine(position);
    }
    nlohmann::json json() const { return {std::sqrt(squares_), weighted_}; }

private:
    static constexpr std::size_t kPeriod = 1009;
    static double cosine(std::size_t position) {
        static const auto table = [] {
            std::vector<double> values(kPeriod);
            for (std::size_t i = 0; i < kPeriod; ++i) values[i] = std::cos(static_cast<double>(i));
            return values;
        }();
        return table[position % kPeriod];
    }

    double squares_ = 0, weighted_ = 0;
};

nlohmann::json print_of(const Array& values) {
    Fingerprint print;
    for (std::size_t i = 0; i < values.size(); ++i) print.add(i, values.data()[i]);
    return print.json();
}

nlohmann::json print_of(RowGradient gradient) {
    gradient.coalesce();
    Fingerprint print;
    const std::size_t d = gradient.width();
    for (std::size_t i = 0; i < gradient.size() * d; ++i)
        print.add(static_cast<std::size_t>(gradient.rows()[i / d]) * d + i % d, gradient.values().data()[i]);
    return print.json();
}

/// Microseconds of each repetition.
std::vector<double> timed(Item& item, double seconds) {
    const auto repetitions = [&](std::size_t first, std::size_t fewest, Microseconds least) {
        std::vector<double> times;
        const auto start = std::chrono::steady_clock::now();
        auto now = start;
        while (times.size() < fewest || now - start < least) {
            const auto begin = std::chrono::steady_clock::now();
            item.repeat(first + times.size(), nullptr);
            now = std::chrono::steady_clock::now();
            times.push_back(Microseconds(now - begin).count());
        }
        return times;
    };
    const std::size_t warm = repetitions(0, kWarmRepetitions, std::min(kWarmUp, Microseconds(seconds * 1e6))).size();
    return repetitions(warm, kFewest, Microseconds(seconds * 1e6));
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

nlohmann::json measure(const NamedItem& named, Item& item, double seconds) {
    std::vector<double> times = timed(item, seconds);
    std::sort(times.begin(), times.end());
    const auto quantile = [&](double q) {
        return times[static_cast<std::size_t>(q * static_cast<double>(times.size() - 1))] / named.operations;
    };
    nlohmann::json line{{"item", named.name},       {"median_us", quantile(0.5)}, {"min_us", quantile(0)},
                        {"p25_us", quantile(0.25)}, {"p75_us", quantile(0.75)},   {"repetitions", times.size()}};
    item.describe(line);
    return line;
}

/// Once for each line that is read: so programs can take turns without being prepared anew.
void measure_in_turn(const NamedItem& named, Item& item, double seconds) {
    for (std::string line; std::getline(std::cin, line);) std::cout << measure(named, item, seconds) << std::endl;
}

/// With one number of threads and the other in turn: medians of both, and how many times as fast the second is.
nlohmann::json compare_threads(const NamedItem& named, Item& item, double seconds, int threads, int others) {
    std::vector<double> with_threads, with_others, ratios;
    for (std::size_t turn = 0; turn < kThreadTurns; ++turn) {
        set_num_threads(threads);
        with_threads.push_back(measure(named, item, seconds)["median_us"]);
        set_num_threads(others);
        with_others.push_back(measure(named, item, seconds)["median_us"]);
        ratios.push_back(with_threads.back() / with_others.back());
    }
    return {{"item", named.name},
            {"threads", {threads, others}},
            {"median_us", {median(with_threads), median(with_others)}},
            {"times_as_fast", median(ratios)}};
}

/// Two batches in turn: a step of the optimizer is felt in the next loss but one, and what one batch leaves behind in
/// the other.
nlohmann::json check(const NamedItem& named, Item& item) {
    Results results;
    for (std::size_t step = 0; step < kCheckedSteps; ++step) item.repeat(step % 2, &results);
    nlohmann::json line = results.json();
    line["item"] = named.name;
    return line;
}

/// What the command line asks for.
struct Command {
    std::string folder, item, trec;
    double seconds = 2;
    int threads = 1, others = 0;
    bool checking = false, in_turn = false;
};

void declare(CLI::App& app, Command& command, const std::vector<NamedItem>& items) {
    std::vector<std::string> names;
    for (const NamedItem& item : items) names.push_back(item.name);
    app.add_option("folder", command.folder, "what bench/inputs.py filled")->required()->check(CLI::ExistingDirectory);
    CLI::Option* item = app.add_option("item", command.item, "one item alone")->check(CLI::IsMember(names));
    app.add_option("--seconds", command.seconds, "how long each is repeated")->capture_default_str();
    app.add_option("--threads", command.threads)->capture_default_str();
    app.add_option("--trec", command.trec, "the folder of TREC.train.tsv and TREC.test.tsv, for W12");
    CLI::Option* check =
        app.add_flag("--check", command.checking, "print losses and gradients of four steps, not times");
    CLI::Option* in_turn = app.add_flag("--in-turn", command.in_turn, "time the item once for each line that is read");
    CLI::Option* beside = app.add_option("--beside", command.others, "time each with this many threads too, in turn");
    in_turn->needs(item)->excludes(check);
    beside->excludes(check)->excludes(in_turn)->check(CLI::PositiveNumber);
}

void carry_out(const Command& command, const NamedItem& named, const Inputs& inputs) {
    const std::unique_ptr<Item> item = named.prepare(inputs);
    if (command.in_turn)
        measure_in_turn(named, *item, command.seconds);
    else if (command.others > 0)
        std::cout << compare_threads(named, *item, command.seconds, command.threads, command.others) << std::endl;
    else if (command.checking)
        std::cout << check(named, *item) << std::endl;
    else
        std::cout << measure(named, *item, command.seconds) << std::endl;
}

}  // namespace

Array Inputs::reals(const std::string& name) const { return load_npy(path(name)); }

std::vector<IdArray> Inputs::batches(const std::string& name) const {
    const auto all = xt::load_npy<std::int64_t>(path(name));
    const Shape shape(all.shape().begin() + 1, all.shape().end());
    const std::size_t size = element_count(shape);
    std::vector<IdArray> batches;
    for (std::size_t i = 0; i < all.shape()[0]; ++i) {
        IdArray batch(shape);
        std::copy_n(all.data() + i * size, size, batch.data());
        batches.push_back(std::move(batch));
    }
    return batches;
}

void Inputs::load_weights(const Module& module, const std::string& prefix) const {
    for (const auto& [name, parameter] : module.named_parameters())
        parameter.assign(reals(prefix + ".weights." + name));
}

void Results::add(const std::string& name, const Array& values) { prints_[name] = print_of(values); }

void Results::add_gradient(const std::string& name, const Parameter& parameter) {
    const bool by_rows = parameter.gradient_kind() == GradientKind::rows;
    prints_[name] = by_rows ? print_of(parameter.row_grad()) : print_of(parameter.grad());
}

void Results::add_gradients(const Module& module) {
    for (const auto& [name, parameter] : module.named_parameters()) add_gradient(name, parameter);
}

int run(int argc, char** argv, const std::vector<NamedItem>& items) {
    Command command;
    CLI::App app("Items of the work list on the files that bench/inputs.py wrote; lines of JSON.");
    declare(app, command, items);
    CLI11_PARSE(app, argc, argv);
    set_num_threads(command.threads);
    const Inputs inputs(command.folder, command.trec, command.checking);
    for (const NamedItem& item : items) {
        if (command.item.empty() || command.item == item.name) carry_out(command, item, inputs);
    }
    return 0;
}

}  // namespace bench
