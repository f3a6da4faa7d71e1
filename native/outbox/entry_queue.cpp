// Copies entries into and out of chains of blocks; see entry_queue.hpp.
#include "outbox/entry_queue.hpp"

#include <algorithm>
#include <cstring>

namespace hotpair::outbox {

void EntryQueue::push_over(BlockPool& pool, const EntryHeader& header,
                           std::span<const std::uint8_t> data) noexcept {
  if (is_empty()) {
    head_ = tail_ = {pool.take(), 0};
  }
  // What remains to be stored, block by block: the header first, then the bytes.
  std::size_t left = entry_bytes(data.size());
  bool has_header = false;
  while (left > 0) {
    if (tail_.offset == kBlockPayload) {
      const BlockIndex block = pool.take();
      pool.set_next(tail_.block, block);
      tail_ = {block, 0};
    }
    std::uint8_t* to = pool.payload(tail_.block) + tail_.offset;
    if (!has_header) {
      std::memcpy(to, &header, sizeof header);
      has_header = true;
      left -= sizeof header;
      tail_.offset += static_cast<std::uint32_t>(sizeof header);
      continue;
    }
    const std::size_t step = std::min(left, kBlockPayload - tail_.offset);
    const std::size_t copied = std::min(step, data.size());
    std::memcpy(to, data.data(), copied);
    data = data.subspan(copied);
    left -= step;
    tail_.offset += static_cast<std::uint32_t>(step);
  }
  CHECK(data.empty());
}

void EntryQueue::pop_over(BlockPool& pool, std::size_t stored) noexcept {
  CHECK(!is_empty());
  std::size_t left = entry_bytes(stored);
  while (left > 0) {
    if (head_.offset == kBlockPayload) {
      const BlockIndex left_behind = head_.block;
      head_ = settle(pool, head_);
      pool.give_back(left_behind);
      CHECK(head_.block != kNoBlock);
    }
    const std::size_t step = std::min(left, kBlockPayload - head_.offset);
    head_.offset += static_cast<std::uint32_t>(step);
    left -= step;
  }
  if (head_.block == tail_.block && head_.offset == tail_.offset) {
    pool.give_back(head_.block);
    head_ = tail_ = {};
  } else if (head_.offset == kBlockPayload) {
    const BlockIndex left_behind = head_.block;
    head_ = settle(pool, head_);
    pool.give_back(left_behind);
  }
}

void EntryQueue::clear(BlockPool& pool) noexcept {
  for (BlockIndex block = head_.block; block != kNoBlock;) {
    const BlockIndex next = block == tail_.block ? kNoBlock : pool.next(block);
    pool.give_back(block);
    block = next;
  }
  head_ = tail_ = {};
}

void EntryQueue::copy_data(const BlockPool& pool, Position at,
                           std::span<std::uint8_t> into) noexcept {
  Position from = after(pool, at, sizeof(EntryHeader));
  while (!into.empty()) {
    from = settle(pool, from);
    const std::size_t step = std::min(into.size(), kBlockPayload - from.offset);
    std::memcpy(into.data(), pool.payload(from.block) + from.offset, step);
    into = into.subspan(step);
    from.offset += static_cast<std::uint32_t>(step);
  }
}

Position EntryQueue::after(const BlockPool& pool, Position at, std::size_t bytes) noexcept {
  while (bytes > 0) {
    at = settle(pool, at);
    const std::size_t step = std::min(bytes, kBlockPayload - at.offset);
    at.offset += static_cast<std::uint32_t>(step);
    bytes -= step;
  }
  return at;
}

}  // namespace hotpair::outbox
