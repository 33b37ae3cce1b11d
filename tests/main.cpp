// The one translation unit with doctest's main. Where it is told that no thread is at work, it fails if one was.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include <embergrad/engine/system/parallel.hpp>

int main(int argc, char** argv) {
    const int status = doctest::Context(argc, argv).run();
    const bool alone = std::getenv("EMBERGRAD_TESTS_ALONE") != nullptr;
    if (!alone || embergrad::detail::shared_jobs() == 0) return status;
    std::puts("This file gives the pool of threads work: name it in tests/meson.build, under shares_work.");
    return 1;
}
