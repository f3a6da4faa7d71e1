// Watcher: waits for the death of the neighbour process, on a thread of its own, and tells it at
// once.
//
// It sleeps on the word of the neighbour's vow and is woken by the kernel (or by the neighbour's
// signal handler). Once a nap it also looks at the descriptor of the process and at the connection:
// what is told by them is later, but cannot be forged or destroyed through shared memory. A word
// that says what no vow writes, or wakes without end, is given up for good, and those two are
// waited for alone. The thread runs before all ordinary ones where the system allows it, because
// the processor that it is woken on is often the one that takes the dead process's memory down.
//
// Shared memory is only read here, and only words whose place was checked by SharedRegion::at().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "base/thread.hpp"
#include "base/unique_fd.hpp"
#include "base/units.hpp"
#include "vigil/vow_layout.hpp"

namespace hotpair::vigil {

struct Finding {
  enum class Cause : std::uint8_t {
    // The kernel says that the thread of the vow has ended, and the process with it.
    kDied,
    // The neighbour's signal handler says that the process is about to end, by `signal`.
    kCrashed,
    // The descriptor of the process: it is gone, its memory is free.
    kProcessGone,
    // The connection has ended. Says nothing of the process.
    kConnectionEnded,
    // The vow was given back. Says nothing of the process.
    kReleased,
  };
  Cause cause = Cause::kDied;
  // What the neighbour says it is; not checked. 0 unless crashed.
  std::uint32_t signal = 0;
  // When it was found, before the alarm.
  Instant at{};
};

// Told once by the watcher's thread, before it takes any lock or memory. What it calls keeps that
// rule: all of this process waits for a real-time thread.
struct Alarm {
  void (*ring)(void* context, const Finding& finding) noexcept;
  void* context;
};

struct Watched {
  // Stay mapped until stop(). Null: only the descriptors are watched.
  const VowWords* words = nullptr;
  // From LocalChannel::open_process() and duplicate(). Each may be missing, but not all three.
  UniqueFd process;
  UniqueFd connection;
};

class Watcher {
 public:
  // How long the thread sleeps at most before it looks at the descriptors: 50 ms are 20 wakes a
  // second, 0.02 % of a processor. Twice of it would be a beat's interval late, half of it gains
  // nothing that the word does not give.
  static constexpr Nanos kNap = Nanos::millis(50);
  // Wakes within one nap after which the word is given up: an honest neighbour makes three.
  static constexpr int kMostIdleWakes = 1000;

  // The alarm may ring before this returns.
  static Result<std::unique_ptr<Watcher>> start(Watched watched, Alarm alarm);
  // For start() only.
  Watcher(Watched watched, Alarm alarm) noexcept;
  ~Watcher() { stop(); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Ends the thread, within a nap. Afterwards the alarm does not ring. Idempotent; not for the
  // alarm itself.
  void stop() noexcept;

  // The thread runs before all ordinary ones. For status; false also before it has begun.
  // thread: any
  bool is_realtime() const noexcept;
  // The word was given up: deaths are told by the descriptors. For status.
  // thread: any
  bool is_word_given_up() const noexcept;

 private:
  // thread: watcher, all below
  void run() noexcept;
  // True when the alarm has rung.
  bool judge_word(std::uint32_t owner) noexcept;
  bool judge_descriptors() noexcept;
  void ring(Finding::Cause cause, std::uint32_t signal = 0) noexcept;
  void nap(std::uint32_t owner) noexcept;
  bool uses_word() const noexcept;

  const Watched watched_;
  const Alarm alarm_;
  // The thread that keeps the vow, once seen. Of the watcher's thread, as is the next.
  std::uint32_t known_thread_ = 0;
  int idle_wakes_ = 0;
  // Written by the watcher's thread, read by any.
  std::atomic<bool> is_realtime_{false};
  std::atomic<bool> is_word_given_up_{false};
  SharedWord is_done_{0};
  // Written by stop().
  std::atomic<bool> is_stopping_{false};
  // Null before start() has finished and after stop().
  std::unique_ptr<Thread> thread_;
};

}  // namespace hotpair::vigil
