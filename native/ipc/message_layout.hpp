// How messages lie on the socket between server and unit: a header of eight bytes, then the
// payload.
//
//   0  u32  length of the payload, at most kMostPayloadBytes
//   4  u16  type, the business of who uses the channel
//   6  u8   descriptors that come with the first byte, at most kMostDescriptors
//   7  u8   zero
//
// Little-endian. What arrives is not trusted: decode() refuses what encode() does not write.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/check.hpp"
#include "base/little_endian.hpp"

namespace hotpair::ipc {

inline constexpr std::size_t kMessageHeaderBytes = 8;
// Enough for a status or a list of outputs in doubt; what is larger belongs into shared memory.
inline constexpr std::size_t kMostPayloadBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMostMessageBytes = kMessageHeaderBytes + kMostPayloadBytes;
// Regions of one hello: words, outbox, state, staging.
inline constexpr std::size_t kMostDescriptors = 4;

struct MessageHeader {
  std::uint32_t length = 0;
  std::uint16_t type = 0;
  std::uint8_t descriptor_count = 0;

  friend bool operator==(const MessageHeader&, const MessageHeader&) = default;
};

inline std::array<std::uint8_t, kMessageHeaderBytes> encode(const MessageHeader& header) noexcept {
  std::array<std::uint8_t, kMessageHeaderBytes> bytes{};
  store_little(bytes.data(), header.length);
  store_little(bytes.data() + 4, header.type);
  bytes[6] = header.descriptor_count;
  return bytes;
}

// Nothing when it is no header. `bytes` has at least kMessageHeaderBytes.
inline std::optional<MessageHeader> decode(std::span<const std::uint8_t> bytes) noexcept {
  CHECK(bytes.size() >= kMessageHeaderBytes);
  const MessageHeader header{load_little<std::uint32_t>(bytes.data()),
                             load_little<std::uint16_t>(bytes.data() + 4), bytes[6]};
  if (header.length > kMostPayloadBytes || header.descriptor_count > kMostDescriptors ||
      bytes[7] != 0) {
    return {};
  }
  return header;
}

}  // namespace hotpair::ipc
