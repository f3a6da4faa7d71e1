// HeartbeatThread: the beat thread of one environment, its bell, and the pairs that answer it.
//
// Made with the first pair and kept until the environment ends; an environment that opens no pair
// has no thread. Ends in its cleanup hook: the thread is joined, then the bell is closed. Pairs
// that are still open then lie still until JavaScript's objects are collected.
#pragma once

#include <memory>

#include "addon/doorbell.hpp"
#include "addon/napi_clean.hpp"
#include "base/result.hpp"
#include "heartbeat/beat_loop.hpp"

namespace hotpair::addon {

class HeartbeatThread;

// One open pair as the bell sees it; linked into the list of its HeartbeatThread.
class Listener {
 public:
  Listener() noexcept = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The event loop runs: its beat thread may say so.
  virtual void vouch() noexcept = 0;
  // Whether there is news; the next call says false unless there is more.
  virtual bool take_news() noexcept = 0;
  virtual void tell(napi_env env) = 0;

 protected:
  ~Listener() = default;
  // Null before it was added, and after the environment's data went before this object did.
  HeartbeatThread* thread() const noexcept { return thread_; }

 private:
  friend class HeartbeatThread;
  HeartbeatThread* thread_ = nullptr;
  Listener* next_ = nullptr;
};

class HeartbeatThread {
 public:
  // The thread of `env`, started if need be.
  static Result<HeartbeatThread*> of(napi_env env);

  // For of() only.
  explicit HeartbeatThread(napi_env env) noexcept : env_(env) {}
  ~HeartbeatThread();
  HeartbeatThread(const HeartbeatThread&) = delete;
  HeartbeatThread& operator=(const HeartbeatThread&) = delete;

  heartbeat::BeatLoop& loop() noexcept { return *loop_; }
  void add(Listener& listener) noexcept;
  void remove(Listener& listener) noexcept;

 private:
  Result<void> start();
  static void end(void* self);
  static void answer(napi_env env);

  napi_env env_;
  Doorbell bell_;
  std::unique_ptr<heartbeat::BeatLoop> loop_;
  Listener* listeners_ = nullptr;
};

}  // namespace hotpair::addon
