// SipHash-2-4: a keyed 64-bit check sum that cannot be made without the key.
//
// It is the authentication code of beats: short messages, one key per direction, no padding, and
// at about a hundred nanoseconds for a beat cheap enough for the beat thread. 64 bits are enough
// because a forger has one guess a packet and every wrong one is counted.
// By Jean-Philippe Aumasson and Daniel J. Bernstein, "SipHash: a fast short-input PRF" (2012).
#pragma once

#include <cstdint>
#include <span>

namespace hotpair {

struct SipKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  // Of 16 bytes, little-endian.
  static SipKey from_bytes(std::span<const std::uint8_t, 16> bytes) noexcept;
};

// thread: any
std::uint64_t siphash24(const SipKey& key, std::span<const std::uint8_t> data) noexcept;

}  // namespace hotpair
