// Encodes and decodes packets; see beat_codec.hpp. A time of comparison that depends on the MAC is
// no help to a forger: each wrong guess costs a packet and 2^63 of them are needed.
#include "heartbeat/beat_codec.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/little_endian.hpp"

namespace hotpair::heartbeat {
namespace {

bool is_zero(std::span<const std::uint8_t> bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool is_kind(std::uint8_t kind) noexcept {
  return kind >= static_cast<std::uint8_t>(BeatKind::kBeat) &&
         kind <= static_cast<std::uint8_t>(BeatKind::kMarks);
}

std::uint64_t u64(std::int64_t value) noexcept { return static_cast<std::uint64_t>(value); }
std::int64_t i64(std::uint64_t value) noexcept { return static_cast<std::int64_t>(value); }

void read_fields(const std::uint8_t* at, Beat& beat) noexcept {
  beat.kind = static_cast<BeatKind>(at[layout::kKind]);
  beat.sender = at[layout::kSender];
  beat.link = at[layout::kLink];
  beat.pair = load_little<std::uint64_t>(at + layout::kPair);
  beat.incarnation = load_little<std::uint64_t>(at + layout::kIncarnation);
  beat.seq = load_little<std::uint64_t>(at + layout::kSeq);
  beat.sent_at = i64(load_little<std::uint64_t>(at + layout::kSentAt));
  beat.echo = {load_little<std::uint64_t>(at + layout::kEchoIncarnation),
               load_little<std::uint64_t>(at + layout::kEchoSeq),
               i64(load_little<std::uint64_t>(at + layout::kEchoSentAt)),
               i64(load_little<std::uint64_t>(at + layout::kEchoHeld))};
  beat.vouch_age_ms = load_little<std::uint32_t>(at + layout::kVouchAge);
  beat.flags = load_little<std::uint32_t>(at + layout::kFlags);
  beat.in_frame = load_little<std::uint64_t>(at + layout::kInFrame);
  beat.beat_no = load_little<std::uint64_t>(at + layout::kBeatNo);
  std::copy_n(at + layout::kPresence, kPresenceBytes, beat.presence.begin());
  std::copy_n(at + layout::kCounters, kCounterBytes, beat.counters.begin());
}

}  // namespace

void encode(const Beat& beat, const BeatKeys& keys, PacketBytes& into) noexcept {
  CHECK(beat.sender < keys.size());
  CHECK(beat.incarnation != 0 && beat.seq != 0);
  into.fill(0);
  std::uint8_t* at = into.data();
  store_little<std::uint32_t>(at + layout::kMagic, kMagic);
  at[layout::kVersion] = kVersion;
  at[layout::kKind] = static_cast<std::uint8_t>(beat.kind);
  at[layout::kSender] = beat.sender;
  at[layout::kLink] = beat.link;
  store_little<std::uint64_t>(at + layout::kPair, beat.pair);
  store_little<std::uint64_t>(at + layout::kIncarnation, beat.incarnation);
  store_little<std::uint64_t>(at + layout::kSeq, beat.seq);
  store_little<std::uint64_t>(at + layout::kEchoIncarnation, beat.echo.incarnation);
  store_little<std::uint64_t>(at + layout::kEchoSeq, beat.echo.seq);
  store_little<std::uint64_t>(at + layout::kSentAt, u64(beat.sent_at));
  store_little<std::uint64_t>(at + layout::kEchoSentAt, u64(beat.echo.sent_at));
  store_little<std::uint64_t>(at + layout::kEchoHeld, u64(beat.echo.held));
  store_little<std::uint32_t>(at + layout::kVouchAge, beat.vouch_age_ms);
  store_little<std::uint32_t>(at + layout::kFlags, beat.flags);
  store_little<std::uint64_t>(at + layout::kInFrame, beat.in_frame);
  store_little<std::uint64_t>(at + layout::kBeatNo, beat.beat_no);
  std::copy(beat.presence.begin(), beat.presence.end(), at + layout::kPresence);
  std::copy(beat.counters.begin(), beat.counters.end(), at + layout::kCounters);
  const auto covered = std::span<const std::uint8_t>(into).first(layout::kMac);
  store_little<std::uint64_t>(at + layout::kMac, siphash24(keys[beat.sender], covered));
}

Decoded decode(std::span<const std::uint8_t> bytes, std::uint64_t pair, const BeatKeys& keys,
               Beat& beat) noexcept {
  if (bytes.size() != kPacketBytes) return Decoded::kMalformed;
  const std::uint8_t* at = bytes.data();
  if (load_little<std::uint32_t>(at + layout::kMagic) != kMagic ||
      at[layout::kVersion] != kVersion || at[layout::kSender] >= keys.size()) {
    return Decoded::kMalformed;
  }
  if (load_little<std::uint64_t>(at + layout::kPair) != pair) return Decoded::kOtherPair;
  const SipKey& key = keys[at[layout::kSender]];
  if (load_little<std::uint64_t>(at + layout::kMac) != siphash24(key, bytes.first(layout::kMac))) {
    return Decoded::kBadMac;
  }
  if (!is_kind(at[layout::kKind]) || load_little<std::uint64_t>(at + layout::kIncarnation) == 0 ||
      load_little<std::uint64_t>(at + layout::kSeq) == 0 ||
      (load_little<std::uint32_t>(at + layout::kFlags) & ~flag::kAll) != 0 ||
      !is_zero(bytes.subspan(layout::kZeroTail, layout::kMac - layout::kZeroTail))) {
    return Decoded::kMalformed;
  }
  read_fields(at, beat);
  return Decoded::kOk;
}

}  // namespace hotpair::heartbeat
