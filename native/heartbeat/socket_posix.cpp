// Sockets by POSIX calls, with what Linux adds; see socket.hpp.
// Where a system has no such call or option, the portable way stands beside it. It keeps no state
// and never blocks.
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "heartbeat/socket.hpp"

#if defined(__linux__)
#include <linux/errqueue.h>
#endif

#include "base/check.hpp"

namespace hotpair::heartbeat {
namespace {

static_assert(sizeof(sockaddr_in6) <= sizeof(Address::bytes));
static_assert(sizeof(sockaddr_in) <= sizeof(Address::bytes));

// More than the unauthenticated connections of one link, so that a burst of probes finds room.
constexpr int kBacklog = 64;

#if defined(MSG_NOSIGNAL)
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
constexpr int kSendFlags = MSG_DONTWAIT;
#endif

const sockaddr* raw(const Address& address) noexcept {
  return reinterpret_cast<const sockaddr*>(address.bytes.data());
}

void set_option(int fd, int level, int name, int value) noexcept {
  // An option that this system refuses costs comfort, never correctness.
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof(value)));
}

UniqueFd open_socket(const Address& address, int type) noexcept {
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
  UniqueFd fd(::socket(raw(address)->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
#else
  UniqueFd fd(::socket(raw(address)->sa_family, type, 0));
  if (fd.is_open()) {
    static_cast<void>(::fcntl(fd.get(), F_SETFL, O_NONBLOCK));
    static_cast<void>(::fcntl(fd.get(), F_SETFD, FD_CLOEXEC));
  }
#endif
#if defined(SO_NOSIGPIPE)
  if (fd.is_open()) set_option(fd.get(), SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
  return fd;
}

Result<UniqueFd> open_bound(const Address& self, int type, const char* action) {
  UniqueFd fd = open_socket(self, type);
  if (!fd.is_open()) return Error{ErrorCode::kNative, "socket", errno};
  if (raw(self)->sa_family == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  // For a listener: lets it have its port while old connections of it are in TIME_WAIT. For UDP it
  // would let two processes share the port, so it is not set there.
  if (type == SOCK_STREAM) set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (::bind(fd.get(), raw(self), self.length) != 0) {
    const int reason = errno;
    return Error{reason == EADDRINUSE ? ErrorCode::kAddressInUse : ErrorCode::kAddress, action,
                 reason};
  }
  return fd;
}

Io outcome_of(int error) noexcept {
  switch (error) {
    case 0:
      return Io::kDone;
    case EAGAIN:
    case EINPROGRESS:
    case EINTR:
      return Io::kAgain;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
      return Io::kRefused;
    default:
      return Io::kFailed;
  }
}

}  // namespace

std::optional<Address> parse_address(const char* host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host, std::to_string(port).c_str(), &hints, &found) != 0) return {};
  Address address;
  const bool fits = found->ai_addrlen <= address.bytes.size();
  if (fits) {
    std::memcpy(address.bytes.data(), found->ai_addr, found->ai_addrlen);
    address.length = static_cast<std::uint32_t>(found->ai_addrlen);
  }
  ::freeaddrinfo(found);
  if (!fits) return {};
  return address;
}

std::uint16_t port_of(const Address& address) noexcept {
  // The port stands at the same place in both kinds of address, in network order.
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  std::uint16_t port = 0;
  std::memcpy(&port, address.bytes.data() + offsetof(sockaddr_in, sin_port), sizeof(port));
  return ntohs(port);
}

Origin origin_of(const Address& address) noexcept {
  Origin origin;
  if (!is_sound(address)) return origin;
  origin.port = port_of(address);
  if (raw(address)->sa_family == AF_INET6) {
    origin.family = 6;
    std::memcpy(origin.host.data(), address.bytes.data() + offsetof(sockaddr_in6, sin6_addr), 16);
  } else {
    origin.family = 4;
    std::memcpy(origin.host.data(), address.bytes.data() + offsetof(sockaddr_in, sin_addr), 4);
  }
  return origin;
}

bool is_same_host(const Address& one, const Address& other) noexcept {
  const Origin first = origin_of(one);
  const Origin second = origin_of(other);
  return first.family == second.family && first.host == second.host;
}

bool is_sound(const Address& address) noexcept {
  sa_family_t family = AF_UNSPEC;
  std::memcpy(&family, address.bytes.data() + offsetof(sockaddr, sa_family), sizeof(family));
  return (family == AF_INET && address.length == sizeof(sockaddr_in)) ||
         (family == AF_INET6 && address.length == sizeof(sockaddr_in6));
}

Result<UniqueFd> open_udp(const Address& self) {
  Result<UniqueFd> opened = open_bound(self, SOCK_DGRAM, "bind of the UDP port");
#if defined(__linux__)
  if (opened.ok()) {
    // A refusal is reported with the address of the datagram that was refused.
    set_option(opened.value().get(), IPPROTO_IP, IP_RECVERR, 1);
    if (raw(self)->sa_family == AF_INET6) {
      set_option(opened.value().get(), IPPROTO_IPV6, IPV6_RECVERR, 1);
    }
  }
#endif
  return opened;
}

Result<UniqueFd> open_listener(const Address& self) {
  Result<UniqueFd> opened = open_bound(self, SOCK_STREAM, "bind of the TCP port");
  if (opened.ok() && ::listen(opened.value().get(), kBacklog) != 0) {
    const int reason = errno;
    return Error{reason == EADDRINUSE ? ErrorCode::kAddressInUse : ErrorCode::kNative, "listen",
                 reason};
  }
  return opened;
}

IoResult receive_from(const UniqueFd& udp, std::span<std::uint8_t> into, Address& from) noexcept {
  from = Address{};
  socklen_t length = sizeof(from.bytes);
  const ssize_t count = ::recvfrom(udp.get(), into.data(), into.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(from.bytes.data()), &length);
  if (count < 0) return {outcome_of(errno)};
  CHECK(length <= sizeof(from.bytes));
  from.length = length;
  return {Io::kDone, static_cast<std::size_t>(count)};
}

void send_to(const UniqueFd& udp, std::span<const std::uint8_t> bytes, const Address& to) noexcept {
  // A datagram that cannot go is a lost one; the first try may only fetch a refusal that waited.
  for (int i = 0; i < 2; ++i) {
    if (::sendto(udp.get(), bytes.data(), bytes.size(), kSendFlags, raw(to), to.length) >= 0)
      return;
    if (errno != ECONNREFUSED) return;
  }
}

bool take_udp_refusal([[maybe_unused]] const UniqueFd& udp,
                      [[maybe_unused]] const Address& peer) noexcept {
  bool is_refused = false;
#if defined(__linux__)
  Address destination;
  alignas(cmsghdr) std::array<std::uint8_t, 256> control;
  for (;;) {
    destination = Address{};
    msghdr message{};
    message.msg_name = destination.bytes.data();
    message.msg_namelen = sizeof(destination.bytes);
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(udp.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return is_refused;
    destination.length = message.msg_namelen;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
      const bool is_error = (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
                            (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR);
      if (!is_error) continue;
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(part), sizeof(error));
      if (error.ee_errno == ECONNREFUSED && destination == peer) is_refused = true;
    }
  }
#endif
  return is_refused;
}

UniqueFd accept_one(const UniqueFd& listener, Address& from) noexcept {
  from = Address{};
  socklen_t length = sizeof(from.bytes);
  auto* other = reinterpret_cast<sockaddr*>(from.bytes.data());
#if defined(__linux__)
  UniqueFd fd(::accept4(listener.get(), other, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
#else
  UniqueFd fd(::accept(listener.get(), other, &length));
  if (fd.is_open()) {
    static_cast<void>(::fcntl(fd.get(), F_SETFL, O_NONBLOCK));
    static_cast<void>(::fcntl(fd.get(), F_SETFD, FD_CLOEXEC));
  }
#endif
  if (!fd.is_open()) return fd;
  CHECK(length <= sizeof(from.bytes));
  from.length = length;
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  return fd;
}

ConnectResult begin_connect(const Address& self, const Address& peer) noexcept {
  UniqueFd fd = open_socket(peer, SOCK_STREAM);
  if (!fd.is_open()) return {Io::kFailed, {}};
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  // From the link's own host, so that each link is probed over its own path; any port of it.
  Address source = self;
  if (raw(source)->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(source.bytes.data())->sin6_port = 0;
  } else {
    reinterpret_cast<sockaddr_in*>(source.bytes.data())->sin_port = 0;
  }
#if defined(IP_BIND_ADDRESS_NO_PORT)
  set_option(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
#endif
  if (::bind(fd.get(), raw(source), source.length) != 0) return {Io::kFailed, {}};
  const int error = ::connect(fd.get(), raw(peer), peer.length) == 0 ? 0 : errno;
  const Io status = outcome_of(error);
  if (status != Io::kDone && status != Io::kAgain) fd.reset();
  return {status, std::move(fd)};
}

Io finish_connect(const UniqueFd& stream) noexcept {
  int error = 0;
  socklen_t length = sizeof(error);
  if (::getsockopt(stream.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return Io::kFailed;
  if (error != 0) return outcome_of(error);
  sockaddr_storage peer{};
  socklen_t peer_length = sizeof(peer);
  // No error and no peer: still under way.
  const bool is_up =
      ::getpeername(stream.get(), reinterpret_cast<sockaddr*>(&peer), &peer_length) == 0;
  return is_up ? Io::kDone : Io::kAgain;
}

void set_user_timeout([[maybe_unused]] const UniqueFd& stream,
                      [[maybe_unused]] std::uint32_t millis) noexcept {
#if defined(TCP_USER_TIMEOUT)
  set_option(stream.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(millis));
#endif
}

IoResult read_some(const UniqueFd& stream, std::span<std::uint8_t> into) noexcept {
  const ssize_t count = ::recv(stream.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (count == 0) return {Io::kEnded};
  if (count < 0) return {outcome_of(errno)};
  return {Io::kDone, static_cast<std::size_t>(count)};
}

IoResult write_some(const UniqueFd& stream, std::span<const std::uint8_t> bytes) noexcept {
  const ssize_t count = ::send(stream.get(), bytes.data(), bytes.size(), kSendFlags);
  if (count < 0) return {outcome_of(errno)};
  return {Io::kDone, static_cast<std::size_t>(count)};
}

}  // namespace hotpair::heartbeat
