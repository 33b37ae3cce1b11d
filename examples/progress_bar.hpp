// A progress bar on the terminal. Where standard error is none (a pipe, a file) it stays away.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace examples {

/// One line on standard error, drawn over and over:
///     [########............] 3 s left  epoch  9/20  loss 0.412  accuracy 91.2 %
class ProgressBar {
public:
    /// `total` steps make the whole.
    explicit ProgressBar(std::size_t total);
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    /// Leaves the line as it is and goes to the next.
    ~ProgressBar();

    /// Whether there is a terminal to draw on.
    bool visible() const { return visible_; }
    /// Whether the last drawing is so long ago that an eye would see another.
    bool due() const;
    /// Draws the bar with `done` steps done, the time left, and `text` (cut at the edge of the terminal).
    void draw(std::size_t done, const std::string& text);

private:
    using Clock = std::chrono::steady_clock;

    std::string time_left(std::size_t done) const;

    std::size_t total_;
    bool visible_;
    bool drawn_ = false;
    Clock::time_point start_ = Clock::now();
    Clock::time_point last_ = start_;
};

}  // namespace examples
