// Ctrl-C as a wish to stop soon, instead of an end at once.
#pragma once

#include <csignal>

namespace examples {

inline constexpr int kInterrupted = 130;  ///< the exit code a shell reports of a program that Ctrl-C ended

/// While it lives, the first Ctrl-C (SIGINT) is noted, for loops to ask about; a second one ends the program as usual.
/// One at a time.
class InterruptGuard {
public:
    InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;
    ~InterruptGuard();

    bool interrupted() const;

private:
    struct sigaction previous_ {};
};

}  // namespace examples
