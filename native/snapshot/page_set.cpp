// Bits of pages, a word at a time; see page_set.hpp.
#include "snapshot/page_set.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"
#include "base/little_endian.hpp"

namespace hotpair::snapshot {
namespace {

constexpr std::size_t kBits = 64;
constexpr std::uint64_t kOnes = ~std::uint64_t{0};

// The bits of word `index` that the pages from `first` up to, not including, `end` have.
std::uint64_t mask(std::size_t index, std::size_t first, std::size_t end) noexcept {
  std::uint64_t bits = kOnes;
  if (first > index * kBits) bits &= kOnes << (first % kBits);
  if (end < (index + 1) * kBits) bits &= ~(kOnes << (end % kBits));
  return bits;
}

}  // namespace

PageSet::PageSet(std::size_t page_count)
    : page_count_(page_count), words_((page_count + kBits - 1) / kBits) {}

std::size_t PageSet::size() const noexcept {
  std::size_t sum = 0;
  for (const std::uint64_t word : words_) sum += static_cast<std::size_t>(std::popcount(word));
  return sum;
}

bool PageSet::is_empty() const noexcept {
  return std::all_of(words_.begin(), words_.end(), [](std::uint64_t word) { return word == 0; });
}

bool PageSet::contains(std::size_t page) const noexcept {
  CHECK(page < page_count_);
  return ((words_[page / kBits] >> (page % kBits)) & 1) != 0;
}

void PageSet::add(PageRange range) noexcept {
  CHECK(range.first <= page_count_ && range.count <= page_count_ - range.first);
  const std::size_t end = range.first + range.count;
  for (std::size_t i = range.first / kBits; i * kBits < end; ++i) {
    words_[i] |= mask(i, range.first, end);
  }
}

void PageSet::remove(PageRange range) noexcept {
  CHECK(range.first <= page_count_ && range.count <= page_count_ - range.first);
  const std::size_t end = range.first + range.count;
  for (std::size_t i = range.first / kBits; i * kBits < end; ++i) {
    words_[i] &= ~mask(i, range.first, end);
  }
}

void PageSet::add_all_of(const PageSet& other) noexcept {
  CHECK(other.page_count_ == page_count_);
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
}

void PageSet::clear() noexcept { std::fill(words_.begin(), words_.end(), 0); }

std::size_t PageSet::find(std::size_t from, std::size_t end, bool is_in) const noexcept {
  for (std::size_t i = from / kBits; i * kBits < end; ++i) {
    const std::uint64_t bits = (is_in ? words_[i] : ~words_[i]) & mask(i, from, end);
    if (bits != 0) return i * kBits + static_cast<std::size_t>(std::countr_zero(bits));
  }
  return end;
}

PageRange PageSet::next(std::size_t from, std::size_t most) const noexcept {
  if (from >= page_count_) return {};
  const std::size_t first = find(from, page_count_, true);
  if (first == page_count_) return {};
  // Not beyond what was asked for: a walk page by page must not look at all of a run each time.
  const std::size_t end = first + std::min(most, page_count_ - first);
  return {first, find(first, end, false) - first};
}

std::uint64_t PageSet::beyond() const noexcept {
  return page_count_ % kBits == 0 ? 0 : kOnes << (page_count_ % kBits);
}

void PageSet::write_to(std::span<std::uint8_t> into) const noexcept {
  CHECK(into.size() == byte_count());
  for (std::size_t i = 0; i < words_.size(); ++i) store_little(&into[8 * i], words_[i]);
}

bool PageSet::read_from(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.size() != byte_count()) return false;
  if (!bytes.empty() && (load_little<std::uint64_t>(&bytes.last(8)[0]) & beyond()) != 0) {
    return false;
  }
  for (std::size_t i = 0; i < words_.size(); ++i) {
    words_[i] = load_little<std::uint64_t>(&bytes[8 * i]);
  }
  return true;
}

}  // namespace hotpair::snapshot
