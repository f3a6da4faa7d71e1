// Keeps a vow by a sleeping thread and, on Linux, its robust list; see vow.hpp.
//
// The order at the end matters: the word is given back first and the list emptied after, so that a
// kill in between finds a word that is not this thread's and leaves it alone.
#if defined(__linux__)
#include <sys/syscall.h>
#endif
#include <errno.h>
#include <unistd.h>

#include <type_traits>

#include "base/check.hpp"
#include "vigil/vow.hpp"

namespace hotpair::vigil {
namespace {

// Long: the thread is woken when there is something to do. It bounds a wake that was lost.
constexpr Nanos kSleep = Nanos::millis(10'000);

// What `owner` calls the thread: its id, by which the kernel knows it.
std::uint32_t thread_id() noexcept {
#if defined(__linux__)
  return static_cast<std::uint32_t>(::syscall(SYS_gettid));
#else
  return static_cast<std::uint32_t>(::getpid()) & kThreadMask;
#endif
}

}  // namespace

Result<std::unique_ptr<Vow>> Vow::make(VowWords& words) {
  auto vow = std::make_unique<Vow>(words);
  Result<Thread> thread =
      Thread::start("hotpair-vow", [](void* raw) { static_cast<Vow*>(raw)->run(); }, vow.get());
  if (!thread.ok()) return thread.error();
  vow->thread_ = std::make_unique<Thread>(std::move(thread).value());
  std::uint32_t outcome = 0;
  // acquire: pairs with the release in run().
  while ((outcome = vow->outcome_.load(std::memory_order_acquire)) == 0) {
    wait_on(vow->outcome_, 0, kSleep);
  }
  if (outcome == kTaken) {
    return Error{ErrorCode::kSharedMemory, "the shared memory carries the vow of another process"};
  }
  if (outcome != kMade) {
    return Error{ErrorCode::kNative, "set_robust_list", static_cast<int>(outcome - kRefused)};
  }
  return vow;
}

Vow::~Vow() { end(kBreak); }

void Vow::release() noexcept { end(kGiveBack); }

void Vow::end(std::uint32_t order) noexcept {
  if (thread_ == nullptr) return;
  // release: pairs with the acquire in run().
  order_.store(order, std::memory_order_release);
  wake_all(order_);
  thread_->join();
  thread_.reset();
}

void Vow::run() noexcept {
  const std::uint32_t outcome = begin();
  // release: pairs with the acquire in make().
  outcome_.store(outcome, std::memory_order_release);
  wake_all(outcome_);
  if (outcome != kMade) return;
  std::uint32_t order = kKeep;
  // acquire: pairs with the release in end().
  while ((order = order_.load(std::memory_order_acquire)) == kKeep) {
    wait_on(order_, kKeep, kSleep);
  }
  if (order == kBreak) {
#if !defined(__linux__)
    // What the kernel does elsewhere.
    static_cast<void>(words_.owner.compare_exchange_strong(held_, kWaiters | kOwnerDied));
#endif
    return;
  }
  // A word that is no longer ours, by a crash or a hostile neighbour, is not made to say "in
  // order".
  static_cast<void>(words_.owner.compare_exchange_strong(held_, kWaiters));
  wake_all(words_.owner);
  list_.first.next = &list_.first;
}

std::uint32_t Vow::begin() noexcept {
  held_ = kWaiters | thread_id();
  const int failure = enlist();
  if (failure != 0) return kRefused + static_cast<std::uint32_t>(failure);
  std::uint32_t none = 0;
  if (!words_.owner.compare_exchange_strong(none, held_)) {
    list_.first.next = &list_.first;
    return kTaken;
  }
  wake_all(words_.owner);
  return kMade;
}

int Vow::enlist() noexcept {
  static_assert(std::is_standard_layout_v<List> && sizeof(List) == 3 * sizeof(void*));
  link_.next = &list_.first;
  list_.first.next = &link_;
  // The link and the word lie anywhere; the kernel adds this as it is.
  list_.offset = static_cast<long>(reinterpret_cast<std::intptr_t>(&words_.owner) -
                                   reinterpret_cast<std::intptr_t>(&link_));
#if defined(__linux__)
  if (::syscall(SYS_set_robust_list, &list_, sizeof list_) != 0) return errno;
#endif
  return 0;
}

}  // namespace hotpair::vigil
