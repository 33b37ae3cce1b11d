// A shared object that brings the library along: tests/process_life.cpp loads, calls and unloads it.
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/parallel.hpp>

extern "C" int run_plugin() {
    using namespace embergrad;
    set_num_threads(2);
    Tape tape(Mode::eval);
    const Var ones = tape.constant(full({512, 512}, 1));
    return matmul(ones, ones).value()(0, 0) == Real{512} ? 1 : 0;
}
