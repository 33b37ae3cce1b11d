// Where threads start to pay: the operations that use them, from a size where one thread is enough. The inputs are made
// here:
//   build/release/bench/small_work . --beside 2 --seconds 0.1
#include "harness.hpp"

using namespace bench;

namespace {

constexpr std::size_t kRows = 100'000, kWidth = 128;

IdArray random_ids(const Shape& shape) {
    Rng rng(3);
    IdArray ids(shape);
    for (std::int64_t& id : ids) id = static_cast<std::int64_t>(rng.below(kRows));
    return ids;
}

Array table() {
    Array values(Shape{kRows, kWidth});
    for (std::size_t i = 0; i < values.size(); ++i) values.data()[i] = static_cast<Real>(i % 1009) / 1009;
    return values;
}

/// `rows` of them, no gradient.
class Lookup : public Item {
public:
    explicit Lookup(std::size_t rows) : table_(Embedding::from_pretrained(table(), true)), ids_(random_ids({rows})) {}
    void repeat(std::size_t, Results*) override {
        Tape tape(Mode::eval);
        table_(tape, ids_);
    }

private:
    Embedding table_;
    IdArray ids_;
};

/// Means of bags of kLength, `rows` in all, no gradient.
template <std::size_t kLength>
class Bags : public Item {
public:
    explicit Bags(std::size_t rows)
        : table_(EmbeddingBag::from_pretrained(table(), true)), ids_(random_ids({rows / kLength, kLength})) {}
    void repeat(std::size_t, Results*) override {
        Tape tape(Mode::eval);
        table_(tape, ids_);
    }

private:
    EmbeddingBag table_;
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
        const IdArray ids = random_ids({rows});
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
    add<Lookup>(all, "lookup", {1'000, 2'000, 3'000, 4'000, 8'000, 16'000, 64'000});
    add<Bags<10'000>>(all, "long bags", {10'000, 20'000, 30'000});
    add<Bags<50>>(all, "bags", {1'000, 2'000, 3'000, 4'000, 8'000, 16'000, 64'000});
    add<Product>(all, "product", {64, 128, 192, 256, 512, 1'024});
    add<Step>(all, "Adam", {16'384, 32'768, 65'536, 98'304, 131'072, 262'144, 524'288, 1'048'576});
    add<RowStep>(all, "SparseAdam", {256, 512, 768, 1'024, 2'048, 4'096});
    return all;
}

}  // namespace

int main(int argc, char** argv) { return run(argc, argv, items()); }
