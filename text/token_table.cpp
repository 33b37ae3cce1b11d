// Open addressing with linear probing; keys are made for a block of tokens at a time, and their slots fetched ahead.
#include <embergrad/text/token_table.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <exception>
#include <limits>
#include <random>
#include <stdexcept>
#include <utility>

#include <embergrad/engine/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kBlock = 32;  // tokens whose slots are on their way at once
constexpr std::size_t kWhole = 16;  // bytes of a token that an entry holds

template <class Integer>
Integer load(const char* from) {
    Integer value;
    std::memcpy(&value, from, sizeof(Integer));
    return value;
}

/// Up to 8 bytes as one number, different for different bytes of one length: two halves that may overlap.
std::uint64_t pack(std::string_view token) {
    const char* first = token.data();
    const std::size_t n = token.size();
    if (n >= 8) return load<std::uint64_t>(first);
    if (n >= 4) return load<std::uint32_t>(first) | std::uint64_t{load<std::uint32_t>(first + n - 4)} << 32;
    const auto byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(first[i])}; };
    return n == 0 ? 0 : byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16;
}

/// The two halves of a product of 128 bits, folded: every bit of both factors reaches every bit.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t kOdd = 0xd6e8feb86659fd93;

std::uint64_t long_hash(std::string_view token, std::uint64_t secret) {
    std::uint64_t hash = secret ^ token.size();
    for (; token.size() > 8; token.remove_prefix(8)) hash = fold(hash ^ pack(token), kOdd);
    return fold(hash ^ pack(token), kOdd + 2 * token.size());
}

}  // namespace

std::uint64_t process_secret() {
    static const std::uint64_t drawn = [] {
        try {
            std::random_device device;
            return (std::uint64_t{device()} << 32 | device()) | 1;
        } catch (const std::exception&) {  // no source of entropy: the same hashes in every run are no error
            return std::uint64_t{0x9e3779b97f4a7c15};
        }
    }();
    return drawn;
}

TokenTable::Key TokenTable::key_of(std::string_view token) const {
    const std::size_t n = token.size();
    Bytes bytes{0, 0, n};
    if (n <= 8) {
        bytes.low = pack(token);
    } else if (n <= kWhole) {
        bytes.low = pack(token);
        bytes.high = pack(token.substr(n - 8));
    } else {
        bytes.low = long_hash(token, secret_);
    }
    std::uint64_t hash = fold(bytes.low ^ secret_, kOdd + 2 * n);
    if (n > 8) hash = fold(hash ^ bytes.high, kOdd);  // folded, not just added: the secret must reach these bits too
    return {bytes, hash};
}

void TokenTable::prefetch_slot(const Key& key) const { __builtin_prefetch(&slots_[home(key)]); }

void TokenTable::prefetch_entry(const Key& key) const {
    const std::uint32_t number_plus_1 = slots_[home(key)].number_plus_1;
    if (number_plus_1 != 0) __builtin_prefetch(&entries_[number_plus_1 - 1]);
}

std::size_t TokenTable::slot_of(const Key& key, std::string_view token) const {
    const std::size_t mask = slots_.size() - 1;
    const auto tag = static_cast<std::uint32_t>(key.hash >> 32);
    for (std::size_t at = home(key);; at = (at + 1) & mask) {
        const Slot& slot = slots_[at];
        if (slot.number_plus_1 == 0) return at;
        const std::size_t number = slot.number_plus_1 - 1;
        if (slot.tag != tag || entries_[number].bytes != key.bytes) continue;
        if (key.bytes.length <= kWhole || tokens_[number] == token) return at;
    }
}

std::int64_t TokenTable::find(const Key& key, std::string_view token) const {
    return std::int64_t{slots_[slot_of(key, token)].number_plus_1} - 1;
}

std::int64_t TokenTable::find(std::string_view token) const { return slots_.empty() ? -1 : find(key_of(token), token); }

void TokenTable::find(std::span<const std::string_view> tokens, std::span<std::int64_t> numbers) const {
    if (slots_.empty()) return std::fill(numbers.begin(), numbers.end(), -1);
    std::array<Key, kBlock> keys;
    for (std::size_t begin = 0; begin < tokens.size(); begin += kBlock) {
        const std::size_t n = std::min(kBlock, tokens.size() - begin);
        for (std::size_t i = 0; i < n; ++i) prefetch_slot(keys[i] = key_of(tokens[begin + i]));
        for (std::size_t i = 0; i < n; ++i) prefetch_entry(keys[i]);
        for (std::size_t i = 0; i < n; ++i) numbers[begin + i] = find(keys[i], tokens[begin + i]);
    }
}

std::int64_t TokenTable::add(std::string_view token, std::int64_t count) {
    if (!has_room_for(1)) grow();
    Entry& entry = find_or_add(key_of(token), token);
    entry.count += count;
    return &entry - entries_.data();
}

void TokenTable::add(std::span<const std::string_view> tokens) {
    std::array<Key, kBlock> keys;
    for (std::size_t begin = 0; begin < tokens.size(); begin += kBlock) {
        const std::size_t n = std::min(kBlock, tokens.size() - begin);
        if (!has_room_for(n)) grow();
        for (std::size_t i = 0; i < n; ++i) prefetch_slot(keys[i] = key_of(tokens[begin + i]));
        for (std::size_t i = 0; i < n; ++i) prefetch_entry(keys[i]);
        for (std::size_t i = 0; i < n; ++i) ++find_or_add(keys[i], tokens[begin + i]).count;
    }
}

TokenTable::Entry& TokenTable::find_or_add(const Key& key, std::string_view token) {
    Slot& slot = slots_[slot_of(key, token)];
    if (slot.number_plus_1 == 0) {
        require<std::length_error>(size() < std::numeric_limits<std::uint32_t>::max() - 1,
                                   "Vocabulary: more than 2^32 - 2 different tokens");
        tokens_.emplace_back(token);
        entries_.push_back({key.bytes, 0});
        slot = {static_cast<std::uint32_t>(key.hash >> 32), static_cast<std::uint32_t>(tokens_.size())};
    }
    return entries_[slot.number_plus_1 - 1];
}

std::size_t TokenTable::longest_probe() const {
    std::size_t longest = 0;
    for (const std::string& token : tokens_) {
        const Key key = key_of(token);
        const std::size_t distance = slot_of(key, token) - home(key);  // may wrap around
        longest = std::max(longest, 1 + (distance & (slots_.size() - 1)));
    }
    return longest;
}

void TokenTable::reserve(std::size_t tokens) {
    tokens_.reserve(tokens);
    entries_.reserve(tokens);
    const std::size_t slots = std::bit_ceil(tokens + tokens / 2 + kBlock);
    if (slots > slots_.size()) set_slots(slots);
}

void TokenTable::grow() { set_slots(std::max<std::size_t>(128, 2 * slots_.size())); }

void TokenTable::set_slots(std::size_t count) {
    slots_.assign(count, Slot());
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t number = 0; number < size(); ++number) {
        const Key key = key_of(tokens_[number]);
        std::size_t at = home(key);
        while (slots_[at].number_plus_1 != 0) at = (at + 1) & mask;
        slots_[at] = {static_cast<std::uint32_t>(key.hash >> 32), static_cast<std::uint32_t>(number + 1)};
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
