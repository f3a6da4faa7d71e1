// The sockets of beats: non-blocking, by file descriptor, without anything of the operating system
// in this header.
//
// Each function is one or a few system calls and keeps nothing. Expected outcomes are values:
// nothing to read, refused, reset, ended. Only what is opened on behalf of JavaScript returns a
// Result, because only there is someone to tell.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace hotpair::heartbeat {

// A numeric host and a port: the bytes of a sockaddr_in or sockaddr_in6.
struct Address {
  alignas(8) std::array<std::uint8_t, 32> bytes{};
  std::uint32_t length = 0;
  std::uint32_t zero = 0;

  friend bool operator==(const Address&, const Address&) = default;
};

// Nothing when `host` is no numeric address. Allocates, so it is for the JavaScript thread.
std::optional<Address> parse_address(const char* host, std::uint16_t port);
std::uint16_t port_of(const Address& address) noexcept;
// The host alone, as JavaScript reads it from the beat board.
struct Origin {
  // 4 or 6; 0: none.
  std::uint32_t family = 0;
  std::uint32_t port = 0;
  // In network order; of IPv4 the first four.
  std::array<std::uint8_t, 16> host{};
};
Origin origin_of(const Address& address) noexcept;
// Whether both name the same host, whatever their ports.
bool is_same_host(const Address& one, const Address& other) noexcept;
// Whether it is an address that parse_address() makes: of a known family, with its length.
bool is_sound(const Address& address) noexcept;

// The error names the call; a port that another process holds is kAddressInUse.
Result<UniqueFd> open_udp(const Address& self);
Result<UniqueFd> open_listener(const Address& self);

enum class Io : std::uint8_t {
  kDone,
  // Nothing there, or no room.
  kAgain,
  // The other side has closed in order.
  kEnded,
  // Refused or reset: no process holds the other end.
  kRefused,
  // Any other failure.
  kFailed,
};

struct IoResult {
  Io status;
  std::size_t bytes = 0;
};

// One datagram. kRefused: see take_udp_refusal.
IoResult receive_from(const UniqueFd& udp, std::span<std::uint8_t> into, Address& from) noexcept;
// Sends if there is room, else drops.
void send_to(const UniqueFd& udp, std::span<const std::uint8_t> bytes, const Address& to) noexcept;
// Takes all errors that wait on the socket; true if one says that `peer` refused.
// Where the system does not tell which datagram was refused, always false.
bool take_udp_refusal(const UniqueFd& udp, const Address& peer) noexcept;

// Nothing when no connection waits. `from` is the other end.
UniqueFd accept_one(const UniqueFd& listener, Address& from) noexcept;

struct ConnectResult {
  // kDone: established. kAgain: under way. Otherwise there is no socket.
  Io status;
  UniqueFd fd;
};
// A connection from `self`'s host (any port) to `peer`.
ConnectResult begin_connect(const Address& self, const Address& peer) noexcept;
// What became of a connect under way, once the socket is ready.
Io finish_connect(const UniqueFd& stream) noexcept;

// How long sent bytes may stay unacknowledged until the connection counts as ended.
void set_user_timeout(const UniqueFd& stream, std::uint32_t millis) noexcept;

IoResult read_some(const UniqueFd& stream, std::span<std::uint8_t> into) noexcept;
IoResult write_some(const UniqueFd& stream, std::span<const std::uint8_t> bytes) noexcept;

}  // namespace hotpair::heartbeat
