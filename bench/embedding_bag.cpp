// W13: EmbeddingBag(1,000,000 x 128, mean), 512 bags of 50, a gradient by rows; forward and backward from a given
// gradient.
#include "harness.hpp"

using namespace bench;

namespace {

class Bag : public Item {
public:
    Bag(const Inputs& inputs, const std::string& ids)
        : table_(EmbeddingBag::from_pretrained(inputs.reals("table"), false, {.sparse = true})),
          ids_(inputs.batches("bag." + ids)),
          gradient_(inputs.reals("bag.dout")) {}

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
    EmbeddingBag table_;
    std::vector<IdArray> ids_;
    Array gradient_;
};

}  // namespace

int main(int argc, char** argv) {
    const auto item = [](const std::string& ids) {
        return NamedItem{"W13 " + ids, [=](const Inputs& inputs) { return std::make_unique<Bag>(inputs, ids); }};
    };
    return run(argc, argv, {item("uniform"), item("zipf")});
}
