// LineReader: the file is read whole; a line is the part up to the next \n.
#include <embergrad/text/line_reader.hpp>

#include <algorithm>

#include <embergrad/engine/system/file.hpp>
#include <embergrad/text/utf8.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

LineReader::LineReader(const std::string& path) : path_(path), text_(read_file(path)) {}

std::optional<std::string_view> LineReader::next() {
    ++number_;
    if (position_ == text_.size()) return std::nullopt;
    const std::size_t end = std::min(text_.find('\n', position_), text_.size());
    const std::string_view line = std::string_view(text_).substr(position_, end - position_);
    complete_ = end < text_.size();
    position_ = complete_ ? end + 1 : end;
    return line;
}

std::optional<std::string_view> LineReader::next_text() {
    std::optional<std::string_view> line = next();
    if (line && number_ == 1) line = without_byte_order_mark(*line);
    if (line && line->ends_with('\r')) line->remove_suffix(1);
    return line;
}

void LineReader::rewind() {
    position_ = number_ = 0;
    complete_ = true;
}

std::string in_quotes(std::string_view text) {
    constexpr std::size_t longest = 60;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result = "\"";
    while (!text.empty() && result.size() < longest) {
        const auto byte = static_cast<unsigned char>(text.front());
        const CodePoint point = first_code_point(text);
        const bool is_control = point.value < ' ' || (point.value >= 0x7F && point.value < 0xA0);
        const bool printable = point.length > 0 && !is_control;
        if (printable)
            result += text.substr(0, point.length);
        else
            result += {'\\', 'x', digits[byte / 16], digits[byte % 16]};
        text.remove_prefix(printable ? point.length : 1);
    }
    return result + (text.empty() ? "\"" : "...\"");
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
