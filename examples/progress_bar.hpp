// How far a long job is: a bar on the terminal; where standard error is none (a pipe, a file), a line now and then.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace examples {

/// On a terminal one line on standard error, drawn over and over below the lines that stay:
///     [########............] 3 s left  epoch  9/20  loss 0.412  validation 91.2 %
/// Elsewhere, every so many seconds:
///      45 %  3 s left  epoch  9/20  loss 0.412  validation 91.2 %
class ProgressBar {
public:
    /// `total` steps make the whole; `seconds` are those between two lines where there is no terminal.
    ProgressBar(std::size_t total, double seconds);
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    /// Leaves the bar as it is and goes to the next line.
    ~ProgressBar();

    bool on_terminal() const { return terminal_; }
    /// Whether the last drawing is so long ago that another is wanted.
    bool due() const;
    /// Draws the bar with `done` steps done, the time left, and `text`, for which the bar makes room.
    void draw(std::size_t done, const std::string& text);
    /// A line that stays.
    void write_line(const std::string& text);

private:
    using Clock = std::chrono::steady_clock;

    std::string time_left(std::size_t done) const;

    std::size_t total_;
    bool terminal_;
    std::chrono::duration<double> pause_;  // between two drawings
    bool drawn_ = false;
    Clock::time_point start_ = Clock::now();
    Clock::time_point last_ = start_;
};

}  // namespace examples
