// HeartbeatThread: the beat thread of one environment, its bell, and the pairs that answer it.
//
// Made with the first pair and kept until the environment ends; an environment that opens no pair
// has no thread. Ends in its cleanup hook: the thread is joined, then the bell is closed, then the
// loop's turns are recorded no more, which takes a turn of the loop, so that the hook is one that
// the environment waits for. Pairs that are still open then lie still until JavaScript's objects
// are collected.
#pragma once

#include <memory>

#include "addon/doorbell.hpp"
#include "addon/napi_clean.hpp"
#include "addon/turn_recorder.hpp"
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

  // Whether there is news; the next call says false unless there is more.
  virtual bool take_news() noexcept = 0;
  virtual void tell(napi_env env) = 0;
  // Nothing may ring from now on: the bell goes.
  virtual void hush() noexcept = 0;

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
  TurnRecorder& turns() noexcept { return *turns_; }
  void add(Listener& listener) noexcept;
  void remove(Listener& listener) noexcept;

  // What a bell of this environment does: each listener that has news tells it.
  static void answer(napi_env env);
  napi_env env() const noexcept { return env_; }

 private:
  Result<void> start();
  static void on_cleanup(napi_async_cleanup_hook_handle hook, void* self);
  void end(napi_async_cleanup_hook_handle hook) noexcept;

  napi_env env_;
  Doorbell bell_;
  // Null before the start and after the end. It destroys itself; see TurnRecorder::close.
  TurnRecorder* turns_ = nullptr;
  std::unique_ptr<heartbeat::BeatLoop> loop_;
  Listener* listeners_ = nullptr;
};

}  // namespace hotpair::addon
