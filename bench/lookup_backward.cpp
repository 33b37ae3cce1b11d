// W2: a table of 10,000 x 128, 32 x 50 ids; forward, and backward from a given gradient to a dense one.
#include "harness.hpp"

using namespace bench;

namespace {

class LookupBackward : public Item {
public:
    explicit LookupBackward(const Inputs& inputs)
        : table_(Embedding::from_pretrained(inputs.reals("backward.table"), false)),
          ids_(inputs.batches("backward.ids")),
          gradient_(inputs.reals("backward.dout")) {}

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
    Embedding table_;
    std::vector<IdArray> ids_;
    Array gradient_;
};

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv, {{"W2", [](const Inputs& inputs) { return std::make_unique<LookupBackward>(inputs); }}});
}
