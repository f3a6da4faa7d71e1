// NH and a linear form; see page_hash.hpp for what is proved of them.
#include "snapshot/page_hash.hpp"

#include "base/little_endian.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hotpair::snapshot {
namespace {

constexpr std::uint64_t kHalf = 0xffff'ffff;

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 Native128;

inline Wide multiply(std::uint64_t a, std::uint64_t b) noexcept {
  const Native128 product = Native128{a} * b;
  return {static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)};
}
#else
inline Wide multiply(std::uint64_t a, std::uint64_t b) noexcept { return multiply_by_halves(a, b); }
#endif

// Modulo the prime, of any number below 2^122: 2^61 is 1 there.
std::uint64_t reduce(Wide value) noexcept {
  std::uint64_t sum = (value.low & kDigestPrime) + ((value.high << 3) | (value.low >> 61));
  sum = (sum & kDigestPrime) + (sum >> 61);
  return sum >= kDigestPrime ? sum - kDigestPrime : sum;
}

// One term of NH.
inline std::uint64_t term(std::uint64_t word, std::uint64_t key) noexcept {
  return ((word + key) & kHalf) * (((word >> 32) + (key >> 32)) & kHalf);
}

#if defined(__x86_64__)
#define HOTPAIR_AVX2 __attribute__((target("avx2")))

bool has_vectors() noexcept {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}

HOTPAIR_AVX2 inline __m256i load_vector(const void* at) noexcept {
  return _mm256_loadu_si256(static_cast<const __m256i*>(at));
}

// Four terms: a product takes the low halves of its operands.
HOTPAIR_AVX2 inline __m256i terms(__m256i words, __m256i keys) noexcept {
  const __m256i added = _mm256_add_epi32(words, keys);
  return _mm256_mul_epu32(added, _mm256_srli_epi64(added, 32));
}

HOTPAIR_AVX2 inline std::uint64_t sum_of(__m256i vector) noexcept {
  std::array<std::uint64_t, 4> words;
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(words.data()), vector);
  return words[0] + words[1] + words[2] + words[3];
}
#endif

}  // namespace

Wide multiply_by_halves(std::uint64_t a, std::uint64_t b) noexcept {
  const std::uint64_t low = (a & kHalf) * (b & kHalf);
  const std::uint64_t left = (a >> 32) * (b & kHalf);
  const std::uint64_t right = (a & kHalf) * (b >> 32);
  const std::uint64_t middle = (low >> 32) + (left & kHalf) + (right & kHalf);
  return {(a >> 32) * (b >> 32) + (left >> 32) + (right >> 32) + (middle >> 32),
          (middle << 32) | (low & kHalf)};
}

std::uint64_t multiply_add(std::uint64_t a, std::uint64_t b, std::uint64_t c) noexcept {
  Wide sum = multiply(a, b);
  sum.low += c;
  sum.high += sum.low < c ? 1 : 0;
  return reduce(sum);
}

PageHash::PageHash(const SipKey& key) noexcept : key_(key) {
  for (std::size_t i = 0; i < kWords; ++i) first_keys_[i] = derive(1, i);
  for (std::size_t i = 0; i < kWords; ++i) second_keys_[i] = derive(2, i);
  for (std::size_t i = 0; i < end_keys_.size(); ++i) {
    end_keys_[i] = derive(3, i) % kDigestPrime;
  }
  const std::array<std::uint8_t, kPageBytes> zeros{};
  zero_digest_ = digest(zeros);
}

std::uint64_t PageHash::derive(std::uint64_t series, std::uint64_t index) const noexcept {
  std::array<std::uint8_t, 16> bytes;
  store_little(bytes.data(), series);
  store_little(&bytes[8], index);
  return siphash24(key_, bytes);
}

std::uint64_t PageHash::factor(std::size_t index) const noexcept {
  return derive(4, index) % kDigestPrime;
}

std::uint64_t PageHash::digest(std::span<const std::uint8_t, kPageBytes> page) const noexcept {
#if defined(__x86_64__)
  if (has_vectors()) return finish(sum_by_vectors(page.data()));
#endif
  return digest_by_words(page);
}

std::uint64_t PageHash::digest_by_words(
    std::span<const std::uint8_t, kPageBytes> page) const noexcept {
  return finish(sum_by_words(page.data()));
}

PageHash::Sums PageHash::sum_by_words(const std::uint8_t* page) const noexcept {
  Sums sums;
  for (std::size_t i = 0; i < kWords; ++i) {
    const auto word = load_little<std::uint64_t>(page + 8 * i);
    sums.first += term(word, first_keys_[i]);
    sums.second += term(word, second_keys_[i]);
  }
  return sums;
}

#if defined(__x86_64__)
HOTPAIR_AVX2 PageHash::Sums PageHash::sum_by_vectors(const std::uint8_t* page) const noexcept {
  __m256i first = _mm256_setzero_si256();
  __m256i second = _mm256_setzero_si256();
  for (std::size_t i = 0; i < kWords; i += 4) {
    const __m256i words = load_vector(page + 8 * i);
    first = _mm256_add_epi64(first, terms(words, load_vector(&first_keys_[i])));
    second = _mm256_add_epi64(second, terms(words, load_vector(&second_keys_[i])));
  }
  return {sum_of(first), sum_of(second)};
}
#endif

std::uint64_t PageHash::finish(Sums sums) const noexcept {
  std::uint64_t digest = end_keys_[0];
  const std::uint64_t halves[] = {sums.first & kHalf, sums.first >> 32, sums.second & kHalf,
                                  sums.second >> 32};
  for (std::size_t i = 0; i < 4; ++i) digest = multiply_add(halves[i], end_keys_[i + 1], digest);
  return digest;
}

}  // namespace hotpair::snapshot
