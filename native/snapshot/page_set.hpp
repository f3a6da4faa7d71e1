// PageSet: which pages of a region, as one bit each.
//
// Trackers report into it, loads are ruled by it, and a receiver says by its bits what it holds. A
// bitmap and no list of ranges, because it is bounded whatever the writer does (32 KiB for 1 GiB),
// two of them join in microseconds, and adding a page twice means nothing. A page is kPageBytes
// here and on the wire, whatever the processor's own page is, so that two members of different
// kinds understand each other. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hotpair::snapshot {

// The page of digests, chunks and sets. It divides the page of every system that Node.js runs on
// (4, 16 or 64 KiB), so what the system reports is whole pages of ours.
inline constexpr std::size_t kPageBytes = 4096;

// Neighbouring pages. Empty when count is 0.
struct PageRange {
  std::size_t first = 0;
  std::size_t count = 0;

  friend bool operator==(const PageRange&, const PageRange&) = default;
};

class PageSet {
 public:
  // An empty set for a region of `page_count` pages.
  explicit PageSet(std::size_t page_count);
  // Copied by add_all_of into one that was made for it. (The copy of a std::vector would need a
  // newer C++ library than Node.js itself.)
  PageSet(const PageSet&) = delete;
  PageSet& operator=(const PageSet&) = delete;
  PageSet(PageSet&&) noexcept = default;
  PageSet& operator=(PageSet&&) noexcept = default;

  std::size_t page_count() const noexcept { return page_count_; }
  // How many pages are in it: a walk over the words, about a microsecond for 1 GiB.
  std::size_t size() const noexcept;
  bool is_empty() const noexcept;
  bool contains(std::size_t page) const noexcept;

  // Requires: within page_count().
  void add(PageRange range) noexcept;
  void remove(PageRange range) noexcept;
  void add_all() noexcept { add({0, page_count_}); }
  // Requires: the same page_count().
  void add_all_of(const PageSet& other) noexcept;
  void clear() noexcept;

  // The first run of neighbouring pages at or behind `from`, cut to `most` pages; empty when there
  // is none.
  PageRange next(std::size_t from, std::size_t most) const noexcept;

  // The bits as bytes, little-endian, page 0 in the lowest bit of the first byte.
  std::size_t byte_count() const noexcept { return words_.size() * 8; }
  // Requires: into.size() == byte_count().
  void write_to(std::span<std::uint8_t> into) const noexcept;
  // False, and nothing changes, when the size is wrong or a bit stands behind the last page.
  bool read_from(std::span<const std::uint8_t> bytes) noexcept;

 private:
  // The first page from `from` up to, not including, `end` that is in the set (or is not); `end` if
  // there is none.
  std::size_t find(std::size_t from, std::size_t end, bool is_in) const noexcept;
  // Bits of the last word that stand for no page.
  std::uint64_t beyond() const noexcept;

  std::size_t page_count_;
  // Bits behind the last page are 0.
  std::vector<std::uint64_t> words_;
};

}  // namespace hotpair::snapshot
