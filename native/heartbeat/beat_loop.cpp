// The beat thread; see beat_loop.hpp.
#include "heartbeat/beat_loop.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/clock.hpp"

namespace hotpair::heartbeat {
namespace {

// Waits for sockets in one wake: with more of them than that ready at once, the rest is read with
// the next wake, which follows at once.
constexpr int kMostBatches = 16;

}  // namespace

Result<std::unique_ptr<BeatLoop>> BeatLoop::start(Bell bell) {
  Result<std::unique_ptr<Poller>> poller = Poller::open();
  if (!poller.ok()) return poller.error();
  auto loop = std::make_unique<BeatLoop>(std::move(poller).value(), bell);
  Result<Thread> thread = Thread::start(
      "hotpair-beat", [](void* self) { static_cast<BeatLoop*>(self)->run(); }, loop.get());
  if (!thread.ok()) return thread.error();
  loop->thread_ = std::make_unique<Thread>(std::move(thread).value());
  return loop;
}

BeatLoop::BeatLoop(std::unique_ptr<Poller> poller, Bell bell) noexcept
    : poller_(std::move(poller)), bell_(bell) {}

BeatLoop::~BeatLoop() { stop(); }

void BeatLoop::stop() noexcept {
  if (thread_ == nullptr) return;
  is_stopping_.store(true, std::memory_order_release);  // pairs with the acquire in take_commands()
  poller_->wake();
  thread_->join();
  thread_.reset();
}

void BeatLoop::post(BeatPair& pair, Commands commands) noexcept {
  if (thread_ == nullptr) return;
  BeatPair::Mail& mail = pair.mail;
  mail.commands.fetch_or(commands, std::memory_order_release);  // pairs with take_commands()
  // acq_rel: pairs with the store in take_commands(), so that commands added to a pair which still
  // stands on the stack are seen by the thread.
  if (!mail.is_queued.exchange(true, std::memory_order_acq_rel)) {
    mail.next_queued = queue_.load(std::memory_order_relaxed);  // relaxed: checked by the exchange
    while (!queue_.compare_exchange_weak(mail.next_queued, &pair, std::memory_order_release,
                                         std::memory_order_relaxed)) {
    }
  }
  poller_->wake();
}

void BeatLoop::remove(BeatPair& pair) noexcept {
  if (thread_ == nullptr) return;
  // relaxed: only this thread waits, and one removal is under way at a time.
  const std::uint32_t before = detached_count_.load(std::memory_order_relaxed);
  post(pair, command::kDetach);
  detached_count_.wait(before, std::memory_order_acquire);  // pairs with the release in detach()
}

bool BeatLoop::has_turned() noexcept {
  // relaxed: a count, which nothing else hangs on.
  const std::uint32_t turns = turns_.load(std::memory_order_relaxed);
  poller_->wake();
  return std::exchange(turns_seen_, turns) != turns;
}

void BeatLoop::run() noexcept {
  Poller::Batch batch;
  WakeWatch watch(monotonic_now(), boot_now());
  Promptness promptness(monotonic_now(), thread_cpu_time());
  bool wants_realtime = false;
  Instant planned = kNever;
  for (;;) {
    const std::span<void*> ready = poller_->wait(planned, batch);
    const Instant now = monotonic_now();
    const Wake wake = watch.observe(now, boot_now(), planned);
    if (promptness.observe(now, thread_cpu_time()) != wants_realtime) {
      wants_realtime = !wants_realtime;
      is_realtime_ = set_realtime(wants_realtime) && wants_realtime;
    }
    if (wake.stood_still > Nanos{0}) {
      for (BeatPair* pair = pairs_; pair != nullptr; pair = pair->mail.next) {
        pair->excuse(now, wake);
      }
    }
    read_sockets(ready, batch);
    if (!take_commands()) return;
    for (BeatPair* pair = pairs_; pair != nullptr; pair = pair->mail.next) {
      pair->obey_words(monotonic_now());
    }
    planned = work_all();
    turns_.fetch_add(1, std::memory_order_relaxed);  // relaxed: see has_turned()
  }
}

void BeatLoop::read_sockets(std::span<void*> ready, Poller::Batch& batch) noexcept {
  for (int i = 0; i < kMostBatches; ++i) {
    for (void* token : ready) {
      const auto* watched = static_cast<const Watched*>(token);
      watched->pair->on_ready(*watched, monotonic_now());
    }
    if (ready.size() < batch.size()) return;
    ready = poller_->wait(monotonic_now(), batch);
  }
}

bool BeatLoop::take_commands() noexcept {
  // acquire: pairs with the release in post(), so that next_queued is seen.
  BeatPair* pair = queue_.exchange(nullptr, std::memory_order_acquire);
  while (pair != nullptr) {
    BeatPair* next = pair->mail.next_queued;
    // From here on the pair may put itself on the stack again; acq_rel as in post().
    static_cast<void>(pair->mail.is_queued.exchange(false, std::memory_order_acq_rel));
    const Commands commands = pair->mail.commands.exchange(0, std::memory_order_acquire);
    if (commands & command::kAttach) attach(*pair);
    if (commands & command::kDetach) {
      detach(*pair);
    } else {
      pair->obey(commands, monotonic_now());
    }
    pair = next;
  }
  if (!is_stopping_.load(std::memory_order_acquire)) return true;  // pairs with stop()
  while (pairs_ != nullptr) detach(*pairs_);
  return false;
}

void BeatLoop::attach(BeatPair& pair) noexcept {
  pair.mail.next = pairs_;
  pairs_ = &pair;
  CHECK(pair.attach(*poller_));
}

void BeatLoop::detach(BeatPair& pair) noexcept {
  pair.detach();
  BeatPair** at = &pairs_;
  while (*at != &pair) {
    CHECK(*at != nullptr);
    at = &(*at)->mail.next;
  }
  *at = pair.mail.next;
  // The pair is not touched after this.
  detached_count_.fetch_add(1, std::memory_order_release);  // pairs with the wait in remove()
  detached_count_.notify_one();
}

Instant BeatLoop::work_all() noexcept {
  const Instant now = monotonic_now();
  const BootInstant boot = boot_now();
  Instant planned = kNever;
  bool has_news = false;
  const std::uint64_t realtime = is_realtime_ ? 1 : 0;
  for (BeatPair* pair = pairs_; pair != nullptr; pair = pair->mail.next) {
    pair->statistics().realtime.set(realtime);
    if (pair->is_touched || now >= pair->deadline) {
      const bool has_own = pair->work(now, boot);
      if (has_own && pair->bell.ring != nullptr) {
        pair->bell.ring(pair->bell.context);
      } else {
        has_news = has_own || has_news;
      }
      pair->deadline = pair->next_deadline(now);
    }
    planned = std::min(planned, pair->deadline);
  }
  if (has_news) bell_.ring(bell_.context);
  return planned;
}

}  // namespace hotpair::heartbeat
