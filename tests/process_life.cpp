// The life of a process around the library: work before main, in the child of a fork(), in a static object's destructor
// and in a shared object that is unloaded. Each prints what it found; the exit code counts what was wrong.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/memory.hpp>
#include <embergrad/engine/system/parallel.hpp>
#include <embergrad/layers/linear.hpp>
#include <embergrad/text/vocabulary.hpp>

extern "C" {  // no header of OpenBLAS: a user's program has none
int openblas_get_num_threads();
void openblas_set_num_threads(int);
}

using namespace embergrad;

namespace {

constexpr std::size_t kN = 512;  // a product of this size is shared by threads

bool product_is_right() {
    Tape tape(Mode::eval);
    const Array x = full({kN, kN}, 1);
    return matmul(tape.constant(x), tape.constant(x)).value()(kN - 1, kN - 1) == static_cast<Real>(kN);
}

int wrong = 0;

void check(const char* what, bool right) {
    std::cout << (right ? "passed: " : "FAILED: ") << what << std::endl;
    if (!right) ++wrong;
}

/// Ended by exit() as a user's child would be; a child that hangs is killed by its own alarm.
bool child_passes(const std::function<bool()>& work) {
    std::cout.flush();
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(60);
        std::_Exit(work() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool child_exits() {
    std::cout.flush();
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(60);
        std::exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status);
}

/// Works again when main, and the main thread's own objects, are gone.
struct WorksUntilTheEnd {
    WorksUntilTheEnd() {
        set_num_threads(2);
        check("a product before main", product_is_right());
    }
    ~WorksUntilTheEnd() {
        Tape tape;
        const Var y = (*layer)(tape.constant(full({kN, kN}, 1)));
        tape.backward(sum(y));
        release_memory();
        if (vocabulary.encode("a b a").size() != 3 || y.dim(1) != kN) std::_Exit(3);
        const bool last = owner == ::getpid();
        if (last) std::cout << "passed: a layer, a tape and a vocabulary in a static object's destructor" << std::endl;
    }

    Rng rng{1};
    std::unique_ptr<Linear> layer = std::make_unique<Linear>(kN, kN, rng);
    Vocabulary vocabulary = Vocabulary::build(std::vector<std::string>{"a b"});
    pid_t owner = ::getpid();
};

WorksUntilTheEnd works_until_the_end;

void check_forks() {
    check("the child of a fork ends though it calls nothing", child_exits());
    check("the child of a fork computes on threads of its own", child_passes([] {
              const std::uint64_t before = detail::shared_jobs();
              return product_is_right() && detail::shared_jobs() > before;
          }));
    check("a child's child does, too",
          child_passes([] { return product_is_right() && child_passes(product_is_right); }));
    std::thread other([] {
        for (int i = 0; i < 50; ++i) product_is_right();
    });
    bool all = true;
    for (int i = 0; i < 10; ++i) all = child_passes(product_is_right) && all;
    other.join();
    check("children of a process whose other thread computes", all);
    check("the parent goes on", product_is_right());
}

void check_blas_setting() {
    openblas_set_num_threads(2);
    std::thread([] { product_is_right(); }).join();
    Tape tape;
    const Parameter a(full({3, 70}, 1)), b(full({70, 5}, 1));
    tape.backward(sum(matmul(tape.leaf(a), tape.leaf(b))));
    check("OpenBLAS keeps the program's number of threads", openblas_get_num_threads() == 2);
    check("so it does in the child of a fork", child_passes([] { return openblas_get_num_threads() == 2; }));
}

void check_unloading(const char* path) {
    for (int i = 0; i < 3; ++i) {
        void* plugin = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (plugin == nullptr) return check(::dlerror(), false);
        const auto run = reinterpret_cast<int (*)()>(::dlsym(plugin, "run_plugin"));
        check("a product in a shared object", run != nullptr && run() == 1);
        ::dlclose(plugin);
    }
    check("threads outlive it", product_is_right());
}

}  // namespace

int main(int argc, char** argv) {
    check_forks();
    check_blas_setting();
    if (argc > 1) check_unloading(argv[1]);
    return wrong;
}
