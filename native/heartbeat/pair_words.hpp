// PairWords: all that the server of a member and its beat thread say to each other, in one place.
//
// Plain memory where both live in one process, a shared region where the unit is a process of its
// own; the same code reads and writes it either way. It has no pointer, no length and no lock, so
// nothing that stands in it can lead a reader astray: a neighbour that writes rubbish here is
// believed in what it says of itself, and harms nobody's memory. Each word has one writing side,
// but for those of the gate (gate.hpp) and `has_news` and `commands`, which one side sets and the
// other takes.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "base/latest_value.hpp"
#include "base/units.hpp"
#include "heartbeat/beat_board.hpp"
#include "heartbeat/gate.hpp"
#include "heartbeat/link_addresses.hpp"
#include "heartbeat/loop_turns.hpp"
#include "heartbeat/sent_marks.hpp"
#include "heartbeat/timing.hpp"

namespace hotpair::heartbeat {

// How long the event loop had waited for events in all when it was asked during turn `turn`: read
// by the server's process, for another cannot.
struct LoopWait {
  std::uint64_t turn;
  std::int64_t waited;
};

// Of this layout; both sides of a shared one must have the same.
inline constexpr std::uint32_t kPairWordsLayout = 2;

struct PairWords {
  explicit PairWords(BootInstant opened_at) noexcept : gate(opened_at) {}

  // Written by the server.
  LatestValue<Presence> announced;
  LatestValue<Counters> counters;
  LatestValue<LinkAddresses> moved[kMostLinks];
  LoopTurns turns;
  // Until when the event loop may stand still: ns on the monotonic clock.
  std::atomic<std::int64_t> block_until{0};
  LatestValue<LoopWait> wait;
  SentMarks sent;
  // Commands that the server has left for a beat thread in another process.
  std::atomic<std::uint32_t> commands{0};

  // Written by both.
  GateWords gate;

  // Written by the beat thread, but for the frame on the board.
  std::atomic<std::uint32_t> has_news{0};
  BeatBoard board;
  LatestValue<PeerMarks> peer_marks;
};
static_assert(std::is_standard_layout_v<PairWords>);
static_assert(std::is_trivially_destructible_v<PairWords>);

}  // namespace hotpair::heartbeat
