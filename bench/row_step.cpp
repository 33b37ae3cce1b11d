// W3 and W4: a table of 1,000,000 x 128, 32 x 50 ids, a gradient by rows; loss = sum(y * y), backward, and a step of
// SparseAdam or SGD.
#include "harness.hpp"

using namespace bench;

namespace {

template <class Rule>
class RowStep : public Item {
public:
    RowStep(const Inputs& inputs, const std::string& ids)
        : table_(Embedding::from_pretrained(inputs.reals("table"), false, {.sparse = true})),
          ids_(inputs.batches("step." + ids)),
          rule_(table_.parameters(), {.lr = 1e-3}) {}

    void repeat(std::size_t repetition, Results* results) override {
        rule_.zero_grad();
        Tape tape;
        const Var y = table_(tape, ids_[repetition % ids_.size()]);
        const Var loss = sum(y * y);
        tape.backward(loss);
        if (results != nullptr) {
            results->add_loss(loss.item());
            results->add_gradients(table_);
        }
        rule_.step();
    }

private:
    Embedding table_;
    std::vector<IdArray> ids_;
    Rule rule_;
};

template <class Rule>
NamedItem item(const std::string& name, const std::string& ids) {
    return {name + " " + ids, [=](const Inputs& inputs) { return std::make_unique<RowStep<Rule>>(inputs, ids); }};
}

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv,
               {item<SparseAdam>("W3", "uniform"), item<SparseAdam>("W3", "zipf"), item<SGD>("W4", "uniform"),
                item<SGD>("W4", "zipf")});
}
