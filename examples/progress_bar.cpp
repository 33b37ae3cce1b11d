// A carriage return and spaces: no terminal is too plain for them.
#include "progress_bar.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string_view>

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

ProgressBar::ProgressBar(std::size_t total, double seconds)
    : total_(total), terminal_(::isatty(STDERR_FILENO) == 1), pause_(terminal_ ? 0.05 : seconds) {}

ProgressBar::~ProgressBar() {
    if (drawn_) std::cerr << '\n';
}

bool ProgressBar::due() const { return Clock::now() - last_ > pause_; }

void ProgressBar::draw(std::size_t done, const std::string& text) {
    last_ = Clock::now();
    const std::string what = time_left(done) + "  " + text;
    if (!terminal_) {
        const double part = total_ == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total_);
        std::cerr << ' ' + right(fixed(100 * part, 0) + " %  ", 7) + what + '\n' << std::flush;
        return;
    }
    const std::size_t width = terminal_columns() - 1;  // a full last column would start a new line
    const std::size_t around = columns(what) + std::string_view("[] ").size();
    const std::size_t room = width > around ? std::min<std::size_t>(20, width - around) : 0;
    std::string line = room >= 4 ? bar(done, total_, room) + ' ' + what : what;
    line.resize(width, ' ');  // the spaces wipe what was longer
    std::cerr << '\r' + line << std::flush;
    drawn_ = true;
}

void ProgressBar::write_line(const std::string& text) {
    const std::size_t width = drawn_ ? terminal_columns() - 1 : 0;
    std::cerr << (drawn_ ? "\r" : "") + left(text, width) + '\n' << std::flush;
    drawn_ = false;
    last_ = Clock::now();
}

std::string ProgressBar::time_left(std::size_t done) const {
    const double passed = std::chrono::duration<double>(Clock::now() - start_).count();
    if (done == 0) return right("", 10);
    if (done >= total_) return right("in " + duration(passed), 10);
    return right(duration(passed / static_cast<double>(done) * static_cast<double>(total_ - done)) + " left", 10);
}

}  // namespace examples
