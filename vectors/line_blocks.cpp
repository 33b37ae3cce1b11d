// LineBlocks: what was read behind the last \n of a block begins the next.
#include <embergrad/vectors/line_blocks.hpp>

#include <algorithm>
#include <span>
#include <stdexcept>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kLongestLine = std::size_t{64} << 20;
constexpr std::size_t kBehind = 64;  // bytes behind a block's text that parsers may look at

}  // namespace

bool LineBlocks::next(LineBlock& block) {
    std::vector<char>& bytes = block.bytes_;
    if (bytes.size() < rest_.size()) bytes.resize(rest_.size());
    std::copy(rest_.begin(), rest_.end(), bytes.begin());
    std::size_t size = std::exchange(rest_, {}).size();
    std::size_t line_end = std::string_view::npos;
    while (!ended_ && line_end == std::string_view::npos) {
        require<std::runtime_error>(size < kLongestLine, name_, ": a line of more than ", kLongestLine >> 20, " MiB");
        const std::size_t room =
            std::min(block_bytes_, source_->size().value_or(block_bytes_) + 1);  // small texts are many
        if (bytes.size() < size + room + kBehind) bytes.resize(size + room + kBehind);
        const std::size_t got = source_->read(std::span(bytes).subspan(size, room));
        ended_ = got < room;
        const std::size_t last = std::string_view(bytes.data() + size, got).rfind('\n');
        if (last != std::string_view::npos) line_end = size + last + 1;
        size += got;
    }
    block.size_ = ended_ ? size : line_end;
    rest_.assign(bytes.data() + block.size_, size - block.size_);
    if (block.size_ < bytes.size()) bytes[block.size_] = '\n';  // a digit of before would lengthen the last number
    return block.size_ > 0;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
