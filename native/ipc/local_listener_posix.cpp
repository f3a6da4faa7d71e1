// Makes, guards and removes the socket file; see local_listener.hpp.
//
// Between bind and listen a file answers as a stale one does. That is why both lie, like the look
// at what is there, inside of the lock, which is held for a few system calls and by no file of
// its own.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/file_facts.hpp"
#include "ipc/local_listener.hpp"

namespace hotpair::ipc {
namespace {

// A member has one unit and one server; the others are looks of processes that start.
constexpr int kBacklog = 16;
// 200 naps of 5 ms: the lock is held for less than a millisecond, so a second means that another
// program of this user holds it.
constexpr int kLockAttempts = 200;
constexpr int kLockNapMillis = 5;

Error wrong(const char* action, int os_error = 0) noexcept {
  return Error{ErrorCode::kAddress, action, os_error};
}

// The folder of the socket, made if it is missing, and safe.
Result<UniqueFd> open_folder(const SocketPath& path) noexcept {
  SocketPath folder = path;
  char* slash = std::strrchr(folder.text.data(), '/');
  CHECK(slash != nullptr);
  slash[slash == folder.text.data() ? 1 : 0] = '\0';
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return wrong("making the folder of the socket", errno);
  }
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.is_open()) return wrong("opening the folder of the socket", errno);
  FileFacts facts;
  const int failure = file_facts(fd, facts);
  if (failure != 0) return wrong("fstat of the folder of the socket", failure);
  if (facts.uid != ::geteuid()) {
    return wrong("the folder of the socket belongs to another user");
  }
  if ((facts.rights & (S_IWGRP | S_IWOTH)) != 0) {
    return wrong("the folder of the socket can be written by others: take that right away");
  }
  return fd;
}

// The lock ends with the descriptor.
Result<void> lock_folder(const UniqueFd& folder) noexcept {
  for (int i = 0; i < kLockAttempts; ++i) {
    if (::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) return {};
    if (errno != EWOULDBLOCK && errno != EINTR) break;
    static_cast<void>(::poll(nullptr, 0, kLockNapMillis));
  }
  return wrong("locking the folder of the socket", errno);
}

// Removes the socket file of a process that is gone, or says why it may not.
Result<void> remove_stale(const SocketPath& path) noexcept {
  FileFacts facts;
  const int failure = file_facts_at(path.c_str(), facts);
  if (failure == ENOENT) return {};
  if (failure != 0) return wrong("looking at the path of the socket", failure);
  if (!facts.is_socket) {
    return Error{ErrorCode::kAddressInUse, "the path of the socket is taken by another file"};
  }
  const Result<UniqueFd> probe = open_local_socket();
  if (!probe.ok()) return probe.error();
  const int answer = connect_local(probe.value(), path);
  if (answer != ECONNREFUSED && answer != ENOENT) {
    return Error{ErrorCode::kAddressInUse, "another process listens on the socket"};
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return wrong("removing the socket of a process that is gone", errno);
  }
  return {};
}

}  // namespace

std::optional<LocalListener::FileId> LocalListener::file_at(const SocketPath& path) noexcept {
  FileFacts facts;
  if (file_facts_at(path.c_str(), facts) != 0) return {};
  return FileId{facts.device, facts.inode};
}

Result<LocalListener> LocalListener::open(const char* path) noexcept {
  const Result<SocketPath> checked = socket_path(path);
  if (!checked.ok()) return checked.error();
  const Result<UniqueFd> folder = open_folder(checked.value());
  if (!folder.ok()) return folder.error();
  const Result<void> locked = lock_folder(folder.value());
  if (!locked.ok()) return locked.error();
  const Result<void> removed = remove_stale(checked.value());
  if (!removed.ok()) return removed.error();
  Result<UniqueFd> socket = open_local_socket();
  if (!socket.ok()) return socket.error();
  const int failure = bind_local(socket.value(), checked.value());
  if (failure != 0) {
    return Error{failure == EADDRINUSE ? ErrorCode::kAddressInUse : ErrorCode::kAddress,
                 "bind of the socket", failure};
  }
  // For its user alone; nobody can connect before listen().
  static_cast<void>(::chmod(checked.value().c_str(), 0600));
  const std::optional<FileId> file = file_at(checked.value());
  if (!file) return wrong("looking at the socket that was made", errno);
  LocalListener listener(std::move(socket).value(), checked.value(), *file);
  if (::listen(listener.fd(), kBacklog) != 0) return wrong("listen on the socket", errno);
  return listener;
}

Accepted LocalListener::accept(std::size_t outgoing_bytes) noexcept {
  Accepted accepted;
  if (!is_open()) return accepted;
#if defined(__linux__)
  UniqueFd fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
#else
  UniqueFd fd(::accept(socket_.get(), nullptr, nullptr));
  if (fd.is_open()) static_cast<void>(::fcntl(fd.get(), F_SETFD, FD_CLOEXEC));
#endif
  if (!fd.is_open()) {
    const bool is_nothing = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    accepted.status = is_nothing ? Accepted::Status::kNothing : Accepted::Status::kFailed;
    accepted.error = Error{ErrorCode::kNative, "accept on the socket", errno};
    return accepted;
  }
  Result<LocalChannel> channel = LocalChannel::over(std::move(fd), outgoing_bytes);
  if (channel.ok()) {
    accepted.status = Accepted::Status::kChannel;
    accepted.channel.emplace(std::move(channel).value());
  } else {
    accepted.status = Accepted::Status::kRefused;
    accepted.error = channel.error();
  }
  return accepted;
}

void LocalListener::close() noexcept {
  if (!is_open()) return;
  if (file_at(path_) == file_) static_cast<void>(::unlink(path_.c_str()));
  socket_.reset();
}

}  // namespace hotpair::ipc
