// CRC-32C against the vectors of RFC 3720 B.4 and the check value of the CRC catalogue, and both
// ways of computing it against a bit-by-bit oracle at every length and alignment that the code
// tells apart.
#include "base/crc32c.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "harness.hpp"

namespace {

using hotpair::crc32c;
using hotpair::crc32c_by_table;
using Bytes = std::vector<std::uint8_t>;

std::uint32_t bit_by_bit(std::span<const std::uint8_t> data) {
  std::uint32_t sum = ~0u;
  for (const std::uint8_t byte : data) {
    sum ^= byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return ~sum;
}

void expect_sum(const Bytes& data, std::uint32_t sum) {
  EXPECT_EQ(crc32c(data), sum);
  EXPECT_EQ(crc32c_by_table(data), sum);
  EXPECT_EQ(bit_by_bit(data), sum);
}

Bytes random_bytes(std::size_t length, std::uint64_t salt) {
  std::mt19937_64 random(hotpair::test::seed() ^ salt);
  Bytes data(length);
  for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
  return data;
}

}  // namespace

TEST(published_vectors) {
  constexpr std::string_view digits = "123456789";
  expect_sum(Bytes(digits.begin(), digits.end()), 0xe3069283);
  expect_sum(Bytes{}, 0);
  expect_sum(Bytes(32, 0x00), 0x8a9136aa);
  expect_sum(Bytes(32, 0xff), 0x62a8ab43);
  Bytes counting(32);
  for (std::size_t i = 0; i < 32; ++i) counting[i] = static_cast<std::uint8_t>(i);
  expect_sum(counting, 0x46dd794e);
  std::reverse(counting.begin(), counting.end());
  expect_sum(counting, 0x113fdb5c);
  // An iSCSI read command, RFC 3720 B.4.
  expect_sum({0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
              0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
              0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
              0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
             0xd9963a56);
}

TEST(every_length_and_alignment_gives_the_sum_of_the_oracle) {
  const Bytes data = random_bytes(8192, 1);
  for (std::size_t length = 0; length < 7000; length += length < 900 ? 1 : 97) {
    const std::size_t offset = length % 9;
    const auto part = std::span(data).subspan(offset, length);
    const std::uint32_t sum = bit_by_bit(part);
    EXPECT_EQ(crc32c(part), sum);
    EXPECT_EQ(crc32c_by_table(part), sum);
  }
}

TEST(sums_of_parts_join) {
  const Bytes data = random_bytes(4096, 2);
  const std::uint32_t whole = crc32c(data);
  for (std::size_t cut = 0; cut <= data.size(); cut += 61) {
    const auto head = std::span(data).first(cut);
    const auto tail = std::span(data).subspan(cut);
    EXPECT_EQ(crc32c(tail, crc32c(head)), whole);
    EXPECT_EQ(crc32c_by_table(tail, crc32c_by_table(head)), whole);
  }
}

TEST_MAIN()
