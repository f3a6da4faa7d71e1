// TurnRecorder: writes the words of heartbeat/loop_turns.hpp for one environment's event loop.
//
// It hangs on the loop as a prepare handle of libuv, which runs once a turn, before the loop waits.
// libuv runs most callbacks, those of sockets and of other threads, inside the step in which it
// waits; only its own count of idle time tells the wait from them, so that is what is written down
// and read. Node counts it for every loop of its own (`performance.eventLoopUtilization`); it is
// asked for here as well, since a loop that did not count it would look busy while it waits. Where
// it stays 0, as in an embedder that waits for libuv in a thread of its own, the beat thread's
// questions still make the loop turn, and nothing that runs is found hung.
//
// A nested run of the loop, by an addon that waits in a callback, turns it too. The handle does not
// keep the process alive.
#pragma once

#include <uv.h>

#include <array>
#include <cstddef>

#include "addon/napi_clean.hpp"
#include "heartbeat/loop_turns.hpp"

namespace hotpair::addon {

class TurnRecorder {
 public:
  // Records from now on. Null when Node or libuv refuses; nothing was made then.
  static TurnRecorder* open(napi_env env) noexcept;

  // JavaScript decides something: that begins a turn too.
  void note() noexcept;
  // `words`, which are read in another process, get the same from now on; until `unmirror`.
  void mirror(heartbeat::LoopTurns& words) noexcept;
  void unmirror(heartbeat::LoopTurns& words) noexcept;
  // Good until `close`.
  heartbeat::LoopWatch watch() const noexcept;

  // Takes the handle from the loop, which lets go of it in a turn of its own. Then `hook` is
  // removed, so that the environment waits for that, and the object is gone.
  // Requires: nobody watches any more.
  void close(napi_async_cleanup_hook_handle hook) noexcept;

  // For open() only.
  explicit TurnRecorder(uv_loop_t& loop) noexcept : loop_(loop) {}

 private:
  uv_loop_t& loop_;
  uv_prepare_t handle_{};
  heartbeat::LoopTurns turns_;
  // Members of one process that have a unit, at most; one more is not mirrored, and its unit learns
  // of a hang by questions alone.
  static constexpr std::size_t kMostMirrors = 8;
  std::array<heartbeat::LoopTurns*, kMostMirrors> mirrors_{};
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

}  // namespace hotpair::addon
