// Unix domain stream sockets by path, and who the kernel says is at the other end.
//
// The path is in the file system and not in Linux's abstract names: those belong to the network
// namespace, which containers of different users may share, and have no owner. Everything here is
// one or a few system calls and keeps nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace hotpair::ipc {

// Who was at the other end when the connection was made, by the kernel's word.
struct Credentials {
  // 0 when it lies outside of our namespace of processes, or the system does not say.
  std::int64_t pid = 0;
  std::uint32_t uid = 0;
};

// An absolute path that a socket address can take, with its closing zero.
struct SocketPath {
  std::array<char, 108> text{};

  const char* c_str() const noexcept { return text.data(); }
};

// Fails with kAddress and with what is wrong with it.
Result<SocketPath> socket_path(const char* path) noexcept;

// A non-blocking stream socket that is closed on exec.
Result<UniqueFd> open_local_socket() noexcept;
// 0, or the errno of the call.
int bind_local(const UniqueFd& fd, const SocketPath& path) noexcept;
int connect_local(const UniqueFd& fd, const SocketPath& path) noexcept;

// The other end of a connected socket. Fails with kAddress when it is another user's process: to
// speak with it could hand it the state.
Result<Credentials> check_peer(const UniqueFd& fd) noexcept;

// A descriptor of the process at the other end that poll() reports when that process is gone.
// Fails with kNative where the system has no such thing, or the process is gone already.
Result<UniqueFd> open_peer_process(const UniqueFd& fd, const Credentials& peer) noexcept;

// Ends the process at the other end by SIGKILL, by its descriptor `process` where that is open.
// Else by its number, and only while the connection stands, for then no other process has that
// number. Fails with kNative.
Result<void> kill_peer_process(const UniqueFd& fd, const UniqueFd& process,
                               const Credentials& peer) noexcept;
// Whether `process`, from open_peer_process(), is gone.
bool has_exited(const UniqueFd& process) noexcept;

// Whether the other end of a connected socket is closed, whatever is still to be read.
bool has_ended(const UniqueFd& fd) noexcept;

}  // namespace hotpair::ipc
