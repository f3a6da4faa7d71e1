// The marks of what a primary has begun and sent, which survive its process in the unit's memory.
//
// Written by the server's event loop around each `deliver`, read by the beat thread of a unit in
// another process once the server is dead: then nobody writes any more, and all that had been
// written is there. So the other member learns exactly what was sent; only what was begun and not
// sent is in doubt.
//
//   0   epoch, f64      the reign whose outputs these are; 0: none
//   8   lanes, f64      channels of which something was begun, at most kMostLanes
//   16  lane 0: begun, f64; sent, f64      last output whose `deliver` was called; up to which each
//   32  lane 1 ...                         one has resolved
//
// Numbers of JavaScript, as it stores them with one instruction. What cannot be such a number is
// taken for rubbish, and all of it with it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "heartbeat/beat_layout.hpp"

namespace hotpair::heartbeat {

// Channels beyond it are in doubt as they are without marks.
inline constexpr std::size_t kMostLanes = 256;

struct SentMarks {
  struct Lane {
    std::atomic<std::uint64_t> begun{0};
    std::atomic<std::uint64_t> sent{0};
  };
  std::atomic<std::uint64_t> epoch{0};
  std::atomic<std::uint64_t> lanes{0};
  Lane lane[kMostLanes];
};
static_assert(sizeof(SentMarks) == 16 + kMostLanes * 16 && alignof(SentMarks) == 8);

// What one member knows of the other's marks, whole.
struct PeerMarks {
  struct Lane {
    std::uint64_t begun;
    std::uint64_t sent;
  };
  // Whose marks they are; 0: none are known.
  std::uint64_t incarnation;
  std::uint64_t epoch;
  std::uint64_t lanes;
  Lane lane[kMostLanes];
};
static_assert(std::has_unique_object_representations_v<PeerMarks>, "no padding");

// The whole number that JavaScript has stored as `bits`; nothing when it is none.
std::optional<std::uint64_t> whole_number(std::uint64_t bits) noexcept;

// Marks of a server that is dead; nothing when they are rubbish or speak of no reign.
std::optional<PeerMarks> read_marks(const SentMarks& marks, std::uint64_t incarnation) noexcept;

// One packet carries so many lanes in the place of the presence.
//
//   0  u64  epoch      8  u32  lanes in all      12  u32  index of the first lane here
//   16  lane: begun u64, sent u64 ...
inline constexpr std::size_t kLanesAtOnce = (kPresenceBytes - 16) / 16;

// How many packets `marks` takes; at least one.
std::size_t packets_of(const PeerMarks& marks) noexcept;
Presence encode_marks(const PeerMarks& marks, std::size_t packet) noexcept;

// Puts packets together, in any order and however often each comes.
class MarksCollector {
 public:
  // True when with this one all are there: `whole` is meaningful from then on.
  bool take(std::uint64_t incarnation, const Presence& packet) noexcept;
  const PeerMarks& whole() const noexcept { return marks_; }

 private:
  PeerMarks marks_{};
  std::size_t missing_ = 0;
  std::array<bool, (kMostLanes + kLanesAtOnce - 1) / kLanesAtOnce> has_{};
};

}  // namespace hotpair::heartbeat
