// train_language_model: checks, batches, training, generation.
#include <embergrad/models/train_language_model.hpp>

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/text/batch.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

// ---- checks --------------------------------------------------------------------------------------------------------

void check_ids(std::string_view caller, std::string_view kind, std::span<const std::int64_t> ids, const Shape& shape,
               std::size_t vocab_size) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (static_cast<std::uint64_t>(ids[i]) < vocab_size) continue;
        fail<std::out_of_range>(caller, ": ", kind, " id ", ids[i], " at position ", position_text(i, shape),
                                " is outside a vocabulary of ", vocab_size);
    }
}

void check_ids(std::string_view caller, std::string_view kind, const IdArray& ids, std::size_t vocab_size) {
    check_ids(caller, kind, std::span(ids.data(), ids.size()), ids.shape(), vocab_size);
}

void check_examples(std::string_view caller, const NGramLanguageModel& model, const NGrams& data,
                    std::size_t batch_size) {
    const std::size_t n = model.context_size();
    const Shape contexts = data.contexts.shape(), targets = data.targets.shape();
    require(contexts.size() == 2 && targets.size() == 1 && contexts[0] == targets[0] && contexts[1] == n, caller,
            ": contexts must be (N, ", n, ") and targets (N), but got ", contexts, " and ", targets);
    require(data.size() > 0, caller, ": there are no examples; a text must have at least ", n + 1, " tokens");
    require(batch_size > 0, caller, ": batch_size is 0");
    check_ids(caller, "context", data.contexts, model.vocab_size());
    check_ids(caller, "target", data.targets, model.vocab_size());
}

bool is_finite(const NGramLanguageModel& model) {
    const std::vector<Parameter> parameters = model.parameters();
    return std::all_of(parameters.begin(), parameters.end(),
                       [](const Parameter& parameter) { return all_finite(parameter.value()); });
}

// ---- batches -------------------------------------------------------------------------------------------------------

/// The examples that `order` names.
NGrams gather(const NGrams& data, std::span<const std::size_t> order) {
    const std::size_t n = data.contexts.shape()[1];
    NGrams batch{.contexts = IdArray(Shape{order.size(), n}), .targets = IdArray(Shape{order.size()})};
    std::int64_t* context = batch.contexts.data();
    std::int64_t* target = batch.targets.data();
    for (const std::size_t index : order) {
        context = std::copy_n(data.contexts.data() + index * n, n, context);
        *target++ = data.targets.data()[index];
    }
    return batch;
}

/// Calls f(batch) for the examples in this order, batch_size at a time; stops where it returns false.
template <class F>
void for_each_batch(const NGrams& data, std::span<const std::size_t> order, std::size_t batch_size, F f) {
    while (!order.empty()) {
        const std::size_t count = std::min(batch_size, order.size());
        if (!f(gather(data, order.first(count)))) return;
        order = order.subspan(count);
    }
}

// ---- training ------------------------------------------------------------------------------------------------------

/// Leaves no gradients behind, however it ends.
class Training {
public:
    Training(const NGramLanguageModel& model, const NGrams& data, Rng& rng, const LanguageModelTraining& options)
        : model_(model),
          data_(data),
          rng_(rng),
          options_(options),
          optimizer_(model.parameters(), {.lr = options.lr}),
          order_(detail::in_order(data.size())) {}

    LanguageModelResult run() {
        for (std::size_t epoch = 1; epoch <= options_.epochs && !result_.stopped && !result_.diverged; ++epoch)
            run_epoch(epoch);
        result_.diverged = result_.diverged || !is_finite(model_);  // an epoch may have been stopped midway
        return std::move(result_);
    }
    ~Training() { optimizer_.zero_grad(); }

private:
    void run_epoch(std::size_t epoch) {
        if (options_.shuffle) rng_.shuffle(order_);
        LanguageModelProgress progress{.epoch = epoch, .epochs = options_.epochs, .total = data_.size()};
        double sum = 0;
        for_each_batch(data_, order_, options_.batch_size, [&](const NGrams& batch) {
            const double loss = step(batch);
            sum += loss * static_cast<double>(batch.size());
            progress.done += batch.size();
            progress.loss = sum / static_cast<double>(progress.done);
            // The weights of the last step have no loss yet.
            result_.diverged = !std::isfinite(loss) || (progress.epoch_done() && !is_finite(model_));
            if (result_.diverged) return false;
            result_.examples += batch.size();
            if (progress.epoch_done()) result_.losses.push_back(progress.loss);
            result_.stopped = options_.on_progress && !options_.on_progress(progress);
            return !result_.stopped;
        });
    }

    /// The loss before the step. Where it is not finite, no step is taken.
    double step(const NGrams& batch) {
        Tape tape;
        const Var loss = cross_entropy(model_(tape, batch.contexts), batch.targets);
        const auto value = static_cast<double>(loss.item());
        if (!std::isfinite(value)) return value;
        if (result_.examples == 0) optimizer_.check_holds(tape.trainable_leaves(), model_.named_parameters());
        optimizer_.zero_grad();
        tape.backward(loss);
        optimizer_.step();
        return value;
    }

    const NGramLanguageModel& model_;
    const NGrams& data_;
    Rng& rng_;
    const LanguageModelTraining& options_;
    Adam optimizer_;
    std::vector<std::size_t> order_;
    LanguageModelResult result_;
};

// ---- generation ----------------------------------------------------------------------------------------------------

void check_generate(const NGramLanguageModel& model, std::span<const std::int64_t> context,
                    const GenerateOptions& options) {
    require(context.size() >= model.context_size(), "generate: a context of ", context.size(),
            " ids is shorter than the model's ", model.context_size());
    require(options.temperature >= 0 && std::isfinite(options.temperature), "generate: temperature must be finite and ",
            "at least 0, but got ", options.temperature);
    require(options.top_k != 0, "generate: top_k is 0");
    check_ids("generate", "context", context, {context.size()}, model.vocab_size());
    check_ids("generate", "suppressed", options.suppress_tokens, {options.suppress_tokens.size()}, model.vocab_size());
}

/// The ids that may be drawn.
std::vector<std::int64_t> candidates(std::size_t vocab_size, std::span<const std::int64_t> suppressed) {
    std::vector<bool> allowed(vocab_size, true);
    for (const std::int64_t id : suppressed) allowed[static_cast<std::size_t>(id)] = false;
    std::vector<std::int64_t> ids;
    for (std::size_t id = 0; id < vocab_size; ++id)
        if (allowed[id]) ids.push_back(static_cast<std::int64_t>(id));
    require(!ids.empty(), "generate: suppress_tokens leaves none of ", vocab_size, " tokens");
    return ids;
}

/// Moves the `count` most probable ids to the front, the most probable first.
void rank(std::vector<std::int64_t>& ids, std::size_t count, const Real* logits) {
    const auto better = [&](std::int64_t a, std::int64_t b) {
        return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
    };
    std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(), better);
}

/// One of the ids, with the probabilities softmax(logits / temperature) among them.
std::int64_t draw(std::span<const std::int64_t> ids, const Real* logits, double temperature, Rng& rng) {
    Real max = logits[ids.front()];
    for (const std::int64_t id : ids) max = std::max(max, logits[id]);
    std::vector<double> cumulative;
    cumulative.reserve(ids.size());
    double sum = 0;
    for (const std::int64_t id : ids) {
        sum += std::exp((static_cast<double>(logits[id]) - static_cast<double>(max)) / temperature);
        cumulative.push_back(sum);
    }
    const auto found = std::upper_bound(cumulative.begin(), cumulative.end(), rng.uniform() * sum);
    const auto index = std::min<std::size_t>(static_cast<std::size_t>(found - cumulative.begin()), ids.size() - 1);
    return ids[index];
}

std::int64_t next_token(const Array& logits, std::vector<std::int64_t>& ids, Rng& rng, const GenerateOptions& options) {
    require(all_finite(logits), "generate: the model's logits are not finite");
    if (options.temperature == 0 || options.top_k) {
        const std::size_t kept = options.temperature == 0 ? 1 : std::min(*options.top_k, ids.size());
        rank(ids, kept, logits.data());
        if (kept == 1) return ids.front();
        return draw(std::span(ids).first(kept), logits.data(), options.temperature, rng);
    }
    return draw(ids, logits.data(), options.temperature, rng);
}

}  // namespace

NGrams make_ngrams(std::span<const std::int64_t> ids, std::size_t context_size) {
    require(context_size > 0, "make_ngrams: context_size is 0");
    const std::size_t count = ids.size() > context_size ? ids.size() - context_size : 0;
    NGrams data{.contexts = IdArray(Shape{count, context_size}), .targets = IdArray(Shape{count})};
    for (std::size_t i = 0; i < count; ++i) {
        std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(i), context_size,
                    data.contexts.data() + i * context_size);
        data.targets.data()[i] = ids[i + context_size];
    }
    return data;
}

NGrams make_ngrams(std::initializer_list<std::int64_t> ids, std::size_t context_size) {
    return make_ngrams(std::span(ids.begin(), ids.size()), context_size);
}

LanguageModelResult train_language_model(const NGramLanguageModel& model, const NGrams& data, Rng& rng,
                                         const LanguageModelTraining& options) {
    check_examples("train_language_model", model, data, options.batch_size);
    require(model.trainable_parameter_count() > 0, "train_language_model: every parameter of the model is frozen");
    return Training(model, data, rng, options).run();
}

LanguageModelScore evaluate_language_model(const NGramLanguageModel& model, const NGrams& data,
                                           std::size_t batch_size) {
    check_examples("evaluate_language_model", model, data, batch_size);
    double sum = 0;
    for_each_batch(data, detail::in_order(data.size()), batch_size, [&](const NGrams& batch) {
        Tape tape(Mode::eval);
        const Var loss = cross_entropy(model(tape, batch.contexts), batch.targets, {.reduction = Reduction::sum});
        sum += static_cast<double>(loss.item());
        return true;
    });
    return {.loss = sum / static_cast<double>(data.size())};
}

std::vector<std::int64_t> generate(const NGramLanguageModel& model, std::span<const std::int64_t> context,
                                   std::size_t count, Rng& rng, const GenerateOptions& options) {
    check_generate(model, context, options);
    std::vector<std::int64_t> ids = candidates(model.vocab_size(), options.suppress_tokens);
    const std::size_t n = model.context_size();
    const auto last = context.last(n);
    std::vector<std::int64_t> text(last.begin(), last.end());
    for (std::size_t i = 0; i < count; ++i) {
        IdArray window(Shape{1, n});
        std::copy(text.end() - static_cast<std::ptrdiff_t>(n), text.end(), window.data());
        Tape tape(Mode::eval);
        text.push_back(next_token(model(tape, window).value(), ids, rng, options));
    }
    text.erase(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n));
    return text;
}

std::vector<std::int64_t> generate(const NGramLanguageModel& model, std::initializer_list<std::int64_t> context,
                                   std::size_t count, Rng& rng, const GenerateOptions& options) {
    return generate(model, std::span(context.begin(), context.size()), count, rng, options);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
