// One place for function multiversioning: EMBERGRAD_SIMD before a hot loop's function compiles it for AVX-512, AVX2 and
// the plain machine, and the loader picks. Not under sanitizers (they start after the loader), nor off x86-64.
#pragma once

#if defined(__x86_64__) && defined(__ELF__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define EMBERGRAD_HAS_CLONES 1
#define EMBERGRAD_SIMD __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define EMBERGRAD_SIMD
#endif
