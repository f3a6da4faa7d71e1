// Packets to bytes and back; see beat_layout.hpp for the picture.
//
// Decoding trusts nothing: the size, magic, version and pair are compared first, then the MAC, and
// only what the MAC covers is looked at further. It does not judge whether a packet is new; that is
// freshness.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/siphash.hpp"
#include "heartbeat/beat_layout.hpp"

namespace hotpair::heartbeat {

// The key of each sender: [0] for packets of `a`, [1] for packets of `b`.
using BeatKeys = std::array<SipKey, 2>;

enum class Decoded : std::uint8_t { kOk, kMalformed, kOtherPair, kBadMac };

void encode(const Beat& beat, const BeatKeys& keys, PacketBytes& into) noexcept;

// Guarantees: `beat` is written only when the result is kOk.
[[nodiscard]] Decoded decode(std::span<const std::uint8_t> bytes, std::uint64_t pair,
                             const BeatKeys& keys, Beat& beat) noexcept;

}  // namespace hotpair::heartbeat
