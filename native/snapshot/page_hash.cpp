// NH and a linear form; see page_hash.hpp for what is proved of them.
#include "snapshot/page_hash.hpp"

#include <cstring>

#include "base/little_endian.hpp"
#include "snapshot/racing_page.hpp"

namespace hotpair::snapshot {
namespace {

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 Native128;

inline Wide multiply(std::uint64_t a, std::uint64_t b) noexcept {
  const Native128 product = Native128{a} * b;
  return {static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)};
}

inline void add(Wide& sum, Wide added) noexcept {
  const Native128 total =
      ((Native128{sum.high} << 64) | sum.low) + ((Native128{added.high} << 64) | added.low);
  sum = {static_cast<std::uint64_t>(total >> 64), static_cast<std::uint64_t>(total)};
}
#else
inline Wide multiply(std::uint64_t a, std::uint64_t b) noexcept { return multiply_by_halves(a, b); }

inline void add(Wide& sum, Wide added) noexcept {
  sum.low += added.low;
  sum.high += added.high + (sum.low < added.low ? 1 : 0);
}
#endif

// NH over the words that `word(index)` gives, each asked for once.
template <typename Word>
inline Wide sum_words(const std::uint64_t* keys, std::size_t count, Word word) noexcept {
  // Two sums, so that the carry of one need not wait for the other.
  Wide even;
  Wide odd;
  for (std::size_t i = 0; i < count; i += 4) {
    add(even, multiply(word(i) + keys[i], word(i + 1) + keys[i + 1]));
    add(odd, multiply(word(i + 2) + keys[i + 2], word(i + 3) + keys[i + 3]));
  }
  add(even, odd);
  return even;
}

// Modulo the prime, of any number below 2^122: 2^61 is 1 there.
std::uint64_t reduce(Wide value) noexcept {
  std::uint64_t sum = (value.low & kDigestPrime) + ((value.high << 3) | (value.low >> 61));
  sum = (sum & kDigestPrime) + (sum >> 61);
  return sum >= kDigestPrime ? sum - kDigestPrime : sum;
}

}  // namespace

Wide multiply_by_halves(std::uint64_t a, std::uint64_t b) noexcept {
  constexpr std::uint64_t kHalf = 0xffff'ffff;
  const std::uint64_t low = (a & kHalf) * (b & kHalf);
  const std::uint64_t left = (a >> 32) * (b & kHalf);
  const std::uint64_t right = (a & kHalf) * (b >> 32);
  const std::uint64_t middle = (low >> 32) + (left & kHalf) + (right & kHalf);
  return {(a >> 32) * (b >> 32) + (left >> 32) + (right >> 32) + (middle >> 32),
          (middle << 32) | (low & kHalf)};
}

std::uint64_t multiply_add(std::uint64_t a, std::uint64_t b, std::uint64_t c) noexcept {
  Wide sum = multiply(a, b);
  add(sum, {0, c});
  return reduce(sum);
}

PageHash::PageHash(const SipKey& key) noexcept : key_(key) {
  for (std::size_t i = 0; i < kWords; ++i) word_keys_[i] = derive(1, i);
  for (std::size_t i = 0; i < end_keys_.size(); ++i) {
    end_keys_[i] = derive(2, i) % kDigestPrime;
  }
  alignas(8) const std::array<std::uint8_t, kPageBytes> zeros{};
  zero_digest_ = digest(zeros);
}

std::uint64_t PageHash::derive(std::uint64_t series, std::uint64_t index) const noexcept {
  std::array<std::uint8_t, 16> bytes;
  store_little(bytes.data(), series);
  store_little(&bytes[8], index);
  return siphash24(key_, bytes);
}

std::uint64_t PageHash::factor(std::size_t index) const noexcept {
  return derive(3, index) % kDigestPrime;
}

std::uint64_t PageHash::digest(std::span<const std::uint8_t, kPageBytes> page) const noexcept {
  const std::uint8_t* const at = page.data();
  return finish(sum_words(word_keys_.data(), kWords,
                          [at](std::size_t i) { return load_little<std::uint64_t>(at + 8 * i); }));
}

std::uint64_t PageHash::copy_and_digest(std::uint8_t* into,
                                        const std::uint8_t* from) const noexcept {
  return finish(sum_words(word_keys_.data(), kWords, [into, from](std::size_t i) {
    const std::uint64_t word = load_racing(from + 8 * i);
    std::memcpy(into + 8 * i, &word, sizeof word);
    return load_little<std::uint64_t>(into + 8 * i);
  }));
}

std::uint64_t PageHash::finish(Wide sum) const noexcept {
  std::uint64_t digest = end_keys_[0];
  const std::uint64_t quarters[] = {sum.low & 0xffff'ffff, sum.low >> 32, sum.high & 0xffff'ffff,
                                    sum.high >> 32};
  for (std::size_t i = 0; i < 4; ++i) digest = multiply_add(quarters[i], end_keys_[i + 1], digest);
  return digest;
}

}  // namespace hotpair::snapshot
