// UnitClient: a server at its unit: the words it shares with the unit's beat thread, and the thread
// that rings when there is news in them.
//
// The vow on this process's life lies in those words, so the unit learns of its death at once. When
// the unit itself ends, `is_lost` says so, and the bell rings: the words stay where they are, but
// nobody reads them any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "base/shared_region.hpp"
#include "base/thread.hpp"
#include "heartbeat/beat_pair.hpp"
#include "ipc/local_channel.hpp"
#include "unit/remote_bell.hpp"
#include "unit/unit_messages.hpp"
#include "unit/unit_words.hpp"
#include "vigil/crash_word.hpp"
#include "vigil/vow.hpp"

namespace hotpair::unit {

class UnitClient {
 public:
  // Joins the unit that listens at `path`, which opens the sockets of `config`. Waits for its
  // answer until `deadline`. `bell` rings on news, from a thread of its own.
  static Result<std::unique_ptr<UnitClient>> join(const char* path,
                                                  const heartbeat::PairConfig& config,
                                                  Instant deadline, heartbeat::Bell bell);
  // For join() only.
  UnitClient(ipc::LocalChannel channel, SharedRegion region, RemoteBell bell_end, UniqueFd waker,
             Former former, const heartbeat::LoopWatch& loop, heartbeat::Bell bell) noexcept;
  // As if the process had ended.
  ~UnitClient() { leave(false); }
  UnitClient(const UnitClient&) = delete;
  UnitClient& operator=(const UnitClient&) = delete;

  // By the kernel's word.
  std::int64_t unit_pid() const noexcept { return channel_.peer().pid; }
  heartbeat::PairWords& words() noexcept { return words_->pair; }
  // The server before this one hung, and the unit has killed it.
  bool has_killed_former() const noexcept { return former_ == Former::kKilled; }
  // The unit looks at what was written into the words.
  // thread: JavaScript
  void post(heartbeat::Commands commands) noexcept;
  // The unit has ended, or the connection to it. Told once by the bell.
  // thread: any
  bool is_lost() const noexcept { return is_lost_.load(std::memory_order_acquire); }
  // Stops the thread and hangs up. `in_order`: the unit is told that this server has said all that
  // it had to say; else it takes it for dead, unless the connection has ended before. Idempotent.
  void leave(bool in_order) noexcept;
  // The memory of the words, for as long as somebody uses it; call it after `leave`.
  SharedRegion take_region() noexcept { return std::move(region_); }

 private:
  // thread: client
  void run() noexcept;
  void note_wait() noexcept;

  ipc::LocalChannel channel_;
  SharedRegion region_;
  UnitWords* const words_;
  const RemoteBell bell_end_;
  const UniqueFd waker_;
  const Former former_;
  const heartbeat::LoopWatch loop_;
  const heartbeat::Bell bell_;
  std::unique_ptr<vigil::Vow> vow_;
  std::optional<vigil::CrashWord> crash_;
  std::atomic<bool> is_lost_{false};
  std::atomic<bool> is_leaving_{false};
  std::unique_ptr<Thread> thread_;
};

}  // namespace hotpair::unit
