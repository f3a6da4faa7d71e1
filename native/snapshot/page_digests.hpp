// PageDigests: the digest of each page of a region, and one of the whole that follows them.
//
// Two members exchange the digests of their pages and send only what differs; two regions are equal
// when their digests are. Both are kept up to date page by page, at the cost of the pages that were
// written, never of the region. The digest of the region is the sum of each page's digest times a
// factor of its place, modulo 2^61 - 1: changing one page changes one term, pages that changed
// places change the sum, and different regions of any size have the same sum at most once in 2^60
// for whoever does not know the key. A page that is not known counts as digest 0, so the digest
// of the whole tells also which pages are in it. 8 bytes a page: 2 MiB for 1 GiB.
// Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "snapshot/page_hash.hpp"

namespace hotpair::snapshot {

class PageDigests {
 public:
  // No page is known. `hash` outlives it.
  PageDigests(const PageHash& hash, std::size_t page_count);

  std::size_t page_count() const noexcept { return pages_.size(); }
  // 0 when it is not known.
  std::uint64_t page(std::size_t index) const noexcept { return pages_[index]; }
  void set(std::size_t index, std::uint64_t digest) noexcept;
  void forget(std::size_t index) noexcept { set(index, 0); }
  // The digest of all pages that are known.
  std::uint64_t whole() const noexcept { return whole_; }

  // Reads the pages of `changed` in `region`. Requires: region.size() is page_count() pages, and
  // nobody writes them meanwhile.
  void update(std::span<const std::uint8_t> region, const PageSet& changed) noexcept;

 private:
  const PageHash* hash_;
  std::vector<std::uint64_t> pages_;
  std::uint64_t whole_ = 0;
};

}  // namespace hotpair::snapshot
