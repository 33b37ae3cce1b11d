// VectorTally: what the options say of bad lines, the limit and progress is done here, once for all formats.
#include <embergrad/vectors/tally.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kReportedBadLines = 10;

}  // namespace

void VectorBlock::clear() {
    lines = unwanted = 0;
    words.clear();
    numbers.clear();
    bad.clear();
}

void VectorBlock::keep(std::string_view word) {
    words.push_back(word);
    numbers.push_back(lines);
}

void VectorBlock::refuse(std::string reason) { bad.push_back({lines, std::move(reason)}); }

VectorTally::VectorTally(const std::string& name, const WordVectorsOptions& options, VectorSink& sink,
                         VectorFormat format)
    : name_(name), options_(options), sink_(sink) {
    report.format = format;
}

void VectorTally::take(VectorBlock& block) {
    const std::size_t added = add(block.words, block.vectors.data());
    if (full()) block.lines = added > 0 ? block.numbers[added - 1] : 0;  // the rest was not to be read
    for (WordVectorsReport::BadLine& bad : block.bad) {
        if (bad.number <= block.lines) refuse(report.lines + bad.number, std::move(bad.reason));
    }
    good_ += added + block.unwanted;
    report.lines += block.lines;
}

/// Gives how many of the words were looked at: fewer than all if the limit was reached.
std::size_t VectorTally::add(std::span<const std::string_view> words, const Real* vectors) {
    std::size_t looked_at = 0;
    while (looked_at < words.size() && !full()) {  // more than once only if there are duplicates near the limit
        const auto some = words.subspan(looked_at, std::min(words.size() - looked_at, options_.limit - kept_));
        const std::size_t fresh = sink_.add(some, vectors + looked_at * sink_.dimension());
        report.duplicates += some.size() - fresh;
        kept_ += fresh;
        looked_at += some.size();
    }
    return looked_at;
}

void VectorTally::refuse(std::size_t number, std::string reason) {
    if (!options_.skip_bad_lines) fail<std::runtime_error>(name_, ":", number, ": ", reason);
    ++report.bad_lines;
    if (report.first_bad_lines.size() < kReportedBadLines)
        report.first_bad_lines.push_back({number, std::move(reason)});
}

void VectorTally::wrong_header(std::string what, std::optional<std::size_t> line) {
    const std::string place = line ? ":" + std::to_string(*line) : "";
    require<std::runtime_error>(options_.skip_bad_lines, name_, place, ": ", what);
    report.wrong_header = std::move(what);
}

void VectorTally::done(std::size_t bytes, std::optional<double> fraction) {
    report.bytes += bytes;
    const bool go_on = !options_.on_progress || options_.on_progress({kept_, report.bytes, fraction});
    require<std::runtime_error>(go_on, name_, ": stopped after ", kept_, " words");
}

void VectorTally::check_any_good(const std::string& unit) const {
    if (good_ > 0 || full()) return;
    require<std::runtime_error>(report.bad_lines > 0, name_, ": there are no vectors in it: ", report.wrong_header);
    const WordVectorsReport::BadLine& bad = report.first_bad_lines.front();
    fail<std::runtime_error>(name_, ": all ", unit, "s are bad, the first of them ", unit, " ", bad.number, ": ",
                             bad.reason);
}

std::string what_is_not_finite(const Real* vector, std::size_t d) {
    const Real* const found = std::find_if(vector, vector + d, [](Real x) { return !std::isfinite(x); });
    return found == vector + d ? "" : "value " + std::to_string(found - vector + 1) + " is not finite";
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
