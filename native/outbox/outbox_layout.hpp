// The two records in which outputs cross from JavaScript: little-endian, one behind the other.
//
// Output record (produce, pending), padded with zero bytes to a multiple of 8:
//
//    0       2       4               8                              16            16+length
//   +-------+-------+---------------+------------------------------+---------------+-----+
//   |channel| zero  | length        | number                       | bytes         | pad |
//   +-------+-------+---------------+------------------------------+---------------+-----+
//
// Sent record (peer_sent), always 24 bytes:
//
//    0       2       4               8                              16      20      24
//   +-------+-------+---------------+------------------------------+-------+-------+
//   |channel| zero  | length        | number                       | CRC-32C| zero |
//   +-------+-------+---------------+------------------------------+-------+-------+
//
// A number is 1 to 2^53 - 1. Readers refuse a record that breaks any of this; they never look
// behind the end of the batch. The offsets reach JavaScript by facts.outbox.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/little_endian.hpp"

namespace hotpair::outbox {

inline constexpr std::size_t kRecordHeaderBytes = 16;
inline constexpr std::size_t kSentRecordBytes = 24;
inline constexpr std::size_t kChannelOffset = 0;
inline constexpr std::size_t kZeroOffset = 2;
inline constexpr std::size_t kLengthOffset = 4;
inline constexpr std::size_t kNumberOffset = 8;
// Of a sent record only.
inline constexpr std::size_t kDigestOffset = 16;
inline constexpr std::size_t kSentZeroOffset = 20;
inline constexpr std::uint64_t kLastNumber = (std::uint64_t{1} << 53) - 1;

struct OutputRecord {
  std::uint16_t channel;
  std::uint64_t number;
  std::span<const std::uint8_t> data;
};

struct SentRecord {
  std::uint16_t channel;
  std::uint32_t length;
  std::uint64_t number;
  std::uint32_t digest;
};

// The bytes that an output of `length` bytes takes as a record.
constexpr std::size_t record_bytes(std::size_t length) noexcept {
  return (kRecordHeaderBytes + length + 7) & ~std::size_t{7};
}
static_assert(record_bytes(0) == 16 && record_bytes(1) == 24 && record_bytes(8) == 24);

// Takes the first record off `batch`; nothing when it is malformed.
inline std::optional<OutputRecord> take_output(std::span<const std::uint8_t>& batch) noexcept {
  if (batch.size() < kRecordHeaderBytes) return {};
  const std::uint8_t* at = batch.data();
  const std::size_t length = load_little<std::uint32_t>(at + kLengthOffset);
  const std::uint64_t number = load_little<std::uint64_t>(at + kNumberOffset);
  if (load_little<std::uint16_t>(at + kZeroOffset) != 0 || number == 0 || number > kLastNumber)
    return {};
  if (batch.size() < record_bytes(length)) return {};
  for (std::size_t i = kRecordHeaderBytes + length; i < record_bytes(length); ++i) {
    if (at[i] != 0) return {};
  }
  const OutputRecord record{load_little<std::uint16_t>(at + kChannelOffset), number,
                            batch.subspan(kRecordHeaderBytes, length)};
  batch = batch.subspan(record_bytes(length));
  return record;
}

// Writes the header of an output record to `to`; the caller writes bytes and padding.
inline void put_output_header(std::uint8_t* to, std::uint16_t channel, std::uint32_t length,
                              std::uint64_t number) noexcept {
  store_little<std::uint16_t>(to + kChannelOffset, channel);
  store_little<std::uint16_t>(to + kZeroOffset, 0);
  store_little<std::uint32_t>(to + kLengthOffset, length);
  store_little<std::uint64_t>(to + kNumberOffset, number);
}

inline std::optional<SentRecord> take_sent(std::span<const std::uint8_t>& batch) noexcept {
  if (batch.size() < kSentRecordBytes) return {};
  const std::uint8_t* at = batch.data();
  const std::uint64_t number = load_little<std::uint64_t>(at + kNumberOffset);
  if (load_little<std::uint16_t>(at + kZeroOffset) != 0 ||
      load_little<std::uint32_t>(at + kSentZeroOffset) != 0)
    return {};
  if (number == 0 || number > kLastNumber) return {};
  batch = batch.subspan(kSentRecordBytes);
  return SentRecord{load_little<std::uint16_t>(at + kChannelOffset),
                    load_little<std::uint32_t>(at + kLengthOffset), number,
                    load_little<std::uint32_t>(at + kDigestOffset)};
}

}  // namespace hotpair::outbox
