// PageHash: 61 bits of one page that are equal for different pages at most once in 2^60.
//
// The bound holds for any two pages, also chosen ones, as long as who chose them did not know the
// key; a check sum without a key (CRC-32C) would let an outsider prepare input that makes a changed
// page look unchanged. It is NH (Black and others, "UMAC", 1999): the sum, modulo 2^128, of
// (word + key) * (next word + next key) over the page, different pages colliding once in 2^64;
// then a linear form modulo the prime 2^61 - 1 of its four quarters, once in 2^61. Sixteen bytes
// cost one multiplication, so it runs at the speed of memory, as CRC-32C does.
// The key is expanded once (4 KiB); afterwards nothing changes and any thread may use it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/siphash.hpp"
#include "snapshot/page_set.hpp"

namespace hotpair::snapshot {

// A prime; digests are below it.
inline constexpr std::uint64_t kDigestPrime = (std::uint64_t{1} << 61) - 1;

// A product of two words, or a sum of such.
struct Wide {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend bool operator==(const Wide&, const Wide&) = default;
};

// The product by four products of halves, for processors without a wide one.
Wide multiply_by_halves(std::uint64_t a, std::uint64_t b) noexcept;
// a * b + c modulo kDigestPrime. Requires: all below the prime.
std::uint64_t multiply_add(std::uint64_t a, std::uint64_t b, std::uint64_t c) noexcept;

class PageHash {
 public:
  explicit PageHash(const SipKey& key) noexcept;

  // Requires: `page` is aligned to 8 bytes, and nobody writes it meanwhile.
  // thread: any
  std::uint64_t digest(std::span<const std::uint8_t, kPageBytes> page) const noexcept;
  // Copies a page that may be written meanwhile (racing_page.hpp), and digests the copy in the same
  // pass over memory. Requires: both are aligned to 8 bytes; nobody else touches `into`.
  // thread: any
  std::uint64_t copy_and_digest(std::uint8_t* into, const std::uint8_t* from) const noexcept;
  // The digest of a page of zeros.
  std::uint64_t zero_digest() const noexcept { return zero_digest_; }
  // The factor of page `index` in the digest of a region, below the prime.
  std::uint64_t factor(std::size_t index) const noexcept;

 private:
  static constexpr std::size_t kWords = kPageBytes / 8;

  // The linear form of the sum.
  std::uint64_t finish(Wide sum) const noexcept;
  // Makes words of the key: one series for each purpose.
  std::uint64_t derive(std::uint64_t series, std::uint64_t index) const noexcept;

  SipKey key_;
  std::array<std::uint64_t, kWords> word_keys_;
  // Below the prime: a constant, and the factors of the four quarters.
  std::array<std::uint64_t, 5> end_keys_;
  std::uint64_t zero_digest_;
};

}  // namespace hotpair::snapshot
