// PageHash: 61 bits of one page that are equal for different pages at most once in 2^60.
//
// The bound holds for any two pages, also chosen ones, as long as who chose them did not know the
// key; a check sum without a key (CRC-32C) would let an outsider prepare input that makes a changed
// page look unchanged. It is NH (Black and others, "UMAC", 1999) with two keys: for each word of 64
// bits the product of its halves, each with its part of the key added, summed modulo 2^64.
// Different pages have the same two sums once in 2^64. Then comes a linear form modulo the prime
// 2^61 - 1 of the halves of the sums, once in 2^61. Products of halves, because vector instructions
// have those: with AVX2 it is three times as fast as with products of whole words, and a load
// digests each page on both sides. The keys are expanded once (8 KiB); afterwards nothing changes
// and any thread may use it.
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

// A product of two words.
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

  // Requires: nobody writes `page` meanwhile.
  // thread: any
  std::uint64_t digest(std::span<const std::uint8_t, kPageBytes> page) const noexcept;
  // The same without vector instructions, on any processor.
  // thread: any
  std::uint64_t digest_by_words(std::span<const std::uint8_t, kPageBytes> page) const noexcept;
  // The digest of a page of zeros.
  std::uint64_t zero_digest() const noexcept { return zero_digest_; }
  // The factor of page `index` in the digest of a region, below the prime.
  std::uint64_t factor(std::size_t index) const noexcept;

 private:
  static constexpr std::size_t kWords = kPageBytes / 8;

  // NH of a page by each of the two keys.
  struct Sums {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
  };
  Sums sum_by_words(const std::uint8_t* page) const noexcept;
#if defined(__x86_64__)
  Sums sum_by_vectors(const std::uint8_t* page) const noexcept;
#endif
  // The linear form.
  std::uint64_t finish(Sums sums) const noexcept;
  // Makes words of the key: one series for each purpose.
  std::uint64_t derive(std::uint64_t series, std::uint64_t index) const noexcept;

  SipKey key_;
  // The low half of each word is added to the low half of a word of the page.
  std::array<std::uint64_t, kWords> first_keys_;
  std::array<std::uint64_t, kWords> second_keys_;
  // Below the prime: a constant, and the factors of the four halves.
  std::array<std::uint64_t, 5> end_keys_;
  std::uint64_t zero_digest_;
};

}  // namespace hotpair::snapshot
