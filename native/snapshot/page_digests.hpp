// PageDigests: the digest of each page of a region, and one of the whole that follows them.
//
// Two members exchange the digests of their pages and send only what differs; two regions are equal
// when their digests are. Both are kept up to date page by page, at the cost of the pages that were
// written, never of the region. The digest of the region is the sum of each page's digest times a
// factor of its place, modulo 2^61 - 1: changing one page changes one term, pages that changed
// places change the sum, and different regions of any size have the same sum at most once in 2^60
// for whoever does not know the key. A page that is not known counts as digest 0, so the digest
// of the whole tells also which pages are in it. 8 bytes a page: 2 MiB for 1 GiB.
//
// KnownDigests are those of a region that goes on being written: the digests of some moment, and
// which pages have been written since. Whoever asks for a page reads it only when it was.
// Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "snapshot/page_hash.hpp"
#include "snapshot/page_set.hpp"

namespace hotpair::snapshot {

class PageDigests {
 public:
  // No page is known. `hash` outlives it.
  PageDigests(const PageHash& hash, std::size_t page_count);

  const PageHash& hash() const noexcept { return *hash_; }
  std::size_t page_count() const noexcept { return pages_.size(); }
  // 0 when it is not known.
  std::uint64_t page(std::size_t index) const noexcept { return pages_[index]; }
  void set(std::size_t index, std::uint64_t digest) noexcept;
  void forget(std::size_t index) noexcept { set(index, 0); }
  // The digest of all pages that are known.
  std::uint64_t whole() const noexcept { return whole_; }
  // Requires: the same hash and page_count().
  void assign(const PageDigests& other) noexcept;

  // Reads the pages of `changed` in `region`. Requires: region.size() is page_count() pages, and
  // nobody writes them meanwhile.
  void update(std::span<const std::uint8_t> region, const PageSet& changed) noexcept;

 private:
  const PageHash* hash_;
  std::vector<std::uint64_t> pages_;
  std::uint64_t whole_ = 0;
};

struct KnownDigests {
  // All pages are stale.
  KnownDigests(const PageHash& hash, std::size_t page_count);

  // The digest of `page`, read from `region` if it is stale. The page may be written meanwhile:
  // then it is the digest of nothing, and whoever tracks the region will hear of the page again.
  std::uint64_t racing(std::span<const std::uint8_t> region, std::size_t page) noexcept;
  void set(std::size_t page, std::uint64_t digest) noexcept {
    digests.set(page, digest);
    stale.remove({page, 1});
  }
  void assign(const KnownDigests& other) noexcept;
  // Requires: no page is stale.
  std::uint64_t whole() const noexcept { return digests.whole(); }

  PageDigests digests;
  // Pages whose digest is of another time, or was never known.
  PageSet stale;
};

}  // namespace hotpair::snapshot
