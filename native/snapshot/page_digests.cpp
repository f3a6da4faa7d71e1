// Keeps the digest of a region as a sum of its pages'; see page_digests.hpp.
#include "snapshot/page_digests.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "snapshot/racing_page.hpp"

namespace hotpair::snapshot {

PageDigests::PageDigests(const PageHash& hash, std::size_t page_count)
    : hash_(&hash), pages_(page_count) {}

void PageDigests::set(std::size_t index, std::uint64_t digest) noexcept {
  CHECK(index < pages_.size() && digest < kDigestPrime);
  const std::uint64_t former = pages_[index];
  if (digest == former) return;
  const std::uint64_t change = digest > former ? digest - former : digest + kDigestPrime - former;
  whole_ = multiply_add(change, hash_->factor(index), whole_);
  pages_[index] = digest;
}

void PageDigests::update(std::span<const std::uint8_t> region, const PageSet& changed) noexcept {
  CHECK(region.size() == pages_.size() * kPageBytes && changed.page_count() == pages_.size());
  for (PageRange run = changed.next(0, pages_.size()); run.count > 0;
       run = changed.next(run.first + run.count, pages_.size())) {
    for (std::size_t page = run.first; page < run.first + run.count; ++page) {
      set(page, hash_->digest(region.subspan(page * kPageBytes).first<kPageBytes>()));
    }
  }
}

void PageDigests::assign(const PageDigests& other) noexcept {
  CHECK(hash_ == other.hash_ && pages_.size() == other.pages_.size());
  std::copy(other.pages_.begin(), other.pages_.end(), pages_.begin());
  whole_ = other.whole_;
}

KnownDigests::KnownDigests(const PageHash& hash, std::size_t page_count)
    : digests(hash, page_count), stale(page_count) {
  stale.add_all();
}

std::uint64_t KnownDigests::racing(std::span<const std::uint8_t> region,
                                   std::size_t page) noexcept {
  if (stale.contains(page)) {
    alignas(64) std::array<std::uint8_t, kPageBytes> copy;
    copy_racing_page(copy.data(), region.data() + page * kPageBytes);
    set(page, digests.hash().digest(copy));
  }
  return digests.page(page);
}

void KnownDigests::assign(const KnownDigests& other) noexcept {
  digests.assign(other.digests);
  stale.clear();
  stale.add_all_of(other.stale);
}

}  // namespace hotpair::snapshot
