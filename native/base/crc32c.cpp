// CRC-32C by instruction and by table.
//
// The table way takes eight bytes a step ("slicing by eight"): table[k][b] is the effect of byte b
// with k zero bytes behind it. The instruction takes eight bytes as well, but its result is there
// only three cycles later, so long data is cut into three lanes that run beside each other; the sum
// of a lane is then carried over the lanes behind it by tables of "as many zero bytes". The tables
// are made by the compiler. Nothing here is state: every function is pure.
#include "base/crc32c.hpp"

#include <array>
#include <cstddef>

#include "base/little_endian.hpp"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace hotpair {
namespace {

// The Castagnoli polynomial, bits reversed.
constexpr std::uint32_t kPolynomial = 0x82f63b78;

using ByteTable = std::array<std::uint32_t, 256>;

constexpr std::array<ByteTable, 8> make_slicing_tables() {
  std::array<ByteTable, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = sum;
  }
  for (std::size_t zeros = 1; zeros < 8; ++zeros) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t sum = tables[zeros - 1][byte];
      tables[zeros][byte] = (sum >> 8) ^ tables[0][sum & 0xff];
    }
  }
  return tables;
}

constexpr std::array<ByteTable, 8> kSlicing = make_slicing_tables();

// The register (the sum without the final complement) after `data`, by table.
std::uint32_t run_table(std::uint32_t sum, const std::uint8_t* at, std::size_t length) noexcept {
  for (; length >= 8; length -= 8, at += 8) {
    const std::uint64_t word = load_little<std::uint64_t>(at) ^ sum;
    sum = 0;
    for (std::size_t i = 0; i < 8; ++i) sum ^= kSlicing[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; length > 0; --length, ++at) sum = (sum >> 8) ^ kSlicing[0][(sum ^ *at) & 0xff];
  return sum;
}

#if defined(__x86_64__) || defined(__ARM_FEATURE_CRC32)
#define HOTPAIR_CRC_INSTRUCTION 1

#if defined(__x86_64__)
#define HOTPAIR_CRC_TARGET __attribute__((target("sse4.2")))
#else
#define HOTPAIR_CRC_TARGET
#endif

HOTPAIR_CRC_TARGET inline std::uint32_t step_u64(std::uint32_t sum, std::uint64_t word) noexcept {
#if defined(__x86_64__)
  return static_cast<std::uint32_t>(_mm_crc32_u64(sum, word));
#else
  return __crc32cd(sum, word);
#endif
}

HOTPAIR_CRC_TARGET inline std::uint32_t step_u8(std::uint32_t sum, std::uint8_t byte) noexcept {
#if defined(__x86_64__)
  return _mm_crc32_u8(sum, byte);
#else
  return __crc32cb(sum, byte);
#endif
}

// Carries a register over `zeroBytes` zero bytes, four table look-ups at a time.
using CarryTables = std::array<ByteTable, 4>;

constexpr CarryTables make_carry_tables(std::size_t zero_bytes) {
  // The register is linear over XOR, so it is enough to carry each of its 32 bits alone.
  std::array<std::uint32_t, 32> carried_bit{};
  for (std::size_t bit = 0; bit < 32; ++bit) {
    std::uint32_t sum = std::uint32_t{1} << bit;
    for (std::size_t i = 0; i < zero_bytes; ++i) sum = (sum >> 8) ^ kSlicing[0][sum & 0xff];
    carried_bit[bit] = sum;
  }
  CarryTables tables{};
  for (std::size_t part = 0; part < 4; ++part) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      for (std::size_t bit = 0; bit < 8; ++bit) {
        if (((byte >> bit) & 1) != 0) tables[part][byte] ^= carried_bit[8 * part + bit];
      }
    }
  }
  return tables;
}

// Two lane lengths: the long one for chunks of a load, the short one for outputs of some hundred
// bytes (three lanes of 64 are 192 bytes, so an output of 256 bytes has them). With lanes half as
// long the carrying costs more than the lanes win; twice as long, 256 bytes would run in one lane.
constexpr std::size_t kShortLane = 64;
constexpr std::size_t kLongLane = 1024;
constexpr CarryTables kCarryShort = make_carry_tables(kShortLane);
constexpr CarryTables kCarryLong = make_carry_tables(kLongLane);

inline std::uint32_t carry(const CarryTables& tables, std::uint32_t sum) noexcept {
  return tables[0][sum & 0xff] ^ tables[1][(sum >> 8) & 0xff] ^ tables[2][(sum >> 16) & 0xff] ^
         tables[3][sum >> 24];
}

// Takes blocks of three lanes for as long as there are any; moves `at` and `length` behind them.
template <std::size_t kLane>
HOTPAIR_CRC_TARGET inline std::uint32_t run_lanes(const CarryTables& tables, std::uint32_t sum,
                                                  const std::uint8_t*& at,
                                                  std::size_t& length) noexcept {
  static_assert(kLane % 8 == 0);
  for (; length >= 3 * kLane; length -= 3 * kLane, at += 3 * kLane) {
    std::uint32_t second = 0;
    std::uint32_t third = 0;
    for (std::size_t i = 0; i < kLane; i += 8) {
      sum = step_u64(sum, load_little<std::uint64_t>(at + i));
      second = step_u64(second, load_little<std::uint64_t>(at + kLane + i));
      third = step_u64(third, load_little<std::uint64_t>(at + 2 * kLane + i));
    }
    sum = carry(tables, carry(tables, sum) ^ second) ^ third;
  }
  return sum;
}

HOTPAIR_CRC_TARGET std::uint32_t run_instruction(std::uint32_t sum, const std::uint8_t* at,
                                                 std::size_t length) noexcept {
  sum = run_lanes<kLongLane>(kCarryLong, sum, at, length);
  sum = run_lanes<kShortLane>(kCarryShort, sum, at, length);
  for (; length >= 8; length -= 8, at += 8) sum = step_u64(sum, load_little<std::uint64_t>(at));
  for (; length > 0; --length, ++at) sum = step_u8(sum, *at);
  return sum;
}
#endif

}  // namespace

bool crc32c_has_hardware() noexcept {
#if defined(__x86_64__)
  return __builtin_cpu_supports("sse4.2") != 0;
#elif defined(HOTPAIR_CRC_INSTRUCTION)
  return true;
#else
  return false;
#endif
}

std::uint32_t crc32c_by_table(std::span<const std::uint8_t> data, std::uint32_t before) noexcept {
  return ~run_table(~before, data.data(), data.size());
}

std::uint32_t crc32c(std::span<const std::uint8_t> data, std::uint32_t before) noexcept {
#if defined(HOTPAIR_CRC_INSTRUCTION)
  if (crc32c_has_hardware()) return ~run_instruction(~before, data.data(), data.size());
#endif
  return crc32c_by_table(data, before);
}

}  // namespace hotpair
