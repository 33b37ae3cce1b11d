// A carriage return and spaces: no terminal is too plain for them.
#include "progress_bar.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "number_text.hpp"

namespace examples {
namespace {

std::size_t terminal_columns() {
    winsize size{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

std::string bar(std::size_t done, std::size_t total, std::size_t width) {
    const std::size_t filled = total == 0 ? width : width * std::min(done, total) / total;
    return '[' + std::string(filled, '#') + std::string(width - filled, '.') + ']';
}

}  // namespace

ProgressBar::ProgressBar(std::size_t total) : total_(total), visible_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
    if (drawn_) std::cerr << '\n';
}

bool ProgressBar::due() const { return visible_ && Clock::now() - last_ > std::chrono::milliseconds(50); }

void ProgressBar::draw(std::size_t done, const std::string& text) {
    if (!visible_) return;
    const std::size_t width = terminal_columns() - 1;  // a full last column would start a new line
    std::string line = bar(done, total_, std::min<std::size_t>(20, width / 4)) + ' ' + time_left(done) + "  " + text;
    line.resize(width, ' ');  // the spaces wipe what was longer
    std::cerr << '\r' + line << std::flush;
    drawn_ = true;
    last_ = Clock::now();
}

std::string ProgressBar::time_left(std::size_t done) const {
    const double passed = std::chrono::duration<double>(Clock::now() - start_).count();
    if (done == 0) return right("", 10);
    if (done >= total_) return right("in " + duration(passed), 10);
    return right(duration(passed / static_cast<double>(done) * static_cast<double>(total_ - done)) + " left", 10);
}

}  // namespace examples
