// The entries of one channel, oldest first, in a chain of blocks.
//
//   first block                 next block
//   +----+--------------------+ +----+--------------------+
//   |link| ... |entry n |entry| |link| n+1 cont. | ....   |
//   +----+-----^--------------+ +----+-----------^--------+
//              head                              tail
//
// An entry is a header of 16 bytes, then its bytes, padded to 16. So a header never lies in two
// blocks, while bytes may: nothing outside is ever given a pointer to them, they are copied in and
// out. The queue does not own its pool: both belong to one Outbox, which passes it to each call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "outbox/block_pool.hpp"

namespace hotpair::outbox {

struct EntryHeader {
  std::uint32_t length;
  std::uint32_t digest;
  // The output's number, written to be checked when the entry is read.
  std::uint64_t number;
};
static_assert(sizeof(EntryHeader) == 16 && kBlockPayload % sizeof(EntryHeader) == 0);

// The bytes that an entry of `length` stored bytes takes of the blocks' payload.
constexpr std::size_t entry_bytes(std::size_t length) noexcept {
  return sizeof(EntryHeader) + ((length + 15) & ~std::size_t{15});
}

// A place in the chain. `offset` may be kBlockPayload, which means the beginning of the next block.
struct Position {
  BlockIndex block = kNoBlock;
  std::uint32_t offset = 0;
};

class EntryQueue {
 public:
  bool is_empty() const noexcept { return head_.block == kNoBlock; }

  // Bytes that still fit into the last block.
  std::size_t room() const noexcept { return is_empty() ? 0 : kBlockPayload - tail_.offset; }

  // Adds an entry of `header` and `data`; `data` is empty for an entry that stores none.
  // Requires: the pool has the blocks for what of entry_bytes(data.size()) is over room().
  void push(BlockPool& pool, const EntryHeader& header,
            std::span<const std::uint8_t> data) noexcept {
    const std::size_t size = entry_bytes(data.size());
    if (size > room()) return push_over(pool, header, data);
    std::uint8_t* to = pool.payload(tail_.block) + tail_.offset;
    std::memcpy(to, &header, sizeof header);
    if (!data.empty()) std::memcpy(to + sizeof header, data.data(), data.size());
    tail_.offset += static_cast<std::uint32_t>(size);
  }

  // The oldest entry. Requires: not empty.
  EntryHeader front(const BlockPool& pool) const noexcept { return header_at(pool, head_); }

  // Drops the oldest entry, which stores `stored` bytes. Requires: not empty.
  void pop(BlockPool& pool, std::size_t stored) noexcept {
    const std::size_t size = entry_bytes(stored);
    // Behind it lies more in the same block, so the block stays.
    const bool stays = !is_empty() && size < kBlockPayload - head_.offset &&
                       (head_.block != tail_.block || size < tail_.offset - head_.offset);
    if (!stays) return pop_over(pool, stored);
    head_.offset += static_cast<std::uint32_t>(size);
  }

  // Drops all.
  void clear(BlockPool& pool) noexcept;

  // Reading in order: from head() on, each entry's header, bytes and successor. A position is dead
  // as soon as its entry or the one before it was popped.
  Position head() const noexcept { return head_; }
  static EntryHeader header_at(const BlockPool& pool, Position at) noexcept {
    const Position place = settle(pool, at);
    EntryHeader header;
    std::memcpy(&header, pool.payload(place.block) + place.offset, sizeof header);
    return header;
  }
  static void copy_data(const BlockPool& pool, Position at, std::span<std::uint8_t> into) noexcept;
  static Position after(const BlockPool& pool, Position at, std::size_t bytes) noexcept;

 private:
  // The same place, expressed in the block where its bytes lie.
  static Position settle(const BlockPool& pool, Position at) noexcept {
    if (at.offset < kBlockPayload) return at;
    return {pool.next(at.block), 0};
  }

  // push and pop in general: over the end of a block, or to the end of the queue.
  void push_over(BlockPool& pool, const EntryHeader& header,
                 std::span<const std::uint8_t> data) noexcept;
  void pop_over(BlockPool& pool, std::size_t stored) noexcept;

  // Both without a block when empty.
  Position head_;
  Position tail_;
};

}  // namespace hotpair::outbox
