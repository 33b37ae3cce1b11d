// Function multiversioning: EMBERGRAD_SIMD before a hot loop's function compiles it for AVX-512, AVX2 and
// the plain machine, and the loader picks. Not under sanitizers (they start after the loader), nor off x86-64.
#pragma once

#if defined(__x86_64__) && defined(__ELF__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define EMBERGRAD_HAS_CLONES 1
#define EMBERGRAD_SIMD __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define EMBERGRAD_SIMD
#endif

// EMBERGRAD_AVX2, an attribute, marks what is written for AVX2 and FMA by hand and called only where the machine has
// them.
#if defined(__x86_64__) && defined(__GNUC__) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)  // GCC from 12 on
#define EMBERGRAD_HAS_AVX2 1
#define EMBERGRAD_AVX2 gnu::target("avx2,fma")
#endif
#endif
