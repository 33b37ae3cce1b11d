// The handler gives a second signal its usual meaning back, whichever of them it is.
#include "interrupt.hpp"

#include <atomic>
#include <utility>

namespace examples {
namespace {

std::atomic<int> noted = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler must not wait for a lock");

extern "C" void note_interrupt(int signal) {
    if (noted.exchange(signal) == 0) return;
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

}  // namespace

InterruptGuard::InterruptGuard(std::vector<int> signals) : signals_(std::move(signals)), previous_(signals_.size()) {
    noted = 0;
    struct sigaction action {};
    action.sa_handler = note_interrupt;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < signals_.size(); ++i) {
        ::sigaction(signals_[i], nullptr, &previous_[i]);
        const bool leave = signals_[i] == SIGHUP && previous_[i].sa_handler == SIG_IGN;
        if (!leave) ::sigaction(signals_[i], &action, nullptr);
    }
}

InterruptGuard::~InterruptGuard() {
    for (std::size_t i = 0; i < signals_.size(); ++i) ::sigaction(signals_[i], &previous_[i], nullptr);
}

int InterruptGuard::signal() const { return noted; }

}  // namespace examples
