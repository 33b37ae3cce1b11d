// Where threads start to pay: the operations that use them, from a size where one thread is enough. The inputs are made
// here:
//   build/release/bench/small_work . --beside 2 --seconds 0.1
#include "harness.hpp"
#include "made_inputs.hpp"

using namespace bench;

namespace {

constexpr std::size_t kRows = 100'000, kWidth = 128;

Array table() { return made_table(kRows, kWidth); }

IdArray some_ids(const Shape& shape) {
    Rng rng(3);
    return random_ids(rng, shape, kRows);
}

/// A layer over `rows` ids, kLength of them together, no gradient.
template <class Layer, std::size_t kLength = 1>
class Forward : public Item {
public:
    explicit Forward(std::size_t rows)
        : layer_(Layer::from_pretrained(table(), true)), ids_(some_ids({rows / kLength, kLength})) {}
    void repeat(std::size_t, Results*) override {
        Tape tape(Mode::eval);
        layer_(tape, ids_);
    }

private:
    Layer layer_;
    IdArray ids_;
};

/// x (rows, 128) times a weight (128, 128).
class Product : public Item {
public:
    explicit Product(std::size_t rows) : rng_(1), linear_(kWidth, kWidth, rng_), x_(ones({rows, kWidth})) {}
    void repeat(std::size_t, Results*) override {
        Tape tape(Mode::eval);
        linear_(tape.constant(x_));
    }

private:
    Rng rng_;
    Linear linear_;
    Array x_;
};

/// Adam over so many values.
class Step : public Item {
public:
    explicit Step(std::size_t values) : parameter_(ones({values})), adam_({parameter_}) {
        parameter_.add_grad(ones({values}));
    }
    void repeat(std::size_t, Results*) override { adam_.step(); }

private:
    Parameter parameter_;
    Adam adam_;
};

/// SparseAdam over so many rows.
class RowStep : public Item {
public:
    explicit RowStep(std::size_t rows) : table_(table()), adam_({table_}) {
        const IdArray ids = some_ids({rows});
        table_.add_grad(RowGradient({ids.begin(), ids.end()}, ones({rows, kWidth})));
    }
    void repeat(std::size_t, Results*) override { adam_.step(); }

private:
    Parameter table_;
    SparseAdam adam_;
};

template <class Kind>
void add(std::vector<NamedItem>& all, const std::string& name, std::initializer_list<std::size_t> sizes) {
    for (const std::size_t size : sizes)
        all.push_back({name + " " + std::to_string(size), [=](const Inputs&) { return std::make_unique<Kind>(size); }});
}

std::vector<NamedItem> items() {
    std::vector<NamedItem> all;
    add<Forward<Embedding>>(all, "lookup", {1'000, 2'000, 3'000, 4'000, 8'000, 16'000, 64'000});
    add<Forward<EmbeddingBag, 10'000>>(all, "long bags", {10'000, 20'000, 30'000});
    add<Forward<EmbeddingBag, 50>>(all, "bags", {1'000, 2'000, 3'000, 4'000, 8'000, 16'000, 64'000});
    add<Product>(all, "product", {64, 128, 192, 256, 512, 1'024});
    add<Step>(all, "Adam", {16'384, 32'768, 65'536, 98'304, 131'072, 262'144, 524'288, 1'048'576});
    add<RowStep>(all, "SparseAdam", {256, 512, 768, 1'024, 2'048, 4'096});
    return all;
}

}  // namespace

int main(int argc, char** argv) { return run(argc, argv, items()); }
