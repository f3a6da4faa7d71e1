// The signal handlers behind CrashWord; see crash_word.hpp.
//
// A signal handler has no context of its own, so what it reads are the only globals of the native
// part: the places of the words, the former actions, and the process that installed them. The
// handler calls nothing but async-signal-safe functions: sigaction, raise, getpid, futex.
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <utility>

#include "base/check.hpp"
#include "base/shared_memory.hpp"
#include "vigil/crash_word.hpp"

namespace hotpair::vigil {
namespace {

constexpr std::array<int, 5> kSignals{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// Our frame, that of the former handler and the registers of the widest processors (11 kB with
// AMX); a handler of another library may print a backtrace on it.
constexpr std::size_t kStackBytes = std::size_t{64} << 10;

// Filled and emptied under `installing`; read by the handler.
std::array<std::atomic<VowWords*>, CrashWord::kMost> places{};
// The handlers of a process and of the children that it forks are the same code.
std::atomic<pid_t> installer{0};
// Each is written before the handler is installed and not while it is.
std::array<struct sigaction, kSignals.size()> former_actions{};
std::mutex installing;
// Under `installing`, as is the next.
std::size_t installed_count = 0;
// Ours could not be taken out, for somebody has installed another one on top of it.
std::array<bool, kSignals.size()> is_left_below{};

std::size_t index_of(int signal) noexcept {
  std::size_t index = 0;
  while (index < kSignals.size() && kSignals[index] != signal) ++index;
  CHECK(index < kSignals.size());
  return index;
}

bool is_default(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

bool is_ignored(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
}

void set_default(int signal) noexcept {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  static_cast<void>(::sigaction(signal, &action, nullptr));
}

// A fault of this thread, which comes again when the handler returns; else somebody has sent it.
bool is_fault(const siginfo_t& info) noexcept { return info.si_code > 0; }

bool is_abort(int signal, const siginfo_t& info) noexcept {
#if defined(SI_TKILL)
  const bool is_raised = info.si_code == SI_TKILL;
#else
  const bool is_raised = info.si_code == SI_USER;
#endif
  return signal == SIGABRT && is_raised && info.si_pid == ::getpid();
}

void tell(int signal) noexcept {
  // relaxed: written before the handler was installed.
  if (installer.load(std::memory_order_relaxed) != ::getpid()) return;
  for (std::atomic<VowWords*>& place : places) {
    // acquire: pairs with the release in install().
    VowWords* words = place.load(std::memory_order_acquire);
    if (words == nullptr) continue;
    words->crash.store(static_cast<std::uint32_t>(signal), std::memory_order_seq_cst);
    std::uint32_t owner = words->owner.load(std::memory_order_seq_cst);
    // Not a vow that was given back. The kernel still knows the word as its thread's.
    if ((owner & kThreadMask) != 0) {
      static_cast<void>(words->owner.compare_exchange_strong(owner, owner | kOwnerDied));
    }
    wake_all(words->owner);
  }
}

void call(const struct sigaction& former, int signal, siginfo_t* info, void* context) noexcept {
  // The kernel would have done this before the call.
  if ((former.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) set_default(signal);
  if ((former.sa_flags & SA_SIGINFO) != 0) {
    former.sa_sigaction(signal, info, context);
  } else {
    former.sa_handler(signal);
  }
}

void on_signal(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const struct sigaction& former = former_actions[index_of(signal)];
  if (is_default(former) || (is_ignored(former) && is_fault(*info))) {
    tell(signal);
    set_default(signal);
    // Blocked while we are here: it ends the process when the handler returns. A fault comes again
    // by itself, with the registers that the core dump shall show.
    if (!is_fault(*info)) static_cast<void>(::raise(signal));
  } else if (!is_ignored(former)) {
    call(former, signal, info, context);
    struct sigaction now{};
    const bool has_given_up = ::sigaction(signal, nullptr, &now) == 0 && is_default(now);
    if (has_given_up || is_abort(signal, *info)) tell(signal);
  }
  errno = saved;
}

// As the former action has it, but on the alternate stack and with all that is known.
struct sigaction our_action(const struct sigaction& former) noexcept {
  struct sigaction action{};
  action.sa_sigaction = &on_signal;
  action.sa_mask = former.sa_mask;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | (former.sa_flags & SA_RESTART);
  return action;
}

bool is_ours(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &on_signal;
}

Result<void> install_handlers() noexcept {
  // relaxed: the handler that reads it is installed below, or finds no places before.
  installer.store(::getpid(), std::memory_order_relaxed);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction present{};
    CHECK(::sigaction(kSignals[i], nullptr, &present) == 0);
    // One that lies on top of ours may hand on to it; ours on top again would be a circle.
    const bool is_below = is_left_below[i] && !is_default(present);
    if (is_ours(present) || is_below) continue;
    is_left_below[i] = false;
    former_actions[i] = present;
    const struct sigaction action = our_action(present);
    if (::sigaction(kSignals[i], &action, nullptr) != 0) {
      return Error{ErrorCode::kNative, "sigaction", errno};
    }
  }
  return {};
}

// What others have installed on top of ours stays, and hands on to a handler that has no places.
void put_back_handlers() noexcept {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction present{};
    CHECK(::sigaction(kSignals[i], nullptr, &present) == 0);
    is_left_below[i] = !is_ours(present);
    if (is_ours(present)) CHECK(::sigaction(kSignals[i], &former_actions[i], nullptr) == 0);
  }
}

// Nothing mapped: the thread has a stack for signals already.
Result<MappedRegion> give_stack() noexcept {
  stack_t present{};
  CHECK(::sigaltstack(nullptr, &present) == 0);
  if ((present.ss_flags & SS_DISABLE) == 0) return MappedRegion();
  const std::size_t guard = page_size();
  Result<MappedRegion> memory =
      MappedRegion::open(guard + kStackBytes, "allocating the stack of signal handlers");
  if (!memory.ok()) return memory;
  CHECK(::mprotect(memory.value().data(), guard, PROT_NONE) == 0);
  stack_t stack{};
  stack.ss_sp = memory.value().data() + guard;
  stack.ss_size = kStackBytes;
  if (::sigaltstack(&stack, nullptr) != 0) {
    return Error{ErrorCode::kNative, "sigaltstack", errno};
  }
  return memory;
}

void take_stack_back(MappedRegion& memory) noexcept {
  if (memory.size() == 0) return;
  stack_t present{};
  CHECK(::sigaltstack(nullptr, &present) == 0);
  CHECK(present.ss_sp == memory.data() + page_size());
  present.ss_flags = SS_DISABLE;
  CHECK(::sigaltstack(&present, nullptr) == 0);
  memory.close();
}

}  // namespace

CrashWord::CrashWord(VowWords* words, MappedRegion stack) noexcept
    : words_(words), stack_(std::move(stack)) {}

CrashWord::CrashWord(CrashWord&& other) noexcept
    : words_(std::exchange(other.words_, nullptr)), stack_(std::move(other.stack_)) {}

Result<CrashWord> CrashWord::install(VowWords& words) {
  const std::lock_guard lock(installing);
  if (installed_count == kMost) {
    return Error{ErrorCode::kNative, "installing signal handlers for a seventeenth vow"};
  }
  Result<MappedRegion> stack = give_stack();
  if (!stack.ok()) return stack.error();
  std::size_t free = 0;
  // relaxed: only changed under the lock.
  while (places[free].load(std::memory_order_relaxed) != nullptr) ++free;
  // release: pairs with the acquire in tell().
  places[free].store(&words, std::memory_order_release);
  CrashWord installed(&words, std::move(stack).value());
  if (++installed_count > 1) return installed;
  const Result<void> handlers = install_handlers();
  // The lock is ours, so what was begun is undone here and not by the destructor.
  if (handlers.ok()) return installed;
  put_back_handlers();
  installed_count = 0;
  // relaxed: no handler of ours is left.
  places[free].store(nullptr, std::memory_order_relaxed);
  take_stack_back(installed.stack_);
  installed.words_ = nullptr;
  return handlers.error();
}

CrashWord::~CrashWord() {
  if (words_ == nullptr) return;
  const std::lock_guard lock(installing);
  for (std::atomic<VowWords*>& place : places) {
    // relaxed: only changed under the lock.
    if (place.load(std::memory_order_relaxed) != words_) continue;
    // release: pairs with the acquire in tell().
    place.store(nullptr, std::memory_order_release);
    break;
  }
  if (--installed_count == 0) put_back_handlers();
  take_stack_back(stack_);
}

}  // namespace hotpair::vigil
