// PageBatch: packets of pages in one buffer, ready to be sent by one call.
//
// Neighbouring pages go into one packet, pages of zeros into a packet without a body. A page is
// copied, and then digested while the copy is hot; from then on only the copy counts, so it does
// not matter that the page itself may be written meanwhile. Belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mapped_region.hpp"
#include "base/result.hpp"
#include "snapshot/move_layout.hpp"
#include "snapshot/page_hash.hpp"

namespace hotpair::snapshot {

class PageBatch {
 public:
  // `hash` outlives it.
  static Result<PageBatch> open(const PageHash& hash) noexcept;

  // Requires: !is_full().
  // Returns the digest. `from` may be written meanwhile.
  std::uint64_t add(std::size_t page, std::uint32_t round, const std::uint8_t* from) noexcept;
  // Ends the packet under way; then bytes() is what is to be sent. Idempotent.
  void seal() noexcept;
  bool is_full() const noexcept { return page_count_ == kMostPages; }
  bool is_empty() const noexcept { return used_ == 0 && run_.count == 0; }
  // Pages that were added since clear().
  std::size_t page_count() const noexcept { return page_count_; }
  std::span<const std::uint8_t> bytes() const noexcept { return buffer_.bytes().first(used_); }
  void clear() noexcept;

 private:
  // As many as one packet may have, so that a call sends one full packet or several small ones.
  static constexpr std::size_t kMostPages = kMostChunkPages;
  static constexpr std::size_t kBufferBytes = kMostPages * (kMoveHeaderBytes + kPageBytes);

  PageBatch(const PageHash& hash, MappedRegion buffer) noexcept;

  const PageHash* hash_;
  MappedRegion buffer_;
  // Bytes of whole packets.
  std::size_t used_ = 0;
  // Pages in the batch, those of zeros too.
  std::size_t page_count_ = 0;
  // The packet under way: its header will stand at used_, its pages stand behind that.
  PageRange run_;
  bool is_zero_run_ = false;
  std::uint32_t round_ = 0;
  std::array<std::uint8_t, 8 * kMostPages> run_digests_{};
};

}  // namespace hotpair::snapshot
