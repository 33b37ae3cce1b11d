// Reads a value after its tape has ended, which AddressSanitizer must report: run by stale_value.sh, never by itself.
//   stale_value array|element|gradient WIDTH
#include <cstdio>
#include <cstdlib>
#include <string>

#include <embergrad/engine/ops.hpp>

using namespace embergrad;

namespace {

/// As it is written by mistake: `const Array& p = softmax(...).value()`, kept for longer than the tape.
const Array& stale_value(std::size_t width) {
    Tape tape(Mode::eval);
    return softmax(tape.constant(ones({2, width}))).value();
}

const Real* stale_elements(std::size_t width) {
    Tape tape(Mode::eval);
    return softmax(tape.constant(ones({2, width}))).value().data();
}

const Array& stale_gradient(std::size_t width) {
    Tape tape;
    const Var x = tape.leaf(Parameter(ones({2, width})));
    const Var y = x * x;
    tape.backward(sum(y));
    return y.grad();
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    const std::size_t width = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0;
    Real read = 0;
    if (what == "array") read = stale_value(width).data()[0];
    if (what == "element") read = *stale_elements(width);
    if (what == "gradient") read = stale_gradient(width).data()[0];
    std::printf("read %g\n", static_cast<double>(read));
}
