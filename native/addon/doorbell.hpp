// Doorbell: how a native thread calls the JavaScript thread. It carries nothing.
//
// A thread-safe function with a queue of one and no payload: a full queue means that it has rung
// already, and Node takes the entry out before it calls back, so no ring is lost. What there is to
// know stands elsewhere: on the beat boards, in the phase of a load.
//
// The order of the end is what this file is about. The thread-safe function registers its own
// cleanup hook when it is made, that of the ringing thread is added after it, and hooks run last-in
// first-out: so the thread is joined while the bell can still be rung, and nobody is left who
// could ring it when it goes. There is no mutex for the same reason: the one ringer is joined
// first. Several threads may ring one bell in turn, each joined before the next begins.
#pragma once

#include "addon/napi_clean.hpp"

namespace hotpair::addon {

class Doorbell {
 public:
  // Called on the JavaScript thread for each ring; never while the environment ends.
  using Answer = void (*)(napi_env env);

  Doorbell() noexcept = default;
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // It does not keep the process alive. False when Node refuses; nothing was made then.
  [[nodiscard]] bool open(napi_env env, Answer answer) noexcept;
  // Requires: the ringing thread was joined. Idempotent.
  void close() noexcept;

  // thread: the ringing one
  void ring() noexcept;

 private:
  napi_threadsafe_function function_ = nullptr;
  // Node has said that the environment ends. Of the ringing thread.
  bool is_closing_ = false;
};

}  // namespace hotpair::addon
