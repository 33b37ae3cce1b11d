// BuildInfo: version, compiler, precision and machine, for bug reports and benchmarks.
#pragma once

#include <string>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// How the library was built and what it runs on. Print it with to_string.
struct BuildInfo {
    std::string version;    ///< "0.1.0"
    std::string compiler;   ///< "gcc 12.2.0"
    std::string precision;  ///< "float" or "double"
    std::string blas;       ///< "OpenBLAS 0.3.21, core Haswell": the core type decides the speed of products
    std::string simd;       ///< the widest vector unit our own kernels use here: "avx512f", "avx2", "baseline"
    int threads = 1;        ///< num_threads()
    /// What would make it faster: "OPENBLAS_CORETYPE=SkylakeX ..."; empty if nothing is known. OpenBLAS reads that
    /// variable before main, so that only whoever starts the program can set it.
    std::string advice;
};

BuildInfo build_info();

/// One line a field that is not empty.
std::string to_string(const BuildInfo& info);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
