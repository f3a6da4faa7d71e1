// BeatLoop: the beat thread of one environment, for all its pairs and links.
//
// It sleeps until a socket is ready, a deadline of a pair has come or a command waits; then it
// reads every socket empty, obeys, and only then lets each pair judge and send. After a pair was
// added it allocates nothing, takes no lock and logs nothing. Its system calls are: epoll_wait,
// epoll_ctl, timerfd_settime, read (of the eventfd), recvfrom, recvmsg, sendto, recv, send,
// accept4, socket, bind, connect, setsockopt, getsockopt, getpeername, close, clock_gettime, and
// the futex or write by which it wakes the JavaScript thread, and sched_setscheduler.
//
// Commands come through a lock-free stack: a pair puts itself on it once, however many commands it
// has, and the thread takes the whole stack at once. `remove` waits until the thread has let go, so
// that afterwards the sockets are closed and the memory is the caller's alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "base/thread.hpp"
#include "heartbeat/beat_pair.hpp"
#include "heartbeat/bell.hpp"
#include "heartbeat/poller.hpp"
#include "heartbeat/promptness.hpp"

namespace hotpair::heartbeat {

class BeatLoop {
 public:
  static Result<std::unique_ptr<BeatLoop>> start(Bell bell);
  // For start() only.
  BeatLoop(std::unique_ptr<Poller> poller, Bell bell) noexcept;
  // Stops the thread, if it runs.
  ~BeatLoop();
  BeatLoop(const BeatLoop&) = delete;
  BeatLoop& operator=(const BeatLoop&) = delete;

  // The pair is the beat thread's until `remove`.
  // thread: JavaScript, as all below
  void add(BeatPair& pair) noexcept { post(pair, command::kAttach); }
  // Guarantees: the pair's sockets are closed, and the thread does not touch it any more.
  void remove(BeatPair& pair) noexcept;
  void post(BeatPair& pair, Commands commands) noexcept;
  // What another process rings to have the words of its pairs looked at.
  Result<UniqueFd> duplicate_wake() const noexcept { return poller_->duplicate_wake(); }
  // Whether the thread has come round since the last call, which asked it to; the first has asked
  // nothing. One that hangs does not.
  // thread: any, but one at a time
  bool has_turned() noexcept;
  // Ends the thread. Pairs that are still there are detached by it. Idempotent.
  void stop() noexcept;

 private:
  // thread: beat, all below
  void run() noexcept;
  void read_sockets(std::span<void*> ready, Poller::Batch& batch) noexcept;
  // False: the thread shall end.
  bool take_commands() noexcept;
  void attach(BeatPair& pair) noexcept;
  void detach(BeatPair& pair) noexcept;
  // Returns the next deadline.
  Instant work_all() noexcept;

  const std::unique_ptr<Poller> poller_;
  const Bell bell_;
  // Pairs with commands, linked by Mail::next_queued.
  std::atomic<BeatPair*> queue_{nullptr};
  std::atomic<bool> is_stopping_{false};
  // How many pairs the beat thread has let go of. Raised by it, waited for by JavaScript.
  std::atomic<std::uint32_t> detached_count_{0};
  // How often the beat thread has come round: written by it, read by has_turned().
  std::atomic<std::uint32_t> turns_{0};
  // As has_turned() saw it last.
  std::uint32_t turns_seen_ = 0;
  // Attached pairs, linked by Mail::next. Of the beat thread.
  BeatPair* pairs_ = nullptr;
  // The thread runs before all ordinary ones. Of the beat thread.
  bool is_realtime_ = false;
  // Null before start() has finished and after stop().
  std::unique_ptr<Thread> thread_;
};

}  // namespace hotpair::heartbeat
