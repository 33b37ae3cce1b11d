// SA_RESETHAND gives the second Ctrl-C its usual meaning back before the first is even handled.
#include "interrupt.hpp"

#include <atomic>

namespace examples {
namespace {

std::atomic<bool> noted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler must not wait for a lock");

extern "C" void note_interrupt(int) { noted = true; }

}  // namespace

InterruptGuard::InterruptGuard() {
    noted = false;
    struct sigaction action {};
    action.sa_handler = note_interrupt;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, &previous_);
}

InterruptGuard::~InterruptGuard() { ::sigaction(SIGINT, &previous_, nullptr); }

bool InterruptGuard::interrupted() const { return noted; }

}  // namespace examples
