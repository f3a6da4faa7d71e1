// Digests of pages: the arithmetic against a slow one, every bit of a page, and the digest of a
// region kept up to date against one made anew.
#include "snapshot/page_digests.hpp"

#include <algorithm>
#include <array>

#include "harness.hpp"

namespace {

using namespace hotpair::snapshot;

constexpr hotpair::SipKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};
using Page = std::array<std::uint8_t, kPageBytes>;

struct Aligned {
  Page bytes{};
};

// a * b modulo the prime by doubling, a bit at a time.
std::uint64_t slow_multiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  for (; b > 0; b >>= 1) {
    if ((b & 1) != 0) sum = (sum + a) % kDigestPrime;
    a = (a + a) % kDigestPrime;
  }
  return sum;
}

std::vector<std::uint8_t> random_region(std::size_t pages, std::mt19937_64& random) {
  std::vector<std::uint8_t> region(pages * kPageBytes);
  for (std::uint8_t& byte : region) byte = static_cast<std::uint8_t>(random());
  return region;
}

std::uint64_t whole_of(const PageHash& hash, std::span<const std::uint8_t> region) {
  PageDigests digests(hash, region.size() / kPageBytes);
  PageSet all(digests.page_count());
  all.add_all();
  digests.update(region, all);
  return digests.whole();
}

}  // namespace

TEST(products_are_right_at_the_borders_and_anywhere) {
  std::mt19937_64 random(hotpair::test::seed());
  std::vector<std::uint64_t> numbers{0, 1, 2, 0xffff'ffff, 0x1'0000'0000, kDigestPrime - 1};
  for (int i = 0; i < 100; ++i) numbers.push_back(random() % kDigestPrime);
  for (const std::uint64_t a : numbers) {
    for (const std::uint64_t b : numbers) {
      const std::uint64_t c = random() % kDigestPrime;
      EXPECT_EQ(multiply_add(a, b, c), (slow_multiply(a, b) + c) % kDigestPrime);
      // By halves: (high * 2^64 + low) modulo the prime is the same, and 2^64 is 8 there.
      const Wide wide = multiply_by_halves(a, b);
      const std::uint64_t folded =
          (slow_multiply(wide.high % kDigestPrime, 8) + wide.low % kDigestPrime) % kDigestPrime;
      EXPECT_EQ(folded, slow_multiply(a, b));
    }
  }
  constexpr std::uint64_t kOnes = ~std::uint64_t{0};
  EXPECT((multiply_by_halves(kOnes, kOnes) == Wide{kOnes - 1, 1}));
}

TEST(every_bit_of_a_page_and_the_key_change_its_digest) {
  const PageHash hash(kKey);
  const PageHash other_hash({kKey.low, kKey.high ^ 1});
  std::mt19937_64 random(hotpair::test::seed());
  Aligned page;
  for (std::uint8_t& byte : page.bytes) byte = static_cast<std::uint8_t>(random());
  const std::uint64_t digest = hash.digest(page.bytes);
  EXPECT(digest < kDigestPrime);
  EXPECT(digest != other_hash.digest(page.bytes));
  for (std::size_t bit = 0; bit < 8 * kPageBytes; ++bit) {
    const auto flip = static_cast<std::uint8_t>(1u << (bit % 8));
    page.bytes[bit / 8] ^= flip;
    EXPECT(hash.digest(page.bytes) != digest);
    page.bytes[bit / 8] ^= flip;
  }
  EXPECT_EQ(hash.digest(page.bytes), digest);
}

TEST(vectors_and_words_give_the_same_digest) {
  std::mt19937_64 random(hotpair::test::seed());
  for (int round = 0; round < 200; ++round) {
    const PageHash hash({random(), random()});
    Page page{};
    // Bytes of ones carry from half to half, if anything does.
    for (std::uint8_t& byte : page) {
      byte = random() % 2 == 0 ? std::uint8_t{0xff} : static_cast<std::uint8_t>(random());
    }
    EXPECT_EQ(hash.digest(page), hash.digest_by_words(page));
  }
}

TEST(words_that_changed_places_change_the_digest) {
  const PageHash hash(kKey);
  std::mt19937_64 random(hotpair::test::seed());
  Aligned page;
  for (std::uint8_t& byte : page.bytes) byte = static_cast<std::uint8_t>(random());
  const std::uint64_t digest = hash.digest(page.bytes);
  for (std::size_t i = 0; i < kPageBytes; i += 8) {
    const std::size_t j = 8 * (random() % (kPageBytes / 8));
    Aligned swapped = page;
    std::swap_ranges(&swapped.bytes[i], &swapped.bytes[i] + 8, &swapped.bytes[j]);
    EXPECT_EQ(hash.digest(swapped.bytes) == digest, swapped.bytes == page.bytes);
  }
}

TEST(the_digest_of_zeros_is_known_beforehand_and_digests_are_stable) {
  const PageHash hash(kKey);
  Aligned page;
  EXPECT_EQ(hash.digest(page.bytes), hash.zero_digest());
  EXPECT(hash.zero_digest() != 0);
  for (std::size_t i = 0; i < kPageBytes; ++i) page.bytes[i] = static_cast<std::uint8_t>(i * 7);
  // What two members of different builds exchange: it may never change unnoticed.
  EXPECT_EQ(hash.digest(page.bytes), 2013186676357897349u);
  EXPECT_EQ(hash.factor(5), 2139935624990139226u);
}

TEST(a_region_kept_up_to_date_has_the_digest_of_one_made_anew) {
  const PageHash hash(kKey);
  std::mt19937_64 random(hotpair::test::seed());
  constexpr std::size_t kPages = 70;
  std::vector<std::uint8_t> region = random_region(kPages, random);
  PageDigests digests(hash, kPages);
  EXPECT_EQ(digests.whole(), 0u);
  PageSet changed(kPages);
  changed.add_all();
  digests.update(region, changed);
  for (int round = 0; round < 100; ++round) {
    changed.clear();
    for (std::uint64_t i = random() % 5; i > 0; --i) {
      const std::size_t at = random() % region.size();
      region[at] = static_cast<std::uint8_t>(random());
      changed.add({at / kPageBytes, 1});
    }
    digests.update(region, changed);
    REQUIRE(digests.whole() == whole_of(hash, region));
  }
  for (std::size_t page = 0; page < kPages; ++page) digests.forget(page);
  EXPECT_EQ(digests.whole(), 0u);
}

TEST(pages_that_changed_places_change_the_digest_of_a_region) {
  const PageHash hash(kKey);
  std::mt19937_64 random(hotpair::test::seed());
  const std::vector<std::uint8_t> region = random_region(8, random);
  const std::uint64_t whole = whole_of(hash, region);
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      std::vector<std::uint8_t> swapped = region;
      std::swap_ranges(&swapped[i * kPageBytes], &swapped[i * kPageBytes] + kPageBytes,
                       &swapped[j * kPageBytes]);
      EXPECT(whole_of(hash, swapped) != whole);
    }
  }
}

TEST_MAIN()
