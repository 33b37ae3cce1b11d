// BuildInfo: what it says of this build and machine.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include <embergrad/engine/build_info.hpp>

using namespace embergrad;

TEST_CASE("build_info: it advises on OpenBLAS where that does not know the processor, unless it was told what to do") {
    const BuildInfo info = build_info();
    const bool told = std::getenv("OPENBLAS_CORETYPE") != nullptr;
    const bool chooses_old = info.blas.find("core Prescott") != std::string::npos && info.simd != "baseline";
    CAPTURE(info.blas);
    CHECK((info.advice.find("OPENBLAS_CORETYPE=") == 0) == (chooses_old && !told));
    CHECK((to_string(info).find("\nadvice    ") != std::string::npos) == !info.advice.empty());
    if (told) return;
    ::setenv("OPENBLAS_CORETYPE", "Haswell", 1);
    CHECK(build_info().advice.empty());
    ::unsetenv("OPENBLAS_CORETYPE");
}
