// Waits for the neighbour's death on the word and, once a nap, on descriptors; see watcher.hpp.
// System calls of the thread: futex, poll, clock_gettime, and sched_setscheduler at its begin.
#include <poll.h>

#include <array>
#include <utility>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "vigil/watcher.hpp"

namespace hotpair::vigil {
namespace {

#if defined(POLLRDHUP)
constexpr short kConnectionEnds = POLLRDHUP;
#else
constexpr short kConnectionEnds = 0;
#endif
constexpr short kAlwaysReported = POLLHUP | POLLERR | POLLNVAL;

// How long stop() lets the thread take between two wakes.
constexpr Nanos kStopNap = Nanos::millis(1);

}  // namespace

Result<std::unique_ptr<Watcher>> Watcher::start(Watched watched, Alarm alarm) {
  CHECK(watched.words != nullptr || watched.process.is_open() || watched.connection.is_open());
  auto watcher = std::make_unique<Watcher>(std::move(watched), alarm);
  Result<Thread> thread = Thread::start(
      "hotpair-vigil", [](void* raw) { static_cast<Watcher*>(raw)->run(); }, watcher.get());
  if (!thread.ok()) return thread.error();
  watcher->thread_ = std::make_unique<Thread>(std::move(thread).value());
  return watcher;
}

Watcher::Watcher(Watched watched, Alarm alarm) noexcept
    : watched_(std::move(watched)), alarm_(alarm) {}

void Watcher::stop() noexcept {
  if (thread_ == nullptr) return;
  // release: pairs with the acquire in run().
  is_stopping_.store(true, std::memory_order_release);
  // acquire: pairs with the release in run().
  while (is_done_.load(std::memory_order_acquire) == 0) {
    // It may have looked at the flag and not yet be asleep; then the next wake finds it.
    if (watched_.words != nullptr) wake_all(watched_.words->owner);
    wait_on(is_done_, 0, kStopNap);
  }
  thread_->join();
  thread_.reset();
}

// relaxed, both: a word for status, which nothing else hangs on.
bool Watcher::is_realtime() const noexcept { return is_realtime_.load(std::memory_order_relaxed); }

bool Watcher::is_word_given_up() const noexcept {
  // relaxed: as above.
  return is_word_given_up_.load(std::memory_order_relaxed);
}

bool Watcher::uses_word() const noexcept {
  return watched_.words != nullptr && !is_word_given_up();
}

void Watcher::run() noexcept {
  // relaxed: a word for status.
  is_realtime_.store(set_realtime(true), std::memory_order_relaxed);
  // acquire: pairs with the release in stop().
  while (!is_stopping_.load(std::memory_order_acquire)) {
    // acquire: what was written before the word changed is seen with it.
    const std::uint32_t owner =
        uses_word() ? watched_.words->owner.load(std::memory_order_acquire) : 0;
    if (judge_word(owner) || judge_descriptors()) break;
    nap(owner);
  }
  // release: pairs with the acquire in stop().
  is_done_.store(1, std::memory_order_release);
  wake_all(is_done_);
}

bool Watcher::judge_word(std::uint32_t owner) noexcept {
  if (!uses_word()) return false;
  switch (vow_state(owner, known_thread_)) {
    case VowState::kNone:
      return false;
    case VowState::kHeld:
      known_thread_ = owner & kThreadMask;
      return false;
    case VowState::kDied: {
      // acquire: written before `owner` was.
      const std::uint32_t signal = watched_.words->crash.load(std::memory_order_acquire);
      ring(signal == 0 ? Finding::Cause::kDied : Finding::Cause::kCrashed, signal);
      return true;
    }
    case VowState::kReleased:
      ring(Finding::Cause::kReleased);
      return true;
    case VowState::kUnclear:
      // relaxed: a word for status, else of this thread only.
      is_word_given_up_.store(true, std::memory_order_relaxed);
      return false;
  }
  return false;
}

bool Watcher::judge_descriptors() noexcept {
  // A descriptor of -1 is passed over.
  std::array<pollfd, 2> entries{pollfd{watched_.process.get(), POLLIN, 0},
                                pollfd{watched_.connection.get(), kConnectionEnds, 0}};
  if (::poll(entries.data(), entries.size(), 0) <= 0) return false;
  // What the word says came first and says more; it may have changed since it was read.
  // acquire: see run().
  if (uses_word() && judge_word(watched_.words->owner.load(std::memory_order_acquire))) return true;
  if (entries[0].revents != 0) {
    ring(Finding::Cause::kProcessGone);
    return true;
  }
  if ((entries[1].revents & (kConnectionEnds | kAlwaysReported)) == 0) return false;
  ring(Finding::Cause::kConnectionEnded);
  return true;
}

void Watcher::ring(Finding::Cause cause, std::uint32_t signal) noexcept {
  alarm_.ring(alarm_.context, Finding{cause, signal, monotonic_now()});
}

void Watcher::nap(std::uint32_t owner) noexcept {
  if (!uses_word() || !kWakesAcrossProcesses) {
    std::array<pollfd, 2> entries{pollfd{watched_.process.get(), POLLIN, 0},
                                  pollfd{watched_.connection.get(), kConnectionEnds, 0}};
    static_cast<void>(::poll(entries.data(), entries.size(), kNap.count / 1'000'000));
    return;
  }
  const Instant began = monotonic_now();
  wait_on(watched_.words->owner, owner, kNap);
  if (monotonic_now() - began >= kNap / 2) {
    idle_wakes_ = 0;
  } else if (++idle_wakes_ > kMostIdleWakes) {
    // relaxed: as in judge_word().
    is_word_given_up_.store(true, std::memory_order_relaxed);
  }
}

}  // namespace hotpair::vigil
