// BeatSeat: where the beats of a pair are sent from: the beat thread of this process, or a unit in
// a process of its own. Of the JavaScript thread.
#pragma once

#include <cstdint>
#include <memory>

#include "addon/heartbeat_thread.hpp"
#include "addon/shared_words.hpp"
#include "base/result.hpp"
#include "heartbeat/beat_pair.hpp"

namespace hotpair::addon {

class BeatSeat {
 public:
  virtual ~BeatSeat() = default;
  // What was written into the words is to be looked at.
  virtual void post(heartbeat::Commands commands) noexcept = 0;
  // The process of the unit, 0 where there is none.
  virtual std::int64_t unit_pid() const noexcept = 0;
  // Whoever sent the beats has ended; nobody sends them any more.
  virtual bool is_lost() const noexcept = 0;
  // The server before this one hung, and the unit has killed it.
  virtual bool has_killed_former() const noexcept = 0;
  // The beats end; afterwards nobody but JavaScript uses the words. `in_order`: all has been said
  // that was to be said, and a unit need not take this process for dead. Idempotent.
  virtual void leave(bool in_order) noexcept = 0;
};

struct Seated {
  WordsUse words;
  std::unique_ptr<BeatSeat> seat;
};

// In this process. Opens the sockets of each link.
Result<Seated> sit_here(HeartbeatThread& thread, const heartbeat::PairConfig& config);
// At the unit that listens at `path`; waits until `deadline` for its answer.
Result<Seated> sit_at_unit(HeartbeatThread& thread, const heartbeat::PairConfig& config,
                           const char* path, Instant deadline);

}  // namespace hotpair::addon
