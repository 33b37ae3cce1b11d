// W1: rows of a table of 1,000,000 x 128, 1024 x 50 ids, no gradient recorded.
#include "harness.hpp"

using namespace bench;

namespace {

class Lookup : public Item {
public:
    Lookup(const Inputs& inputs, const std::string& ids)
        : table_(Embedding::from_pretrained(inputs.reals("table"), true)), ids_(inputs.batches("lookup." + ids)) {}

    void repeat(std::size_t repetition, Results* results) override {
        Tape tape(Mode::eval);
        const Var out = table_(tape, ids_[repetition % ids_.size()]);
        if (results != nullptr) results->add("output", out.value());
    }

private:
    Embedding table_;
    std::vector<IdArray> ids_;
};

}  // namespace

int main(int argc, char** argv) {
    const auto item = [](const std::string& ids) {
        return NamedItem{"W1 " + ids, [=](const Inputs& inputs) { return std::make_unique<Lookup>(inputs, ids); }};
    };
    return run(argc, argv, {item("uniform"), item("zipf")});
}
