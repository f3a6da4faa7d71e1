// The beat board: what the beat thread knows of one pair, for JavaScript to read without a call.
//
// The beat thread writes it whole, by LatestValue, after each wake that changed something; any
// number of readers take it whole. The offsets of the fields go to JavaScript through `facts`, so
// this file is the only place where the layout is written. Two parts lie beyond `end`: the frame
// that the event loop is in, which goes the other way, and the statistics, which are counters that
// are read one by one.
//
//   0    sequence (u32), zero (u32)
//   8    BoardView
//   end  frame, low half (u32), high half (u32)
//        BeatStatistics
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/latest_value.hpp"
#include "heartbeat/beat_layout.hpp"
#include "heartbeat/beat_statistics.hpp"
#include "heartbeat/socket.hpp"

namespace hotpair::heartbeat {

// Written by the beat thread only. Times are ns on CLOCK_MONOTONIC.
struct BoardView {
  // Level and Verdict of suspicion.hpp; the verdict speaks of `peer_incarnation`.
  std::uint32_t suspicion;
  std::uint32_t verdict;
  std::uint64_t verdict_at;
  // Incarnation last heard freshly; 0 before.
  std::uint64_t peer_incarnation;
  // Incarnation whose place was taken by a newer one; 0 if none.
  std::uint64_t gone_incarnation;
  // Newest own packet that the peer has heard.
  std::uint64_t answered_seq;
  // Newest own packet sent.
  std::uint64_t own_seq;
  // When the newest fresh packet came.
  std::uint64_t heard_at;
  // Times that the beat thread stood still for a window or longer.
  std::uint32_t stall_count;
  // Links whose beat connection is up.
  std::uint32_t links_up;
  // First own packet after the last such stall; 0 without one.
  std::uint64_t stall_seq;
  // Times that the gate was found expired.
  std::uint64_t gate_lapses;
  // Refused packets.
  std::uint64_t bad_mac;
  std::uint64_t malformed;
  std::uint64_t replayed;
  std::uint64_t other_pair;
  std::uint64_t same_member;
  // Connections closed because they had proved nothing in time, or when others needed their place.
  std::uint64_t unproved;
  // Where the last of what the counters above count came from; own name apart.
  Origin stranger;
  // Which of the own keys the newest fresh packet bears: 1 or 2; 0 before.
  std::uint64_t peer_key;
  // Smoothed, ns, over all links; 0 before the first.
  std::uint64_t round_trip;
  // The epoch that this beat thread gave up last; 0 before.
  std::uint64_t renounced_natively;
  // Of the newest fresh packet: the age of the peer's vouch in ms, whether its event loop stands in
  // an announced block (1) or not (0), and the frame that it is in, 0 for none.
  std::uint32_t peer_vouch_age_ms;
  std::uint32_t is_peer_busy;
  std::uint64_t peer_in_frame;
  Presence peer_presence;
  Counters peer_counters;
};
static_assert(std::is_trivially_copyable_v<BoardView> && std::is_standard_layout_v<BoardView>);
static_assert(std::has_unique_object_representations_v<BoardView>, "no padding");

struct BeatBoard {
  LatestValue<BoardView> view;
  // The frame that the event loop processes, 0 for none: written by it (by Atomics in JavaScript),
  // read by the beat thread, and meaningful while the event loop hangs: then both halves were
  // written long ago. At other times halves of two numbers may be read.
  std::atomic<std::uint32_t> frame_low{0};
  std::atomic<std::uint32_t> frame_high{0};
  BeatStatistics statistics;
};

inline constexpr std::size_t kBoardViewEnd =
    LatestValue<BoardView>::value_offset() + sizeof(BoardView);
static_assert(sizeof(BeatBoard) == kBoardViewEnd + 8 + sizeof(BeatStatistics));
static_assert(sizeof(LatestValue<BoardView>) == kBoardViewEnd);
static_assert(sizeof(BeatBoard) % 8 == 0 && alignof(BeatBoard) == 8);

}  // namespace hotpair::heartbeat
