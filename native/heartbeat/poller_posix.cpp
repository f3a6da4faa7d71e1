// Poller by poll(2) and a pipe, for systems without epoll; see poller.hpp.
//
// The table of sockets has a fixed size, made at open, so that nothing is allocated later.
#if !defined(__linux__) || defined(HOTPAIR_USE_POLL)

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "heartbeat/poller.hpp"

namespace hotpair::heartbeat {

// One link takes at most fourteen sockets.
constexpr std::size_t kMostSockets = 4096;

struct Poller::Inside {
  UniqueFd read_end;
  UniqueFd write_end;
  // [0] is the pipe. The same index in both.
  std::vector<pollfd> sockets;
  std::vector<void*> tokens;
  // Where the next batch begins, so that a busy socket cannot hide the others.
  std::size_t cursor = 1;

  std::size_t index_of(int fd) const noexcept {
    const auto found = std::find_if(sockets.begin() + 1, sockets.end(),
                                    [fd](const pollfd& entry) { return entry.fd == fd; });
    CHECK(found != sockets.end());
    return static_cast<std::size_t>(found - sockets.begin());
  }
};

namespace {

short events_of(Interest interest) noexcept {
  return static_cast<short>(interest == Interest::kReadAndWrite ? POLLIN | POLLOUT : POLLIN);
}

int millis_until(Instant deadline) noexcept {
  if (deadline == kNever) return -1;
  const Nanos left = deadline - monotonic_now();
  if (left <= Nanos{0}) return 0;
  // Rounded up: a wait that ends before its deadline would be begun again at once.
  const std::int64_t millis = (left.count + 999'999) / 1'000'000;
  return static_cast<int>(std::min<std::int64_t>(millis, 60'000));
}

}  // namespace

Poller::Poller(std::unique_ptr<Inside> inside) noexcept : inside_(std::move(inside)) {}
Poller::~Poller() = default;

Result<std::unique_ptr<Poller>> Poller::open() {
  auto inside = std::make_unique<Inside>();
  int ends[2] = {-1, -1};
  if (::pipe(ends) != 0) return Error{ErrorCode::kNative, "pipe", errno};
  inside->read_end = UniqueFd(ends[0]);
  inside->write_end = UniqueFd(ends[1]);
  for (const int end : ends) {
    static_cast<void>(::fcntl(end, F_SETFL, O_NONBLOCK));
    static_cast<void>(::fcntl(end, F_SETFD, FD_CLOEXEC));
  }
  inside->sockets.reserve(kMostSockets);
  inside->tokens.reserve(kMostSockets);
  inside->sockets.push_back({ends[0], POLLIN, 0});
  inside->tokens.push_back(nullptr);
  return std::make_unique<Poller>(std::move(inside));
}

bool Poller::add(int fd, void* token, Interest interest) noexcept {
  CHECK(token != nullptr);
  if (inside_->sockets.size() == kMostSockets) return false;
  inside_->sockets.push_back({fd, events_of(interest), 0});
  inside_->tokens.push_back(token);
  return true;
}

void Poller::change(int fd, void* token, Interest interest) noexcept {
  const std::size_t index = inside_->index_of(fd);
  inside_->sockets[index].events = events_of(interest);
  inside_->tokens[index] = token;
}

void Poller::remove(int fd) noexcept {
  const std::size_t index = inside_->index_of(fd);
  inside_->sockets[index] = inside_->sockets.back();
  inside_->tokens[index] = inside_->tokens.back();
  inside_->sockets.pop_back();
  inside_->tokens.pop_back();
}

std::span<void*> Poller::wait(Instant deadline, Batch& batch) noexcept {
  auto& sockets = inside_->sockets;
  const int count =
      ::poll(sockets.data(), static_cast<nfds_t>(sockets.size()), millis_until(deadline));
  CHECK(count >= 0 || errno == EINTR);
  if (count <= 0) return {};
  if (sockets[0].revents != 0) {
    std::array<std::uint8_t, 64> rings;
    while (::read(inside_->read_end.get(), rings.data(), rings.size()) > 0) {
    }
  }
  std::size_t used = 0;
  const std::size_t others = sockets.size() - 1;
  for (std::size_t i = 0; i < others && used < batch.size(); ++i) {
    const std::size_t index = 1 + (inside_->cursor - 1 + i) % others;
    if (sockets[index].revents != 0) batch[used++] = inside_->tokens[index];
  }
  if (others > 0) inside_->cursor = 1 + inside_->cursor % others;
  return std::span(batch).first(used);
}

Result<UniqueFd> Poller::duplicate_wake() const noexcept {
  UniqueFd copy(::fcntl(inside_->write_end.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.is_open()) return Error{ErrorCode::kNative, "fcntl(F_DUPFD_CLOEXEC)", errno};
  return copy;
}

void Poller::wake() noexcept {
  const std::uint8_t one = 1;
  // A full pipe means that the wake is due anyway.
  static_cast<void>(::write(inside_->write_end.get(), &one, sizeof(one)));
}

}  // namespace hotpair::heartbeat

#endif
