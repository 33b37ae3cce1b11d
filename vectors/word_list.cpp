// WordList: the first line says whether the file is a vocabulary or a list.
#include <embergrad/vectors/word_list.hpp>

#include <cstdint>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

WordList::WordList(const std::string& path) : lines_(path) {
    while (const std::optional<std::string_view> line = lines_.next_text()) {
        if (words_.empty() && begins_vocabulary(*line)) {
            take_vocabulary();
            break;
        }
        if (line->empty()) lines_.fail("an empty line, where the word of row ", words_.size(), " should be");
        words_.push_back(*line);
    }
}

void WordList::take_vocabulary() {
    lines_.rewind();
    vocabulary_ = Vocabulary::load(lines_);
    for (std::size_t id = 0; id < vocabulary_->size(); ++id)
        words_.push_back(vocabulary_->token(static_cast<std::int64_t>(id)));
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
