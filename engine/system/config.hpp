// Config: what is fixed when the library is built, the precision of every real number.
#pragma once

#if __cplusplus <= 201703L
#error "embergrad needs C++20: compile with -std=c++20"
#define EMBERGRAD_NOT_THERE <needs -std=c++20>
#include EMBERGRAD_NOT_THERE  // so that a compiler stops here, and hundreds of errors do not follow
#endif

// The precision is part of every symbol's name (embergrad::f32::… or embergrad::f64::…), so that a program
// compiled for one and linked with the other fails at link time instead of corrupting memory.
#ifdef EMBERGRAD_DOUBLE
#define EMBERGRAD_PRECISION f64
#else
#define EMBERGRAD_PRECISION f32
#endif

namespace embergrad::inline EMBERGRAD_PRECISION {

#ifdef EMBERGRAD_DOUBLE
using Real = double;
#else
using Real = float;
#endif

}  // namespace embergrad::inline EMBERGRAD_PRECISION
