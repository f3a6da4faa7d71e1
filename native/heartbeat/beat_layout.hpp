// The bytes of one packet of the beat protocol: beats, probes and answers are all alike.
//
// Fixed size, little-endian, one packet a datagram, and one after the other on a connection. Each
// says everything, so that the newest alone is enough and any other may be lost.
//
//   0                   8                   16
//   +----+-+-+-+-+------+-------------------+
//   |magic |v|k|s|l     | pair              |   v version, k kind, s sender, l link
//   +-------------------+-------------------+
//   | incarnation       | seq               |   the sender's
//   +-------------------+-------------------+
//   | echo: incarnation | echo: seq         |   last heard from the receiver; 0, 0 before
//   +-------------------+-------------------+
//   | sent at           | echo: sent at     |   ns of the sender's clock; of the receiver's
//   +-------------------+----+--------------+
//   | echo: held        |vage| zero         |   ns from hearing to sending; ms since the loop's
//   +-------------------+----+--------------+   last proof of life, or kNoVouch
//   | presence, 128 bytes                   |   what the member says of itself; opaque here
//   +---------------------------------------+
//   | counters, 32 bytes                    |   for show; never rings a doorbell
//   +---------------------------------------+
//   | zero, 24 bytes    (room for more)     | 240
//   |                   +-------------------+
//   |                   | MAC               | 264   SipHash-2-4 of all before, by the key of the
//   +-------------------+-------------------+ 272   sender's direction
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hotpair::heartbeat {

inline constexpr std::uint32_t kMagic = 0x3142'5048;  // "HPB1"
inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kPresenceBytes = 128;
inline constexpr std::size_t kCounterBytes = 32;

namespace layout {
inline constexpr std::size_t kMagic = 0;
inline constexpr std::size_t kVersion = 4;
inline constexpr std::size_t kKind = 5;
inline constexpr std::size_t kSender = 6;
inline constexpr std::size_t kLink = 7;
inline constexpr std::size_t kPair = 8;
inline constexpr std::size_t kIncarnation = 16;
inline constexpr std::size_t kSeq = 24;
inline constexpr std::size_t kEchoIncarnation = 32;
inline constexpr std::size_t kEchoSeq = 40;
inline constexpr std::size_t kSentAt = 48;
inline constexpr std::size_t kEchoSentAt = 56;
inline constexpr std::size_t kEchoHeld = 64;
inline constexpr std::size_t kVouchAge = 72;
inline constexpr std::size_t kZeroWord = 76;
inline constexpr std::size_t kPresence = 80;
inline constexpr std::size_t kCounters = kPresence + kPresenceBytes;
inline constexpr std::size_t kZeroTail = kCounters + kCounterBytes;
inline constexpr std::size_t kMac = kZeroTail + 24;
}  // namespace layout

inline constexpr std::size_t kPacketBytes = layout::kMac + 8;

static_assert(layout::kZeroWord + 4 == layout::kPresence);
static_assert(layout::kZeroTail == 240);
static_assert(kPacketBytes == 272 && kPacketBytes % 8 == 0);
// One datagram must pass every path unfragmented: 1,280 bytes is the least MTU of IPv6.
static_assert(kPacketBytes + 48 <= 1280);

using Presence = std::array<std::uint8_t, kPresenceBytes>;
using Counters = std::array<std::uint8_t, kCounterBytes>;
using PacketBytes = std::array<std::uint8_t, kPacketBytes>;

enum class BeatKind : std::uint8_t {
  kBeat = 1,
  // Asks for an answer at once.
  kProbe = 2,
  // Sent to where a packet came from, echoing that packet.
  kAnswer = 3,
};

// The packet that is answered: what its sender said of itself, and how long ago it came.
struct Echo {
  std::uint64_t incarnation = 0;
  std::uint64_t seq = 0;
  std::int64_t sent_at = 0;
  std::int64_t held = 0;
};

// `vouch_age_ms` of a member whose event loop has not vouched for itself yet.
inline constexpr std::uint32_t kNoVouch = 0xffff'ffff;

// One packet as values. `seq` counts all packets of an incarnation, from 1.
struct Beat {
  BeatKind kind = BeatKind::kBeat;
  // 0 for member `a`, 1 for member `b`.
  std::uint8_t sender = 0;
  std::uint8_t link = 0;
  std::uint64_t pair = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t seq = 0;
  std::int64_t sent_at = 0;
  Echo echo;
  std::uint32_t vouch_age_ms = kNoVouch;
  Presence presence{};
  Counters counters{};
};

}  // namespace hotpair::heartbeat
