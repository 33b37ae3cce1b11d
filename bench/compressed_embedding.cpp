// W7: the document's CompressedEmbedding(100,000, 300, 64), 32 x 50 ids; forward, and backward from a given gradient to
// a dense gradient of the small table or to one by rows.
#include "harness.hpp"

using namespace bench;

namespace {

class Compressed : public Item {
public:
    Compressed(const Inputs& inputs, bool sparse)
        : rng_(1),
          table_(100'000, 300, 64, rng_, {.sparse = sparse}),
          ids_(inputs.batches("compressed.ids")),
          gradient_(inputs.reals("compressed.dout")) {
        inputs.load_weights(table_, "compressed");
    }

    void repeat(std::size_t repetition, Results* results) override {
        table_.zero_grad();
        Tape tape;
        const Var out = table_(tape, ids_[repetition % ids_.size()]);
        tape.backward(out, gradient_);
        if (results == nullptr) return;
        results->add("output", out.value());
        results->add_gradients(table_);
    }

private:
    Rng rng_;
    CompressedEmbedding table_;
    std::vector<IdArray> ids_;
    Array gradient_;
};

}  // namespace

int main(int argc, char** argv) {
    const auto item = [](const std::string& name, bool sparse) {
        return NamedItem{name, [=](const Inputs& inputs) { return std::make_unique<Compressed>(inputs, sparse); }};
    };
    return run(argc, argv, {item("W7 dense", false), item("W7 row", true)});
}
