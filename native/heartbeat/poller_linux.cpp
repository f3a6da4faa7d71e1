// Poller by epoll, timerfd and eventfd; see poller.hpp.
#if defined(__linux__) && !defined(HOTPAIR_USE_POLL)

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <utility>

#include "base/check.hpp"
#include "heartbeat/poller.hpp"

namespace hotpair::heartbeat {

struct Poller::Inside {
  UniqueFd epoll;
  UniqueFd timer;
  UniqueFd wake;
  // What the timer is set to.
  Instant armed = kNever;
};

namespace {

bool control(const UniqueFd& epoll, int operation, int fd, void* token,
             Interest interest) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  if (interest == Interest::kReadAndWrite) event.events |= EPOLLOUT;
  event.data.ptr = token;
  return ::epoll_ctl(epoll.get(), operation, fd, &event) == 0;
}

void arm(const UniqueFd& timer, Instant deadline) noexcept {
  itimerspec spec{};
  if (deadline != kNever) {
    // 0 would disarm it; a deadline in the past fires at once.
    const std::int64_t nanos = deadline.nanos > 0 ? deadline.nanos : 1;
    spec.it_value.tv_sec = nanos / 1'000'000'000;
    spec.it_value.tv_nsec = nanos % 1'000'000'000;
  }
  CHECK(::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &spec, nullptr) == 0);
}

}  // namespace

Poller::Poller(std::unique_ptr<Inside> inside) noexcept : inside_(std::move(inside)) {}
Poller::~Poller() = default;

Result<std::unique_ptr<Poller>> Poller::open() {
  auto inside = std::make_unique<Inside>();
  inside->epoll = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!inside->epoll.is_open()) return Error{ErrorCode::kNative, "epoll_create1", errno};
  inside->timer = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!inside->timer.is_open()) return Error{ErrorCode::kNative, "timerfd_create", errno};
  inside->wake = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!inside->wake.is_open()) return Error{ErrorCode::kNative, "eventfd", errno};
  Inside& in = *inside;
  // The two of our own are told from sockets by pointing into this object.
  if (!control(in.epoll, EPOLL_CTL_ADD, in.timer.get(), &in.timer, Interest::kRead) ||
      !control(in.epoll, EPOLL_CTL_ADD, in.wake.get(), &in.wake, Interest::kRead)) {
    return Error{ErrorCode::kNative, "epoll_ctl", errno};
  }
  return std::make_unique<Poller>(std::move(inside));
}

bool Poller::add(int fd, void* token, Interest interest) noexcept {
  CHECK(token != nullptr);
  return control(inside_->epoll, EPOLL_CTL_ADD, fd, token, interest);
}

void Poller::change(int fd, void* token, Interest interest) noexcept {
  CHECK(control(inside_->epoll, EPOLL_CTL_MOD, fd, token, interest));
}

void Poller::remove(int fd) noexcept {
  CHECK(::epoll_ctl(inside_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr) == 0);
}

std::span<void*> Poller::wait(Instant deadline, Batch& batch) noexcept {
  if (deadline != inside_->armed) {
    arm(inside_->timer, deadline);
    inside_->armed = deadline;
  }
  std::array<epoll_event, kBatch> events;
  const int count =
      ::epoll_wait(inside_->epoll.get(), events.data(), static_cast<int>(events.size()), -1);
  CHECK(count >= 0 || errno == EINTR);
  std::size_t used = 0;
  for (int i = 0; i < count; ++i) {
    void* token = events[static_cast<std::size_t>(i)].data.ptr;
    if (token == &inside_->timer) continue;  // Stays ready until it is set anew.
    if (token == &inside_->wake) {
      std::uint64_t rings = 0;
      static_cast<void>(::read(inside_->wake.get(), &rings, sizeof(rings)));
      continue;
    }
    batch[used++] = token;
  }
  return std::span(batch).first(used);
}

Result<UniqueFd> Poller::duplicate_wake() const noexcept {
  UniqueFd copy(::fcntl(inside_->wake.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.is_open()) return Error{ErrorCode::kNative, "fcntl(F_DUPFD_CLOEXEC)", errno};
  return copy;
}

void Poller::wake() noexcept {
  const std::uint64_t one = 1;
  // A full counter means that the wake is due anyway.
  static_cast<void>(::write(inside_->wake.get(), &one, sizeof(one)));
}

}  // namespace hotpair::heartbeat

#endif
