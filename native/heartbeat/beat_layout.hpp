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
//   | echo: held        |vage| flags        |   ns from hearing to sending; ms for which the event
//   +-------------------+----+--------------+   loop has not come round
//   | presence, 128 bytes                   |   what the member says of itself; opaque here
//   +---------------------------------------+
//   | counters, 32 bytes                    |   for show; never rings a doorbell
//   +---------------------------------------+
//   | in frame          | beat number       | 240   0 when no frame is processed; counts beats
//   alone
//   +-------------------+-------------------+
//   | zero (room)       | MAC               | 264   SipHash-2-4 of all before, by the key of the
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
inline constexpr std::size_t kFlags = 76;
inline constexpr std::size_t kPresence = 80;
inline constexpr std::size_t kCounters = kPresence + kPresenceBytes;
inline constexpr std::size_t kInFrame = kCounters + kCounterBytes;
inline constexpr std::size_t kBeatNo = kInFrame + 8;
inline constexpr std::size_t kZeroTail = kBeatNo + 8;
inline constexpr std::size_t kMac = kZeroTail + 8;
}  // namespace layout

inline constexpr std::size_t kPacketBytes = layout::kMac + 8;

static_assert(layout::kFlags + 4 == layout::kPresence);
static_assert(layout::kInFrame == 240);
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
  // What a dead server had sent, in the place of the presence (sent_marks.hpp).
  kMarks = 4,
};

// The packet that is answered: what its sender said of itself, and how long ago it came.
struct Echo {
  std::uint64_t incarnation = 0;
  std::uint64_t seq = 0;
  std::int64_t sent_at = 0;
  std::int64_t held = 0;
};

namespace flag {
// The event loop stands in a block that it has announced.
inline constexpr std::uint32_t kBusy = 1;
// A beat that left by the schedule, an interval after the one before, and not for a reason.
inline constexpr std::uint32_t kRegular = 2;
// The server's process is dead; the beat is its unit's.
inline constexpr std::uint32_t kGone = 4;
inline constexpr std::uint32_t kAll = kBusy | kRegular | kGone;
}  // namespace flag

// One packet as values. `seq` counts all packets of an incarnation, from 1; `beat_no` its beats
// alone, which leave on every path, so that a gap on one path is a loss of that path. The others
// carry the number of the beat before.
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
  std::uint32_t vouch_age_ms = 0;
  std::uint32_t flags = 0;
  std::uint64_t in_frame = 0;
  std::uint64_t beat_no = 0;
  Presence presence{};
  Counters counters{};
};

}  // namespace hotpair::heartbeat
