// The work list in libtorch, item by item what bench/peers/worklist.py does: times one and prints a line of JSON.
//   worklist FOLDER ITEM [--seconds 2] [--threads 1] [--check]
// FOLDER is what bench/inputs.py wrote. The BLAS takes its threads from OPENBLAS_NUM_THREADS and OMP_NUM_THREADS.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>

#include "models.hpp"
#include "npy.hpp"
#include "sparse_adam.hpp"

namespace {

using torch::Tensor;
using Named = std::vector<std::pair<std::string, Tensor>>;
using Batches = std::function<Tensor(std::size_t)>;

struct Item {
    std::function<Tensor(std::size_t)> repeat;  // with batch k; returns its loss, or its output where it has no loss
    Named trained;
    bool has_loss = false;
    double operations = 1;
};

class Inputs {
public:
    explicit Inputs(std::string folder) : folder_(std::move(folder)) {}

    Tensor tensor(const std::string& name) const { return npy::read(folder_ + "/" + name + ".npy"); }

    /// k -> batch k, round and round.
    Batches batches(const std::string& name) const {
        return [all = tensor(name).unbind()](std::size_t k) { return all[k % all.size()]; };
    }

    Named load_weights(nn::Module& model, const std::string& prefix) const {
        const torch::NoGradGuard no_grad;
        Named trained;
        for (const auto& parameter : model.named_parameters()) {
            parameter.value().copy_(tensor(prefix + "." + parameter.key()));
            trained.emplace_back(parameter.key(), parameter.value());
        }
        return trained;
    }

private:
    std::string folder_;
};

// ---- the items ----

Item lookup(const Inputs& inputs, const std::string& ids) {
    nn::Embedding embedding = nn::Embedding::from_pretrained(inputs.tensor("table"));
    return {[=, x = inputs.batches("lookup." + ids)](std::size_t k) mutable {
                const torch::NoGradGuard no_grad;
                return embedding(x(k));
            },
            {}};
}

/// The item of a module: drop the gradients, forward, backward from a given gradient of the output.
template <class Model>
Item forward_backward(Model model, Batches x, Tensor dout, Named trained) {
    auto repeat = [=](std::size_t k) mutable {
        for (auto& [name, parameter] : trained) parameter.mutable_grad() = Tensor();
        Tensor y = model->forward(x(k));
        y.backward(dout);
        return y;
    };
    return {repeat, trained};
}

Item table_backward(const Inputs& inputs) {
    nn::Embedding embedding = nn::Embedding::from_pretrained(inputs.tensor("backward.table"),
                                                             nn::EmbeddingFromPretrainedOptions().freeze(false));
    return forward_backward(embedding, inputs.batches("backward.ids"), inputs.tensor("backward.dout"),
                            {{"weight", embedding->weight}});
}

template <class MakeOptimizer>
Item row_step(const Inputs& inputs, const std::string& ids, MakeOptimizer make_optimizer) {
    nn::Embedding embedding = nn::Embedding::from_pretrained(
        inputs.tensor("table"), nn::EmbeddingFromPretrainedOptions().freeze(false).sparse(true));
    auto repeat = [=, x = inputs.batches("step." + ids),
                   optimizer = make_optimizer(embedding->weight)](std::size_t k) mutable {
        embedding->zero_grad(/*set_to_none=*/true);
        const Tensor y = embedding(x(k));
        Tensor loss = (y * y).sum();
        loss.backward();
        optimizer->step();
        return loss;
    };
    return {repeat, {{"weight", embedding->weight}}, true};
}

std::shared_ptr<SparseAdam> sparse_adam(const Tensor& weight) { return std::make_shared<SparseAdam>(weight); }

std::shared_ptr<torch::optim::SGD> sgd(const Tensor& weight) {
    return std::make_shared<torch::optim::SGD>(std::vector<Tensor>{weight}, torch::optim::SGDOptions(1e-3));
}

/// The item of a model trained by Adam; loss_of(k) is its loss on batch k.
template <class Model>
Item training_step(std::shared_ptr<Model> model, std::function<Tensor(std::size_t)> loss_of, Named trained) {
    auto optimizer = std::make_shared<torch::optim::Adam>(model->parameters(), torch::optim::AdamOptions(1e-3));
    auto repeat = [=](std::size_t k) {
        model->zero_grad(/*set_to_none=*/true);  // optimizer->zero_grad() can only fill with zeros
        Tensor loss = loss_of(k);
        loss.backward();
        optimizer->step();
        return loss;
    };
    return {repeat, trained, true};
}

Item classifier(const Inputs& inputs, double dropout) {
    const auto model = std::make_shared<TextClassifier>(10000, 128, 5, dropout);
    const Named trained = inputs.load_weights(*model, "classifier.weights");
    const Batches tokens = inputs.batches("classifier.tokens"), lengths = inputs.batches("classifier.lengths"),
                  labels = inputs.batches("classifier.labels");
    const auto loss_of = [=](std::size_t k) {
        return nn::functional::cross_entropy(model->forward(tokens(k), lengths(k)), labels(k));
    };
    return training_step(model, loss_of, trained);
}

Item language_model(const Inputs& inputs) {
    const auto model = std::make_shared<NGramLanguageModel>(10000, 64, 4, 128);
    const Named trained = inputs.load_weights(*model, "language_model.weights");
    const Batches contexts = inputs.batches("language_model.contexts"),
                  targets = inputs.batches("language_model.targets");
    const auto loss_of = [=](std::size_t k) {
        return nn::functional::cross_entropy(model->forward(contexts(k)), targets(k));
    };
    return training_step(model, loss_of, trained);
}

Item compressed(const Inputs& inputs, bool sparse) {
    const auto model = std::make_shared<CompressedEmbedding>(100000, 300, 64, sparse);
    const Named trained = inputs.load_weights(*model, "compressed.weights");
    return forward_backward(model, inputs.batches("compressed.ids"), inputs.tensor("compressed.dout"), trained);
}

/// 1,000 operations on arrays of one element: what an operation costs beside its arithmetic.
Item chain() {
    const auto leaf = [](float value) { return torch::full({1}, value).requires_grad_(); };
    Named trained = {{"x", leaf(1.0F)}, {"w", leaf(0.999F)}, {"b", leaf(0.001F)}};
    auto repeat = [=](std::size_t) mutable {
        for (auto& [name, parameter] : trained) parameter.mutable_grad() = Tensor();
        const Tensor w = trained[1].second, b = trained[2].second;
        Tensor y = trained[0].second;
        for (int i = 0; i < 500; ++i) {
            y = y * w;
            y = y + b;
        }
        y.backward();
        return y;
    };
    return {repeat, trained, false, 1000};
}

Item linear(const Inputs& inputs) {
    nn::Linear model(512, 512);
    Named trained = inputs.load_weights(*model, "linear.weights");
    const Tensor x = inputs.tensor("linear.x").requires_grad_();
    trained.emplace_back("x", x);
    return forward_backward(
        model, [=](std::size_t) { return x; }, inputs.tensor("linear.dout"), trained);
}

Item bag(const Inputs& inputs, const std::string& ids) {
    nn::EmbeddingBag model = nn::EmbeddingBag::from_pretrained(
        inputs.tensor("table"), nn::EmbeddingBagFromPretrainedOptions().freeze(false).sparse(true).mode(torch::kMean));
    return forward_backward(model, inputs.batches("bag." + ids), inputs.tensor("bag.dout"),
                            {{"weight", model->weight}});
}

using Make = std::function<Item(const Inputs&, bool is_check)>;

const std::map<std::string, Make>& items() {
    static const std::map<std::string, Make> all = {
        {"W1 uniform", [](const Inputs& inputs, bool) { return lookup(inputs, "uniform"); }},
        {"W1 zipf", [](const Inputs& inputs, bool) { return lookup(inputs, "zipf"); }},
        {"W2", [](const Inputs& inputs, bool) { return table_backward(inputs); }},
        {"W3 uniform", [](const Inputs& inputs, bool) { return row_step(inputs, "uniform", sparse_adam); }},
        {"W3 zipf", [](const Inputs& inputs, bool) { return row_step(inputs, "zipf", sparse_adam); }},
        {"W4 uniform", [](const Inputs& inputs, bool) { return row_step(inputs, "uniform", sgd); }},
        {"W4 zipf", [](const Inputs& inputs, bool) { return row_step(inputs, "zipf", sgd); }},
        // dropout's random numbers are each engine's own
        {"W5", [](const Inputs& inputs, bool is_check) { return classifier(inputs, is_check ? 0.0 : 0.5); }},
        {"W6", [](const Inputs& inputs, bool) { return language_model(inputs); }},
        {"W7 dense", [](const Inputs& inputs, bool) { return compressed(inputs, false); }},
        {"W7 row", [](const Inputs& inputs, bool) { return compressed(inputs, true); }},
        {"W8", [](const Inputs&, bool) { return chain(); }},
        {"W11", [](const Inputs& inputs, bool) { return linear(inputs); }},
        {"W13 uniform", [](const Inputs& inputs, bool) { return bag(inputs, "uniform"); }},
        {"W13 zipf", [](const Inputs& inputs, bool) { return bag(inputs, "zipf"); }},
    };
    return all;
}

// ---- the clock ----

/// With every digit that a double has.
std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The seconds of each repetition, numbered from `first`, until both limits have passed.
std::vector<double> repeat_until(const Item& item, std::size_t first, double seconds, std::size_t least) {
    std::vector<double> times;
    const auto start = std::chrono::steady_clock::now();
    while (times.size() < least || seconds_since(start) < seconds) {
        const auto begin = std::chrono::steady_clock::now();
        item.repeat(first + times.size());  // its result dies here: freeing the graph belongs to the repetition
        times.push_back(seconds_since(begin));
    }
    return times;
}

/// Between the two nearest of the sorted values, as Python's statistics.quantiles(method="inclusive").
double quantile(const std::vector<double>& sorted, double q) {
    const double place = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

void measure(const std::string& name, const Item& item, double seconds) {
    const std::size_t warm_up = repeat_until(item, 0, std::min(0.5, seconds), 3).size();
    std::vector<double> times = repeat_until(item, warm_up, seconds, 11);
    for (double& time : times) time *= 1e6 / item.operations;
    std::sort(times.begin(), times.end());
    std::printf(
        "{\"item\": \"%s\", \"median_us\": %s, \"min_us\": %s, \"p25_us\": %s, \"p75_us\": %s, "
        "\"repetitions\": %zu}\n",
        name.c_str(), number(quantile(times, 0.5)).c_str(), number(times.front()).c_str(),
        number(quantile(times, 0.25)).c_str(), number(quantile(times, 0.75)).c_str(), times.size());
    std::fflush(stdout);
}

// ---- the check ----

/// Two numbers that any change of a value, or of a place, changes; of the full table where a gradient is by rows.
std::string fingerprint(Tensor array) {
    const torch::NoGradGuard no_grad;
    Tensor places;
    if (array.is_sparse()) {
        array = array.coalesce();
        const std::int64_t width = array.size(1);
        places = (array.indices()[0].unsqueeze(1) * width + torch::arange(width, torch::kInt64)).flatten();
        array = array.values();
    } else {
        places = torch::arange(array.numel(), torch::kInt64);
    }
    const Tensor values = array.flatten().to(torch::kFloat64);
    const Tensor weights = places.remainder(1009).to(torch::kFloat64).cos();
    const double norm = std::sqrt((values * values).sum().item<double>()),
                 weighted = (values * weights).sum().item<double>();
    return "[" + number(norm) + ", " + number(weighted) + "]";
}

/// Two batches in turn: a step of the optimizer is felt, and what one batch leaves behind in the other.
void check(const std::string& name, const Item& item) {
    std::string losses, prints;
    Tensor result;
    for (int k = 0; k < 4; ++k) {
        result = item.repeat(k % 2);
        if (item.has_loss) losses += (k ? ", " : "") + number(result.item<double>());
    }
    if (!item.has_loss) prints = "\"output\": " + fingerprint(result);
    for (const auto& [parameter, value] : item.trained)
        prints += (prints.empty() ? "\"" : ", \"") + parameter + "\": " + fingerprint(value.grad());
    std::printf("{\"item\": \"%s\", \"losses\": [%s], \"prints\": {%s}}\n", name.c_str(), losses.c_str(),
                prints.c_str());
}

struct Arguments {
    std::string folder, item;
    double seconds = 2;
    int threads = 1;
    bool check = false, in_turn = false;
};

Arguments parse(const std::vector<std::string>& words) {
    Arguments arguments;
    if (words.size() < 2) throw std::invalid_argument("two arguments are wanted");
    arguments.folder = words[0], arguments.item = words[1];
    for (std::size_t i = 2; i < words.size(); ++i) {
        const bool has_value = i + 1 < words.size();
        if (words[i] == "--check")
            arguments.check = true;
        else if (words[i] == "--in-turn")
            arguments.in_turn = true;
        else if (words[i] == "--seconds" && has_value)
            arguments.seconds = std::stod(words[++i]);
        else if (words[i] == "--threads" && has_value)
            arguments.threads = std::stoi(words[++i]);
        else
            throw std::invalid_argument(words[i] + " is not understood");
    }
    if (items().count(arguments.item) == 0) throw std::invalid_argument("there is no item " + arguments.item);
    return arguments;
}

}  // namespace

int main(int argc, char** argv) try {
    const Arguments arguments = parse({argv + 1, argv + argc});
    torch::set_num_threads(arguments.threads);
    const Item item = items().at(arguments.item)(Inputs(arguments.folder), arguments.check);
    if (arguments.check)
        check(arguments.item, item);
    else if (arguments.in_turn)
        for (std::string line; std::getline(std::cin, line);) measure(arguments.item, item, arguments.seconds);
    else
        measure(arguments.item, item, arguments.seconds);
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\nusage: %s FOLDER ITEM [--seconds 2] [--threads 1] [--check | --in-turn]\n", error.what(),
                 argv[0]);
    return 1;
}
