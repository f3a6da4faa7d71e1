// A load's connection by blocking calls; see stream.hpp.
//
// shutdown() is what ends a call that waits in the kernel; the descriptor itself is closed by the
// owner, after its thread was joined, so its number can never mean another file meanwhile.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.hpp"
#include "snapshot/stream.hpp"

namespace hotpair::snapshot {
namespace {

#if defined(MSG_NOSIGNAL)
constexpr int kNoSignal = MSG_NOSIGNAL;
#else
constexpr int kNoSignal = 0;  // There SO_NOSIGPIPE is set at open.
#endif

bool set_flags(int fd, bool is_blocking) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return false;
  const int wanted = is_blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  return ::fcntl(fd, F_SETFL, wanted) == 0 && ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

bool is_end(int os_error) noexcept {
  return os_error == 0 || os_error == EPIPE || os_error == ECONNRESET;
}

}  // namespace

Result<std::unique_ptr<Stream>> Stream::open(UniqueFd socket) {
  if (!set_flags(socket.get(), true)) {
    return Error{ErrorCode::kNative, "taking over the connection of a load", errno};
  }
#if defined(SO_NOSIGPIPE)
  const int on = 1;
  static_cast<void>(::setsockopt(socket.get(), SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on));
#endif
  int ends[2];
  if (::pipe(ends) != 0) return Error{ErrorCode::kNative, "pipe", errno};
  UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  if (!set_flags(out.get(), false) || !set_flags(in.get(), false)) {
    return Error{ErrorCode::kNative, "fcntl", errno};
  }
  return std::make_unique<Stream>(std::move(socket), std::move(in), std::move(out));
}

Result<UniqueFd> Stream::duplicate(int fd) noexcept {
  int type = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) {
    return Error{ErrorCode::kNative, "taking over the connection of a load: it is no stream socket",
                 type == 0 ? errno : 0};
  }
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.is_open()) {
    return Error{ErrorCode::kNative, "taking over the connection of a load", errno};
  }
  return copy;
}

Result<Stream::Pair> Stream::pair() noexcept {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
    return Error{ErrorCode::kNative, "socketpair", errno};
  }
  Pair made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (!set_flags(made.one.get(), false) || !set_flags(made.other.get(), false)) {
    return Error{ErrorCode::kNative, "fcntl", errno};
  }
  return made;
}

Stream::Stream(UniqueFd socket, UniqueFd bell_in, UniqueFd bell_out) noexcept
    : socket_(std::move(socket)), bell_in_(std::move(bell_in)), bell_out_(std::move(bell_out)) {}

Error Stream::failure(const char* action, int os_error) const noexcept {
  if (is_cancelled()) return cancelled();
  if (is_end(os_error)) {
    return {ErrorCode::kClosed, "the other side has ended the connection of the load", os_error};
  }
  return {ErrorCode::kNative, action, os_error};
}

Error Stream::cancelled() noexcept { return {ErrorCode::kClosed, "the load was cancelled"}; }

bool Stream::is_cancelled() const noexcept {
  return is_cancelled_.load(std::memory_order_acquire);  // pairs with the release in cancel()
}

Result<void> Stream::send(std::span<const std::uint8_t> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), kNoSignal);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return failure("sending a load", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<void> Stream::receive(std::span<std::uint8_t> into) noexcept {
  while (!into.empty()) {
    const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), MSG_WAITALL);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return failure("receiving a load", got == 0 ? 0 : errno);
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

bool Stream::take_rings() noexcept {
  std::array<std::uint8_t, 64> rings;
  bool is_rung = false;
  while (::read(bell_out_.get(), rings.data(), rings.size()) > 0) is_rung = true;
  return is_rung;
}

Stream::Woken Stream::wait(Nanos most) noexcept {
  pollfd ready[2] = {{bell_out_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
  const auto millis = static_cast<int>((most.count + 999'999) / 1'000'000);
  const int count = ::poll(ready, 2, std::max(millis, 0));
  CHECK(count >= 0 || errno == EINTR);
  if (take_rings()) return Woken::kRung;
  return count > 0 && ready[1].revents != 0 ? Woken::kSocket : Woken::kTime;
}

void Stream::wait_for_ring() noexcept {
  pollfd ready{bell_out_.get(), POLLIN, 0};
  while (!take_rings()) CHECK(::poll(&ready, 1, -1) >= 0 || errno == EINTR);
}

void Stream::ring() noexcept {
  const std::uint8_t one = 1;
  static_cast<void>(!::write(bell_in_.get(), &one, 1));
}

void Stream::end() noexcept { static_cast<void>(::shutdown(socket_.get(), SHUT_RDWR)); }

void Stream::cancel() noexcept {
  is_cancelled_.store(true, std::memory_order_release);  // pairs with is_cancelled()
  end();
}

}  // namespace hotpair::snapshot
