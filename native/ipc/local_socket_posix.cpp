// Unix domain sockets by POSIX calls, with what Linux and macOS add; see local_socket.hpp.
// It keeps no state and never waits.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include <cstring>

#include "ipc/local_socket.hpp"

namespace hotpair::ipc {
namespace {

constexpr std::size_t kMostPathBytes = sizeof(sockaddr_un{}.sun_path) - 1;
static_assert(kMostPathBytes < sizeof(SocketPath{}.text));
#if defined(__linux__)
static_assert(kMostPathBytes == 107);
constexpr const char* kTooLong = "the path of the socket is longer than 107 bytes";
#else
constexpr const char* kTooLong = "the path of the socket is longer than this system takes";
#endif

struct LocalAddress {
  sockaddr_un storage{};

  const sockaddr* raw() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

LocalAddress address_of(const SocketPath& path) noexcept {
  LocalAddress address;
  address.storage.sun_family = AF_UNIX;
  std::memcpy(address.storage.sun_path, path.c_str(), std::strlen(path.c_str()) + 1);
  return address;
}

}  // namespace

Result<SocketPath> socket_path(const char* path) noexcept {
  const std::size_t length = std::strlen(path);
  if (length > kMostPathBytes) return Error{ErrorCode::kAddress, kTooLong, 0};
  if (path[0] != '/') return Error{ErrorCode::kAddress, "the path of the socket must begin with /"};
  if (path[length - 1] == '/') {
    return Error{ErrorCode::kAddress, "the path of the socket ends in the name of a folder"};
  }
  SocketPath copied;
  std::memcpy(copied.text.data(), path, length);
  return copied;
}

Result<UniqueFd> open_local_socket() noexcept {
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return Error{ErrorCode::kNative, "socket", errno};
#else
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (!fd.is_open()) return Error{ErrorCode::kNative, "socket", errno};
  static_cast<void>(::fcntl(fd.get(), F_SETFL, O_NONBLOCK));
  static_cast<void>(::fcntl(fd.get(), F_SETFD, FD_CLOEXEC));
#endif
  return fd;
}

int bind_local(const UniqueFd& fd, const SocketPath& path) noexcept {
  const LocalAddress address = address_of(path);
  return ::bind(fd.get(), address.raw(), sizeof address.storage) == 0 ? 0 : errno;
}

int connect_local(const UniqueFd& fd, const SocketPath& path) noexcept {
  const LocalAddress address = address_of(path);
  return ::connect(fd.get(), address.raw(), sizeof address.storage) == 0 ? 0 : errno;
}

Result<Credentials> check_peer(const UniqueFd& fd) noexcept {
  Credentials peer;
#if defined(__linux__)
  ucred found{};
  socklen_t length = sizeof found;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &found, &length) != 0) {
    return Error{ErrorCode::kNative, "asking for the credentials of the other end", errno};
  }
  peer = {found.pid, found.uid};
#else
  uid_t uid = 0;
  gid_t gid = 0;
  if (::getpeereid(fd.get(), &uid, &gid) != 0) {
    return Error{ErrorCode::kNative, "asking for the credentials of the other end", errno};
  }
  peer.uid = uid;
#if defined(LOCAL_PEERPID)
  pid_t pid = 0;
  socklen_t length = sizeof pid;
  if (::getsockopt(fd.get(), SOL_LOCAL, LOCAL_PEERPID, &pid, &length) == 0) peer.pid = pid;
#endif
#endif
  if (peer.uid != ::geteuid()) {
    return Error{ErrorCode::kAddress, "the other end of the socket is another user's process"};
  }
  return peer;
}

#if defined(__linux__)
Result<UniqueFd> open_peer_process(const UniqueFd& fd, const Credentials& peer) noexcept {
  // By their numbers, for headers that are older than the kernel: SO_PEERPIDFD, since 6.5, and
  // pidfd_open, since 5.3, on all processors but Alpha.
  constexpr int so_peer_pidfd = 77;
  constexpr long sys_pidfd_open = 434;
  int process = -1;
  socklen_t length = sizeof process;
  if (::getsockopt(fd.get(), SOL_SOCKET, so_peer_pidfd, &process, &length) == 0 && process >= 0) {
    UniqueFd found(process);
    static_cast<void>(::fcntl(process, F_SETFD, FD_CLOEXEC));
    return found;
  }
  if (peer.pid <= 0) return Error{ErrorCode::kNative, "finding the process at the other end"};
  UniqueFd found(static_cast<int>(::syscall(sys_pidfd_open, static_cast<pid_t>(peer.pid), 0)));
  if (!found.is_open()) return Error{ErrorCode::kNative, "pidfd_open", errno};
  // The number may have been given to another process meanwhile, but only after the end of this
  // one, which ends the connection.
  if (has_ended(fd)) return Error{ErrorCode::kNative, "the process at the other end is gone"};
  return found;
}
#else
Result<UniqueFd> open_peer_process(const UniqueFd&, const Credentials&) noexcept {
  return Error{ErrorCode::kNative, "this system has no descriptors of processes"};
}
#endif

Result<void> kill_peer_process(const UniqueFd& fd, const UniqueFd& process,
                               const Credentials& peer) noexcept {
#if defined(__linux__)
  // By its number, as above: since 5.1.
  constexpr long sys_pidfd_send_signal = 424;
  if (process.is_open()) {
    if (::syscall(sys_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) == 0) return {};
    return Error{ErrorCode::kNative, "pidfd_send_signal", errno};
  }
#else
  static_cast<void>(process);
#endif
  if (peer.pid <= 0 || has_ended(fd)) {
    return Error{ErrorCode::kNative, "finding the process at the other end"};
  }
  if (::kill(static_cast<pid_t>(peer.pid), SIGKILL) == 0) return {};
  return Error{ErrorCode::kNative, "kill", errno};
}

bool has_exited(const UniqueFd& process) noexcept {
  pollfd entry{process.get(), POLLIN, 0};
  return process.is_open() && ::poll(&entry, 1, 0) > 0;
}

bool has_ended(const UniqueFd& fd) noexcept {
#if defined(POLLRDHUP)
  constexpr short ends = POLLRDHUP;
#else
  constexpr short ends = 0;
#endif
  pollfd entry{fd.get(), ends, 0};
  if (::poll(&entry, 1, 0) <= 0) return false;
  return (entry.revents & (ends | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

}  // namespace hotpair::ipc
