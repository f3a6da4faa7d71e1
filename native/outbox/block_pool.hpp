// The memory of an outbox: equal blocks that channels take and give back one by one.
//
// Why blocks and not one ring: a ring can only be reused from its oldest entry on, so a single
// slow channel would hold the space of all others. And not a ring per channel: each would have to
// be sized for its own worst case. Here a channel holds what it needs, to the block.
//
// Blocks are known by index and chained by a word inside of them; the block given back last is
// taken first, because it is still in the cache. Everything is reserved at open: no allocation
// afterwards. Never more than the limit: take() CHECKs, so the caller asks free_count() before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "base/mapped_region.hpp"

namespace hotpair::outbox {

using BlockIndex = std::uint32_t;
inline constexpr BlockIndex kNoBlock = 0xffff'ffff;

// One page. At half, an output of 1 KiB would lie in two blocks every second time; at double, a
// thousand channels with one small output each would hold 8 MB instead of 4.
inline constexpr std::size_t kBlockBytes = 4096;
// The link to the next block, padded so that what follows is aligned to 16.
inline constexpr std::size_t kBlockLinkBytes = 16;
inline constexpr std::size_t kBlockPayload = kBlockBytes - kBlockLinkBytes;

class BlockPool {
 public:
  // Reserves the whole blocks that fit into `limit_bytes`, which is at least one block.
  static Result<BlockPool> open(std::size_t limit_bytes) noexcept;

  BlockIndex take() noexcept;
  void give_back(BlockIndex block) noexcept;

  std::size_t free_count() const noexcept { return block_count_ - used_count_; }
  std::size_t used_count() const noexcept { return used_count_; }

  std::uint8_t* payload(BlockIndex block) const noexcept { return at(block) + kBlockLinkBytes; }
  BlockIndex next(BlockIndex block) const noexcept;
  void set_next(BlockIndex block, BlockIndex next) noexcept;

 private:
  BlockPool(MappedRegion region, std::size_t block_count) noexcept
      : region_(std::move(region)), block_count_(block_count) {}

  std::uint8_t* at(BlockIndex block) const noexcept {
    CHECK(block < touched_count_);
    return region_.data() + block * kBlockBytes;
  }

  MappedRegion region_;
  std::size_t block_count_;
  // Blocks held by channels; never above block_count_.
  std::size_t used_count_ = 0;
  // Blocks that were ever taken, so that untouched pages cost nothing; never below used_count_.
  std::size_t touched_count_ = 0;
  // The chain of blocks that were given back.
  BlockIndex first_free_ = kNoBlock;
};

}  // namespace hotpair::outbox
