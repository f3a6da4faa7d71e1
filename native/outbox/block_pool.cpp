// Takes and gives back blocks; see block_pool.hpp.
#include "outbox/block_pool.hpp"

#include <cstring>
#include <utility>

namespace hotpair::outbox {

Result<BlockPool> BlockPool::open(std::size_t limit_bytes) noexcept {
  const std::size_t block_count = limit_bytes / kBlockBytes;
  CHECK(block_count > 0 && block_count < kNoBlock);
  Result<MappedRegion> region =
      MappedRegion::open(block_count * kBlockBytes, "reserving the outbox");
  if (!region.ok()) return region.error();
  return BlockPool(std::move(region).value(), block_count);
}

BlockIndex BlockPool::take() noexcept {
  CHECK(free_count() > 0);
  BlockIndex block = first_free_;
  if (block == kNoBlock) {
    block = static_cast<BlockIndex>(touched_count_++);
  } else {
    first_free_ = next(block);
  }
  ++used_count_;
  CHECK(used_count_ <= touched_count_ && touched_count_ <= block_count_);
  set_next(block, kNoBlock);
  return block;
}

void BlockPool::give_back(BlockIndex block) noexcept {
  CHECK(used_count_ > 0);
  --used_count_;
  set_next(block, first_free_);
  first_free_ = block;
}

BlockIndex BlockPool::next(BlockIndex block) const noexcept {
  BlockIndex next;
  std::memcpy(&next, at(block), sizeof next);
  return next;
}

void BlockPool::set_next(BlockIndex block, BlockIndex next) noexcept {
  std::memcpy(at(block), &next, sizeof next);
}

}  // namespace hotpair::outbox
