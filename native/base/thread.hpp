// Thread: one native thread with one owner, joined before its owner goes.
//
// std::thread is not used: it throws where pthread_create reports, and the version of its symbols
// would raise the least glibc that the addon needs. The thread blocks every signal but those of its
// own faults, so that the handlers of Node.js and of the application run on their own threads only.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace hotpair {

class Thread {
 public:
  using Body = void (*)(void* context);

  // Starts `body(context)`; `name` (at most 15 characters) is what `ps -L` shows.
  static Result<Thread> start(const char* name, Body body, void* context);

  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&&) = delete;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  // Requires: joined.
  ~Thread();

  // Waits for the end of the body. Idempotent.
  void join() noexcept;

 private:
  explicit Thread(std::uintptr_t handle) noexcept : handle_(handle), is_running_(true) {}

  // The pthread_t.
  std::uintptr_t handle_;
  bool is_running_;
};

// Asks that the calling thread runs before all ordinary ones, or as one of them again. False: the
// system does not allow it (on Linux it takes root, CAP_SYS_NICE or an RLIMIT_RTPRIO from 1 on), or
// knows no such thing; nothing has changed then.
bool set_realtime(bool is_realtime) noexcept;

}  // namespace hotpair
