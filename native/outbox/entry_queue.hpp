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

  // Blocks that `bytes` of entries more would take from the pool.
  std::size_t blocks_for(std::size_t bytes) const noexcept;

  // Adds an entry of `header` and `data`; `data` is empty for an entry that stores none.
  // Requires: the pool has blocks_for(entry_bytes(data.size())) free blocks.
  void push(BlockPool& pool, const EntryHeader& header,
            std::span<const std::uint8_t> data) noexcept;

  // The oldest entry. Requires: not empty.
  EntryHeader front(const BlockPool& pool) const noexcept { return header_at(pool, head_); }

  // Drops the oldest entry, which stores `stored` bytes. Requires: not empty.
  void pop(BlockPool& pool, std::size_t stored) noexcept;

  // Drops all.
  void clear(BlockPool& pool) noexcept;

  // Reading in order: from head() on, each entry's header, bytes and successor. A position is dead
  // as soon as its entry or the one before it was popped.
  Position head() const noexcept { return head_; }
  static EntryHeader header_at(const BlockPool& pool, Position at) noexcept;
  static void copy_data(const BlockPool& pool, Position at, std::span<std::uint8_t> into) noexcept;
  static Position after(const BlockPool& pool, Position at, std::size_t bytes) noexcept;

 private:
  // Both without a block when empty.
  Position head_;
  Position tail_;
};

}  // namespace hotpair::outbox
