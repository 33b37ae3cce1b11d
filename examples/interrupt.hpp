// Ctrl-C as a wish to stop soon, instead of an end at once.
#pragma once

#include <csignal>
#include <vector>

namespace examples {

/// While it lives, the first of these signals (SIGHUP unless it is ignored, as nohup has it) is noted, for loops to ask
/// about; a second one ends the program as usual. One guard at a time.
class InterruptGuard {
public:
    explicit InterruptGuard(std::vector<int> signals = {SIGINT, SIGTERM, SIGHUP});
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;
    ~InterruptGuard();

    bool interrupted() const { return signal() != 0; }
    /// The one that was noted; 0: none.
    int signal() const;

private:
    std::vector<int> signals_;
    std::vector<struct sigaction> previous_;
};

/// The exit code a shell reports of a program that this signal ended: 130 for Ctrl-C.
constexpr int interrupt_code(int signal) { return 128 + signal; }

}  // namespace examples
