// Tokens numbered in order of arrival, and how often each was met: what a vocabulary is built from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/config.hpp>
#include <embergrad/engine/memory.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// A number drawn once by each process, for hashes.
std::uint64_t process_secret();

/// A vector of tokens and a hash table of their numbers. The table's slots are small (a part of the hash, the number);
/// the bytes of tokens of up to 16 stand beside their counts, so that only longer ones are compared where they are. The
/// frequent tokens of a text are met early: what belongs to them lies together and stays in the cache. Blocks of tokens
/// wait for their cache misses together. Numbers do not depend on hashes, which differ from run to run, so that no text
/// can be written to collide.
class TokenTable {
public:
    std::size_t size() const { return tokens_.size(); }
    const std::string& token(std::size_t number) const { return tokens_[number]; }
    std::int64_t count(std::size_t number) const { return entries_[number].count; }

    /// Makes room for so many tokens in all.
    void reserve(std::size_t tokens);

    /// The token's number, or -1.
    std::int64_t find(std::string_view token) const;
    /// numbers[i] = find(tokens[i])
    void find(std::span<const std::string_view> tokens, std::span<std::int64_t> numbers) const;
    /// The token's number; a new one gets the next. Adds to its count.
    /// Throws std::length_error beyond 2^32 - 2 tokens.
    std::int64_t add(std::string_view token, std::int64_t count);
    /// add(token, 1) for each, in this order.
    void add(std::span<const std::string_view> tokens);
    /// How many slots a look-up touches at most. (For tests: it stays small whatever the tokens are.)
    std::size_t longest_probe() const;

private:
    /// Up to 16 bytes of a token, whole; of a longer one, its hash.
    struct Bytes {
        std::uint64_t low, high, length;
        bool operator==(const Bytes&) const = default;
    };
    struct Key {
        Bytes bytes;
        std::uint64_t hash;
    };
    struct Slot {
        std::uint32_t tag = 0;            // the upper half of the hash
        std::uint32_t number_plus_1 = 0;  // 0: free
    };
    struct Entry {
        Bytes bytes;
        std::int64_t count;
    };

    Key key_of(std::string_view token) const;
    std::size_t home(const Key& key) const { return key.hash & (slots_.size() - 1); }
    void prefetch_slot(const Key& key) const;
    void prefetch_entry(const Key& key) const;
    /// The slot that holds the token, or the free one where it would go.
    std::size_t slot_of(const Key& key, std::string_view token) const;
    std::int64_t find(const Key& key, std::string_view token) const;
    Entry& find_or_add(const Key& key, std::string_view token);
    bool has_room_for(std::size_t more) const { return 3 * (size() + more) <= 2 * slots_.size(); }
    void grow();
    void set_slots(std::size_t count);

    std::uint64_t secret_ = process_secret();
    std::vector<std::string> tokens_;
    std::vector<Entry, Allocator<Entry>> entries_;
    std::vector<Slot, Allocator<Slot>>
        slots_;  // a power of two, at most 2/3 in use; a token sits at home or next to it
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
