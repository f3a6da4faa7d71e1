// Link: the sockets of one link of one pair, and the packets on them.
//
// One UDP socket and one listener on the own control port, and a fixed number of places for TCP
// connections, each with a role: the beat connection that counts, one being dialled, those that
// have arrived and not proved themselves yet, and the probes. Nothing here knows what a packet
// means or judges the peer; BeatPair does. Nothing is allocated after `open`.
//
// Opened on the JavaScript thread, then handed to the beat thread for good by `attach`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "base/units.hpp"
#include "heartbeat/beat_layout.hpp"
#include "heartbeat/link_addresses.hpp"
#include "heartbeat/poller.hpp"
#include "heartbeat/probe.hpp"
#include "heartbeat/socket.hpp"

namespace hotpair::heartbeat {

class BeatPair;

// Unauthenticated connections that may stand at once. One more replaces the oldest of the host that
// has most of them: a peer proves itself within a round trip and an idle stranger does not, and a
// stranger who fills all places drives out his own connections, not those of the peer's host.
inline constexpr std::size_t kMostArriving = 8;
// The beat connection, one being dialled, two probes, and those that have arrived.
inline constexpr std::size_t kStreams = kMostArriving + 4;

// What a token of the poller points to.
struct Watched {
  enum class Part : std::uint8_t { kUdp, kListener, kStream };
  BeatPair* pair = nullptr;
  std::uint8_t link = 0;
  Part part = Part::kUdp;
  // Of the stream, where it is one.
  std::uint8_t index = 0;
};

enum class Role : std::uint8_t {
  kFree,
  // Accepted; has shown no fresh beat yet.
  kArriving,
  // Dialled by this member; has shown no fresh packet yet.
  kDial,
  // Shown to be the peer's: carries beats.
  kBeat,
  kProbeControl,
  kProbeData,
};

// One place for a TCP connection. Meaningful only with a role other than kFree.
struct Stream {
  Watched watched;
  UniqueFd fd;
  Role role = Role::kFree;
  bool is_connecting = false;
  // When it was accepted or begun.
  Instant since{};
  // The other end of one that was accepted.
  Address from;
  // A packet of the known incarnation came by it.
  bool is_proved = false;
  // The incarnation at the other end; 0 until a fresh packet came.
  std::uint64_t incarnation = 0;
  // Bytes of a packet that has not come whole.
  PacketBytes in{};
  std::size_t in_used = 0;
  // Bytes of a packet that did not fit into the send buffer whole.
  PacketBytes out{};
  std::size_t out_left = 0;
};

struct LinkConfig {
  Address self;
  LinkAddresses addresses;
};

class Link {
 public:
  // Opens and binds both sockets of the control port.
  static Result<Link> open(const LinkConfig& config);
  Link(Link&&) noexcept = default;
  Link& operator=(Link&&) = delete;

  // From here on used by the beat thread only, at this address in memory.
  [[nodiscard]] bool attach(Poller& poller, BeatPair& pair, std::uint8_t index) noexcept;
  // Closes every socket.
  void detach() noexcept;

  // The next datagram, or nothing when none waits. Longer ones are cut at one byte too many.
  std::optional<std::span<const std::uint8_t>> receive(Address& from) noexcept;
  void send(std::span<const std::uint8_t> packet, const Address& to) noexcept;

  // Takes in one connection that waits; null when none does. Requires: crowded_out() is null.
  Stream* accept(Instant now) noexcept;
  // Where every place of those that arrive is taken: the one to be closed for the next.
  Stream* crowded_out() noexcept;
  // Begins a connect in a free place; the stream is null when it failed at once.
  struct Begun {
    Io status;
    Stream* stream;
  };
  Begun connect(Role role, Instant now) noexcept;
  // Looks what became of a connect. kAgain: nothing yet.
  Io finish(Stream& stream) noexcept;

  // The next whole packet. kDone: it is in `stream.in`, until the next call.
  Io read(Stream& stream) noexcept;
  // Sends whole or not at all; a full buffer drops the packet.
  void write(Stream& stream, std::span<const std::uint8_t> packet) noexcept;
  void close(Stream& stream) noexcept;
  // Turns a stream that has proved itself into the beat connection, in place of the former one.
  // `patience` is how long it may carry nothing until it counts as ended.
  void promote(Stream& stream, std::uint64_t incarnation, Nanos patience) noexcept;

  // The beat connection, or null.
  Stream* beat() noexcept { return find(Role::kBeat); }
  Stream* find(Role role) noexcept;
  std::span<Stream> streams() noexcept { return streams_; }
  Stream& stream(std::size_t index) noexcept { return streams_[index]; }

  // Of this link within its pair. Meaningful after attach.
  std::uint8_t index() const noexcept { return udp_watched_.link; }
  const LinkAddresses& addresses() const noexcept { return addresses_; }
  // The peer's host was resolved anew.
  void move_to(const LinkAddresses& addresses) noexcept { addresses_ = addresses; }

  LinkProbes probes;
  // When to dial next, if this member dials and nothing stands or is under way.
  Instant redial_at{};
  Nanos redial_after = kFirstRedial;
  Instant dialled_at{};

 private:
  Link(const LinkConfig& config, UniqueFd udp, UniqueFd listener) noexcept;
  Stream* free_stream() noexcept;
  bool watch(Stream& stream, Interest interest) noexcept;
  void release(Stream& stream) noexcept;
  bool flush(Stream& stream) noexcept;

  Address self_;
  LinkAddresses addresses_;
  UniqueFd udp_;
  UniqueFd listener_;
  Watched udp_watched_;
  Watched listener_watched_;
  std::array<Stream, kStreams> streams_;
  // Null until attached.
  Poller* poller_ = nullptr;
  // One byte more than a packet, so that a longer datagram is seen as such.
  std::array<std::uint8_t, kPacketBytes + 1> datagram_{};
};

}  // namespace hotpair::heartbeat
