// Threads by pthread; see thread.hpp.
//
// A glibc of 2.34 or newer gives these calls a new version that older ones do not have; binding the
// first version keeps the addon loadable where Node.js itself still runs.
#include <pthread.h>
#include <signal.h>
#if defined(__linux__)
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <bit>
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "base/thread.hpp"

#if defined(__linux__) && defined(__GLIBC__)
#if defined(__x86_64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.2.5");
__asm__(".symver pthread_sigmask,pthread_sigmask@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.17");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.17");
__asm__(".symver pthread_sigmask,pthread_sigmask@GLIBC_2.17");
#endif
#endif

namespace hotpair {
namespace {

static_assert(sizeof(pthread_t) == sizeof(std::uintptr_t));

// What the new thread needs to know; handed over to it.
struct Start {
  const char* name;
  Thread::Body body;
  void* context;
};

void* run(void* raw) {
  const std::unique_ptr<Start> start(static_cast<Start*>(raw));
#if defined(__APPLE__)
  pthread_setname_np(start->name);
#elif defined(__linux__)
  // Not pthread_setname_np, whose version is too new as well.
  static_cast<void>(::prctl(PR_SET_NAME, start->name));
#endif
  start->body(start->context);
  return nullptr;
}

}  // namespace

Result<Thread> Thread::start(const char* name, Body body, void* context) {
  auto start = std::make_unique<Start>(Start{name, body, context});
  // The thread inherits the mask, so it is set before and put back after.
  sigset_t blocked;
  sigset_t former;
  sigfillset(&blocked);
  // A fault that is blocked ends the process past every handler, and what would tell of it.
  for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT}) {
    sigdelset(&blocked, fault);
  }
  CHECK(pthread_sigmask(SIG_SETMASK, &blocked, &former) == 0);
  pthread_t thread{};
  const int failure = pthread_create(&thread, nullptr, &run, start.get());
  CHECK(pthread_sigmask(SIG_SETMASK, &former, nullptr) == 0);
  if (failure != 0) return Error{ErrorCode::kNative, "pthread_create", failure};
  static_cast<void>(start.release());  // run() owns it.
  return Thread(std::bit_cast<std::uintptr_t>(thread));
}

Thread::Thread(Thread&& other) noexcept
    : handle_(other.handle_), is_running_(std::exchange(other.is_running_, false)) {}

Thread::~Thread() { CHECK(!is_running_); }

void Thread::join() noexcept {
  if (!std::exchange(is_running_, false)) return;
  CHECK(pthread_join(std::bit_cast<pthread_t>(handle_), nullptr) == 0);
}

#if defined(__linux__)
bool set_realtime(bool is_realtime) noexcept {
  // The lowest of the real-time priorities: before the ordinary, behind whoever chose more. What
  // this thread should ever start is ordinary again.
  sched_param parameters{};
  parameters.sched_priority = is_realtime ? 1 : 0;
  const int policy = is_realtime ? SCHED_FIFO | SCHED_RESET_ON_FORK : SCHED_OTHER;
  // By number, because musl's function of this name only says that it does nothing.
  return ::syscall(SYS_sched_setscheduler, 0, policy, &parameters) == 0;
}
#else
bool set_realtime(bool) noexcept { return false; }
#endif

}  // namespace hotpair
