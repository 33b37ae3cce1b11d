// TokenTable: tokens numbered in order of arrival, and their counts; what a vocabulary is built from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <embergrad/engine/system/config.hpp>
#include <embergrad/engine/system/memory.hpp>
#include <embergrad/text/readable_memory.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// A number drawn once by each process, for hashes.
std::uint64_t process_secret();

/// A vector of tokens and a hash table of their numbers. All that a look-up compares, and the count, lie in one slot,
/// so that it mostly costs one cache miss, and those of a block of tokens overlap. Only tokens of more than 16 bytes
/// are compared in the vector. Frequent tokens are met early and sit where their probe begins. Hashes differ from run
/// to run, so that no text can be written to collide; numbers do not depend on them.
///
/// Tokens may come with the memory that all of them lie in: that makes their keys faster.
class TokenTable {
public:
    TokenTable() = default;
    TokenTable(const TokenTable&) = default;
    TokenTable(TokenTable&&) = default;
    /// One that is moved to itself keeps its tokens.
    TokenTable& operator=(TokenTable other) noexcept {
        std::swap(secret_, other.secret_);
        tokens_.swap(other.tokens_);
        slots_.swap(other.slots_);
        return *this;
    }
    ~TokenTable() = default;

    std::size_t size() const { return tokens_.size(); }
    const std::string& token(std::size_t number) const { return tokens_[number].text; }
    std::int64_t count(std::size_t number) const { return slots_[tokens_[number].place].count; }

    /// Makes room for so many tokens in all.
    void reserve(std::size_t tokens);
    /// Makes room for so many more where `expected` in all are promised: for half a million (some 50 MB), then for 16
    /// times what is needed. Memory is bounded by the tokens that have come, and hardly any of them is moved twice.
    void make_room(std::size_t more, std::size_t expected);

    /// The token's number, or -1.
    std::int64_t find(std::string_view token) const;
    /// numbers[i] = find(tokens[i])
    void find(std::span<const std::string_view> tokens, std::span<std::int64_t> numbers,
              ReadableMemory memory = {}) const;
    /// The token's number; a new one gets the next. Adds to its count.
    /// Throws std::length_error beyond 2^32 - 2 tokens.
    std::int64_t add(std::string_view token, std::int64_t count);
    /// add(token, 1) for each, in this order.
    void add(std::span<const std::string_view> tokens, ReadableMemory memory = {});
    /// Adds different tokens of another table, with their counts, in this order. None may be here already.
    /// Throws std::length_error as add() does.
    void append(const TokenTable& from, std::span<const std::size_t> numbers);
    /// For tests: how many slots the look-up of a token that is here touches at most, and the part of them in use.
    std::size_t longest_probe() const;
    double load_factor() const;

private:
    /// Up to 16 bytes of a token, whole and filled up with zeros; of a longer one, its hash.
    struct Key {
        std::uint64_t low, high;
        std::uint32_t length;  // cut at 2^32 - 1: tokens of more than 16 bytes are compared where they are
        std::uint64_t hash;
    };
    struct Slot {
        std::uint64_t low = 0, high = 0;
        std::uint32_t length = 0;
        std::uint32_t number_plus_1 = 0;  // 0: free
        std::int64_t count = 0;

        bool holds(const Key& key) const {  // one branch, not three
            return ((low ^ key.low) | (high ^ key.high) | (length ^ key.length)) == 0;
        }
    };
    static_assert(sizeof(Slot) == 32);  // half a cache line: no slot lies in two
    struct Token {
        std::size_t place;  // of its slot
        std::string text;
    };

    Key key_of(std::string_view token, ReadableMemory memory = {}) const;
    /// Keys of at most a block of tokens; their slots are prefetched.
    void make_keys(std::span<const std::string_view> tokens, ReadableMemory memory, std::span<Key> keys) const;
    std::uint64_t hash_of(std::uint64_t low, std::uint64_t high, std::uint32_t length) const;
    std::uint64_t hash_of(const Slot& slot) const { return hash_of(slot.low, slot.high, slot.length); }
    std::size_t home(std::uint64_t hash) const;
    std::size_t after(std::size_t place) const { return place + 1 < slots_.size() ? place + 1 : 0; }
    /// The slot that holds the token, or the free one where it would go.
    std::size_t slot_of(const Key& key, std::string_view token) const;
    std::size_t free_slot(std::uint64_t hash) const;
    std::int64_t find(const Key& key, std::string_view token) const;
    Slot& find_or_add(const Key& key, std::string_view token);
    void append(Slot slot, const std::string& token);
    bool has_room_for(std::size_t more) const { return 3 * (size() + more) <= 2 * slots_.size(); }
    void grow();
    void set_slots(std::size_t count);

    std::uint64_t secret_ = process_secret();  // that of all tables: append() takes keys over
    std::vector<Token> tokens_;
    std::vector<Slot, Allocator<Slot>> slots_;  // at most 2/3 in use; a token sits in the first free one from home on
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
