// TokenTable: open addressing with linear probing; the slots of a block of tokens are prefetched together.
#include <embergrad/text/token_table.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <exception>
#include <limits>
#include <random>
#include <stdexcept>
#include <utility>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kBlock = 64;         // tokens whose slots are prefetched together
constexpr std::size_t kWhole = 16;         // bytes of a token that a slot holds
constexpr std::size_t kFewestSlots = 128;  // twice as many always have room for a block more
static_assert(3 * kBlock <= 2 * kFewestSlots);

static_assert(std::endian::native == std::endian::little, "keys of tokens are made of bytes in this order");

/// The first 8 bytes as one number, fewer filled up with zeros: put together from loads that may overlap.
std::uint64_t pack(std::string_view token) {
    const char* first = token.data();
    const std::size_t n = token.size();
    if (n >= 8) return load<std::uint64_t>(first);
    if (n >= 4) return load<std::uint32_t>(first) | std::uint64_t{load<std::uint32_t>(first + n - 4)} << 8 * (n - 4);
    const auto byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(first[i])} << 8 * i; };
    return n == 0 ? 0 : byte(0) | byte(n / 2) | byte(n - 1);
}

/// The first n bytes of 8, all of them for a larger n; zeros above them.
std::uint64_t first_bytes(std::uint64_t bytes, std::size_t n) {
    return n >= 8 ? bytes : bytes & ((std::uint64_t{1} << 8 * n) - 1);
}

__extension__ using Wide = unsigned __int128;

/// The two halves of a product of 128 bits, folded: every bit of both factors reaches every bit.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t kOdd = 0xd6e8feb86659fd93;

std::uint64_t long_hash(std::string_view token, std::uint64_t secret) {
    std::uint64_t hash = secret ^ token.size();
    for (; token.size() > 8; token.remove_prefix(8)) hash = fold(hash ^ pack(token), kOdd);
    return fold(hash ^ pack(token), kOdd + 2 * token.size());
}

void check_token_count(std::size_t tokens) {
    require<std::length_error>(tokens < std::numeric_limits<std::uint32_t>::max(),
                               "Vocabulary: more than 2^32 - 2 different tokens");
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

std::uint64_t TokenTable::hash_of(std::uint64_t low, std::uint64_t high, std::uint32_t length) const {
    const std::uint64_t hash = fold(low ^ secret_, kOdd + 2 * std::uint64_t{length});
    return fold(hash ^ high, kOdd);  // folded, not just added: the secret must reach these bits too
}

TokenTable::Key TokenTable::key_of(std::string_view token, ReadableMemory memory) const {
    const char* const first = token.data();
    const std::size_t n = token.size();
    std::uint64_t low, high = 0;
    if (n > kWhole) {
        low = long_hash(token, secret_);
    } else if (memory.holds(first, kWhole)) {  // no branch on the length
        low = first_bytes(load<std::uint64_t>(first), n);
        high = first_bytes(load<std::uint64_t>(first + 8), n > 8 ? n - 8 : 0);
    } else {
        low = pack(token);
        if (n > 8) high = pack(token.substr(n - 8)) >> 8 * (kWhole - n);
    }
    const auto length = static_cast<std::uint32_t>(std::min<std::size_t>(n, std::numeric_limits<std::uint32_t>::max()));
    return {low, high, length, hash_of(low, high, length)};
}

/// The hash's share of the slots: their number need not be a power of two (Lemire, "Fast Random Integer Generation in
/// an Interval", 2019).
std::size_t TokenTable::home(std::uint64_t hash) const {
    return static_cast<std::size_t>(static_cast<Wide>(hash) * slots_.size() >> 64);
}

std::size_t TokenTable::slot_of(const Key& key, std::string_view token) const {
    for (std::size_t at = home(key.hash);; at = after(at)) {
        const Slot& slot = slots_[at];
        if (slot.number_plus_1 == 0) return at;
        if (slot.holds(key) && (key.length <= kWhole || tokens_[slot.number_plus_1 - 1].text == token)) return at;
    }
}

/// Where a new token of this hash would go.
std::size_t TokenTable::free_slot(std::uint64_t hash) const {
    std::size_t at = home(hash);
    while (slots_[at].number_plus_1 != 0) at = after(at);
    return at;
}

std::int64_t TokenTable::find(const Key& key, std::string_view token) const {
    return std::int64_t{slots_[slot_of(key, token)].number_plus_1} - 1;
}

std::int64_t TokenTable::find(std::string_view token) const { return slots_.empty() ? -1 : find(key_of(token), token); }

void TokenTable::find(std::span<const std::string_view> tokens, std::span<std::int64_t> numbers,
                      ReadableMemory memory) const {
    if (slots_.empty()) return std::fill(numbers.begin(), numbers.end(), -1);
    std::array<Key, kBlock> keys;
    for (std::size_t begin = 0; begin < tokens.size(); begin += kBlock) {
        const std::size_t n = std::min(kBlock, tokens.size() - begin);
        make_keys(tokens.subspan(begin, n), memory, keys);
        for (std::size_t i = 0; i < n; ++i) numbers[begin + i] = find(keys[i], tokens[begin + i]);
    }
}

std::int64_t TokenTable::add(std::string_view token, std::int64_t count) {
    if (!has_room_for(1)) grow();
    Slot& slot = find_or_add(key_of(token), token);
    slot.count += count;
    return std::int64_t{slot.number_plus_1} - 1;
}

void TokenTable::add(std::span<const std::string_view> tokens, ReadableMemory memory) {
    std::array<Key, kBlock> keys;
    for (std::size_t begin = 0; begin < tokens.size(); begin += kBlock) {
        const std::size_t n = std::min(kBlock, tokens.size() - begin);
        if (!has_room_for(n)) grow();
        make_keys(tokens.subspan(begin, n), memory, keys);
        for (std::size_t i = 0; i < n; ++i) ++find_or_add(keys[i], tokens[begin + i]).count;
    }
}

void TokenTable::make_keys(std::span<const std::string_view> tokens, ReadableMemory memory, std::span<Key> keys) const {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        keys[i] = key_of(tokens[i], memory);
        __builtin_prefetch(&slots_[home(keys[i].hash)]);
    }
}

TokenTable::Slot& TokenTable::find_or_add(const Key& key, std::string_view token) {
    const std::size_t place = slot_of(key, token);
    Slot& slot = slots_[place];
    if (slot.number_plus_1 == 0) {
        check_token_count(size() + 1);
        tokens_.push_back({place, std::string(token)});
        slot = {key.low, key.high, key.length, static_cast<std::uint32_t>(size()), 0};
    }
    return slot;
}

void TokenTable::append(const TokenTable& from, std::span<const std::size_t> numbers) {
    check_token_count(size() + numbers.size());
    reserve(size() + numbers.size());
    std::array<const Slot*, kBlock> sources;
    for (std::size_t begin = 0; begin < numbers.size(); begin += kBlock) {
        const std::span block = numbers.subspan(begin, std::min(kBlock, numbers.size() - begin));
        for (const std::size_t number : block) __builtin_prefetch(&from.tokens_[number]);
        for (std::size_t i = 0; i < block.size(); ++i) {
            sources[i] = &from.slots_[from.tokens_[block[i]].place];
            __builtin_prefetch(sources[i]);
        }
        for (std::size_t i = 0; i < block.size(); ++i) __builtin_prefetch(&slots_[home(hash_of(*sources[i]))]);
        for (std::size_t i = 0; i < block.size(); ++i) append(*sources[i], from.tokens_[block[i]].text);
    }
}

void TokenTable::append(Slot slot, const std::string& token) {
    const std::size_t place = free_slot(hash_of(slot));
    tokens_.push_back({place, token});
    slot.number_plus_1 = static_cast<std::uint32_t>(size());
    slots_[place] = slot;
}

std::size_t TokenTable::longest_probe() const {
    std::size_t longest = 0;
    for (const Token& token : tokens_) {
        const std::size_t from = home(hash_of(slots_[token.place]));
        longest = std::max(longest, 1 + token.place - from + (token.place < from ? slots_.size() : 0));
    }
    return longest;
}

double TokenTable::load_factor() const {
    return slots_.empty() ? 0 : static_cast<double>(size()) / static_cast<double>(slots_.size());
}

void TokenTable::reserve(std::size_t tokens) {
    tokens_.reserve(tokens);
    const std::size_t slots = std::max(kFewestSlots, 2 * tokens);
    if (slots > slots_.size()) set_slots(slots);
}

void TokenTable::make_room(std::size_t more, std::size_t expected) {
    constexpr std::size_t few = std::size_t{1} << 19, step = 16;
    const std::size_t needed = size() + more;
    if (needed > tokens_.capacity() && needed <= expected) reserve(std::min(expected, std::max(few, step * needed)));
}

void TokenTable::grow() { set_slots(std::max(kFewestSlots, 2 * slots_.size())); }

void TokenTable::set_slots(std::size_t count) {
    auto before = std::exchange(slots_, decltype(slots_)(count));
    for (Token& token : tokens_) {  // in the order of arrival
        const Slot& slot = before[token.place];
        token.place = free_slot(hash_of(slot));
        slots_[token.place] = slot;
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
