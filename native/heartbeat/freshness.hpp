// Which packets prove that the peer lives now, and which incarnation of it.
//
// One static key serves many sessions, so a recorded packet is as authentic as a new one. A packet
// counts as life only if it echoes this very incarnation, and its number is higher than all before
// of the sender's. Another incarnation than the known one must besides echo a packet that was sent
// after the known one was last heard, and no longer ago than a window: a recording cannot. So no
// list of former incarnations has to be kept.
//
// A newcomer takes the place of a known incarnation at once if that one has fallen silent or lost
// its connection. Otherwise it has to wait: if the known one is heard again, two processes run
// under one name, and the newcomer is refused.
//
// Pure: no clock, no socket, no memory of packets beyond one candidate.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/units.hpp"
#include "heartbeat/beat_layout.hpp"
#include "heartbeat/timing.hpp"

namespace hotpair::heartbeat {

enum class Freshness : std::uint8_t {
  // From the known incarnation, and newer than all before.
  kFresh,
  // From an incarnation that has just become the known one.
  kAdopted,
  // The copy over another path, or overtaken by a newer one. No life, and no attack.
  kDuplicate,
  // Came more often than there are paths, or is older than reordering explains.
  kReplayed,
  // Authentic, but it does not prove that it was made now: answer it, so that its sender can.
  kUnproven,
  // A newcomer that waits for the known one to fall silent.
  kWaiting,
};

// What the judgement of one packet depends on besides the packet.
struct Circumstances {
  Instant now;
  // The number of the newest own packet.
  std::uint64_t own_seq = 0;
  // The known incarnation is overdue, or a verdict speaks against it.
  bool is_known_late = false;
  // The known incarnation's last beat connection has ended, and none has come up since.
  bool has_connection_ended = false;
};

class PeerIdentity {
 public:
  // `paths` is how many copies of one packet may come.
  PeerIdentity(std::uint64_t own_incarnation, Timing timing, unsigned paths) noexcept;

  // `incarnation` was heard by a predecessor of this one: it is known, but none of its packets is,
  // so its first one must prove that it was made now. Call it before anything is observed.
  void expect(std::uint64_t incarnation) noexcept;
  // Requires: authentic, of this pair, from the other member.
  Freshness observe(const Beat& beat, const Circumstances& at) noexcept;

  // Adopts a newcomer whose wait is over; its newest packet is returned then. Call it only after
  // everything that has arrived was observed.
  std::optional<Beat> settle(const Circumstances& at) noexcept;

  // 0 before the first.
  std::uint64_t known() const noexcept { return known_; }
  // A packet of that incarnation was heard here.
  bool has_heard(std::uint64_t incarnation) const noexcept {
    return incarnation == known_ && !is_expected_;
  }
  // The incarnation whose place was taken last; 0 if none was.
  std::uint64_t gone() const noexcept { return gone_; }
  // Newcomers that were refused because the known incarnation was heard again.
  std::uint64_t refused_count() const noexcept { return refused_count_; }
  // When the waiting newcomer's wait is over.
  Instant next_deadline() const noexcept { return candidate_ ? candidate_until_ : kNever; }
  // Whether `beat` may bring up a connection: of the known incarnation, echoing this one, and not
  // older than the newest heard.
  bool is_newest_of_known(const Beat& beat) const noexcept;

 private:
  // So far back a packet counts as overtaken rather than replayed.
  static constexpr std::uint64_t kReorderSpan = 64;

  Freshness observe_known(const Beat& beat, const Circumstances& at) noexcept;
  bool is_proof(const Beat& beat, const Circumstances& at) const noexcept;
  Freshness adopt(const Beat& beat, const Circumstances& at) noexcept;

  const std::uint64_t own_incarnation_;
  const Timing timing_;
  const unsigned paths_;
  std::uint64_t known_ = 0;
  // Nothing was heard of the known one yet.
  bool is_expected_ = false;
  std::uint64_t highest_seq_ = 0;
  // Copies that came of each of the last kReorderSpan numbers.
  std::array<std::uint8_t, kReorderSpan> copies_{};
  // The newest own packet when the known incarnation was last heard: proof must echo a later one.
  std::uint64_t floor_ = 0;
  std::uint64_t gone_ = 0;
  std::uint64_t refused_count_ = 0;
  std::optional<Beat> candidate_;
  // Meaningful with a candidate.
  Instant candidate_until_{};
};

}  // namespace hotpair::heartbeat
