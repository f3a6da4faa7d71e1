// The sockets of one link; see link.hpp.
#include "heartbeat/link.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace hotpair::heartbeat {

Result<Link> Link::open(const LinkConfig& config) {
  // TCP first: its port is refused when another process listens there, which says more clearly than
  // UDP that a second member runs.
  Result<UniqueFd> listener = open_listener(config.self);
  if (!listener.ok()) return listener.error();
  Result<UniqueFd> udp = open_udp(config.self);
  if (!udp.ok()) return udp.error();
  return Link(config, std::move(udp).value(), std::move(listener).value());
}

Link::Link(const LinkConfig& config, UniqueFd udp, UniqueFd listener) noexcept
    : self_(config.self),
      addresses_(config.addresses),
      udp_(std::move(udp)),
      listener_(std::move(listener)) {}

bool Link::attach(Poller& poller, BeatPair& pair, std::uint8_t index) noexcept {
  CHECK(poller_ == nullptr);
  poller_ = &poller;
  udp_watched_ = {&pair, index, Watched::Part::kUdp, 0};
  listener_watched_ = {&pair, index, Watched::Part::kListener, 0};
  for (std::size_t i = 0; i < kStreams; ++i) {
    streams_[i].watched = {&pair, index, Watched::Part::kStream, static_cast<std::uint8_t>(i)};
  }
  return poller.add(udp_.get(), &udp_watched_, Interest::kRead) &&
         poller.add(listener_.get(), &listener_watched_, Interest::kRead);
}

void Link::detach() noexcept {
  CHECK(poller_ != nullptr);
  for (Stream& stream : streams_) close(stream);
  poller_->remove(udp_.get());
  poller_->remove(listener_.get());
  udp_.reset();
  listener_.reset();
  poller_ = nullptr;
}

std::optional<std::span<const std::uint8_t>> Link::receive(Address& from) noexcept {
  // A refusal that waits is reported by the read in place of a datagram, so it is taken and the
  // read repeated; the bound holds whatever the system does.
  for (int i = 0; i < 4; ++i) {
    if (take_udp_refusal(udp_, addresses_.peer)) probes.is_udp_refused = true;
    const IoResult got = receive_from(udp_, datagram_, from);
    if (got.status == Io::kDone) return std::span<const std::uint8_t>(datagram_).first(got.bytes);
    if (got.status == Io::kAgain) return {};
  }
  return {};
}

void Link::send(std::span<const std::uint8_t> packet, const Address& to) noexcept {
  send_to(udp_, packet, to);
}

Stream* Link::accept(Instant now) noexcept {
  Address from;
  UniqueFd fd = accept_one(listener_, from);
  if (!fd.is_open()) return nullptr;
  Stream* stream = free_stream();
  CHECK(stream != nullptr);
  stream->fd = std::move(fd);
  stream->role = Role::kArriving;
  stream->since = now;
  stream->from = from;
  if (!watch(*stream, Interest::kRead)) release(*stream);
  return stream;
}

Stream* Link::crowded_out() noexcept {
  std::size_t arriving = 0;
  std::size_t most = 0;
  Stream* found = nullptr;
  for (Stream& stream : streams_) {
    if (stream.role != Role::kArriving) continue;
    ++arriving;
    const auto of_its_host = static_cast<std::size_t>(
        std::count_if(streams_.begin(), streams_.end(), [&](const Stream& other) {
          return other.role == Role::kArriving && is_same_host(other.from, stream.from);
        }));
    if (of_its_host < most) continue;
    if (of_its_host == most && stream.since >= found->since) continue;
    most = of_its_host;
    found = &stream;
  }
  return arriving == kMostArriving ? found : nullptr;
}

Link::Begun Link::connect(Role role, Instant now) noexcept {
  CHECK(role == Role::kDial || role == Role::kProbeControl || role == Role::kProbeData);
  CHECK(find(role) == nullptr);
  Stream* stream = free_stream();
  CHECK(stream != nullptr);
  const Address& peer = role == Role::kProbeData ? addresses_.peer_data : addresses_.peer;
  ConnectResult begun = begin_connect(self_, peer);
  if (begun.status != Io::kDone && begun.status != Io::kAgain) return {begun.status, nullptr};
  stream->fd = std::move(begun.fd);
  stream->role = role;
  stream->is_connecting = true;
  stream->since = now;
  if (!watch(*stream, Interest::kReadAndWrite)) {
    release(*stream);
    return {Io::kFailed, nullptr};
  }
  return {Io::kAgain, stream};
}

Io Link::finish(Stream& stream) noexcept {
  CHECK(stream.is_connecting);
  const Io outcome = finish_connect(stream.fd);
  if (outcome == Io::kDone) {
    stream.is_connecting = false;
    poller_->change(stream.fd.get(), &stream.watched, Interest::kRead);
  }
  return outcome;
}

Io Link::read(Stream& stream) noexcept {
  if (stream.in_used == kPacketBytes) stream.in_used = 0;
  while (stream.in_used < kPacketBytes) {
    const IoResult got = read_some(stream.fd, std::span(stream.in).subspan(stream.in_used));
    if (got.status != Io::kDone) return got.status;
    stream.in_used += got.bytes;
  }
  return Io::kDone;
}

bool Link::flush(Stream& stream) noexcept {
  while (stream.out_left > 0) {
    const auto rest = std::span<const std::uint8_t>(stream.out).last(stream.out_left);
    const IoResult sent = write_some(stream.fd, rest);
    if (sent.status != Io::kDone) return false;
    stream.out_left -= sent.bytes;
  }
  return true;
}

void Link::write(Stream& stream, std::span<const std::uint8_t> packet) noexcept {
  CHECK(packet.size() == kPacketBytes && stream.role != Role::kFree && !stream.is_connecting);
  // A failure is found by the next read, which also knows its kind.
  if (!flush(stream)) return;
  const IoResult sent = write_some(stream.fd, packet);
  if (sent.status != Io::kDone) return;
  std::copy(packet.begin(), packet.end(), stream.out.begin());
  stream.out_left = kPacketBytes - sent.bytes;
}

void Link::close(Stream& stream) noexcept {
  if (stream.role == Role::kFree) return;
  poller_->remove(stream.fd.get());
  release(stream);
}

void Link::release(Stream& stream) noexcept {
  stream.fd.reset();
  stream.role = Role::kFree;
  stream.is_connecting = false;
  stream.from = {};
  stream.is_proved = false;
  stream.incarnation = 0;
  stream.in_used = 0;
  stream.out_left = 0;
}

void Link::promote(Stream& stream, std::uint64_t incarnation, Nanos patience) noexcept {
  CHECK(stream.role == Role::kArriving || stream.role == Role::kDial);
  if (Stream* former = beat(); former != nullptr) close(*former);
  stream.role = Role::kBeat;
  stream.incarnation = incarnation;
  redial_after = kFirstRedial;
  set_user_timeout(stream.fd, static_cast<std::uint32_t>(patience.count / 1'000'000));
}

Stream* Link::find(Role role) noexcept {
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [role](const Stream& stream) { return stream.role == role; });
  return found == streams_.end() ? nullptr : &*found;
}

Stream* Link::free_stream() noexcept { return find(Role::kFree); }

bool Link::watch(Stream& stream, Interest interest) noexcept {
  return poller_->add(stream.fd.get(), &stream.watched, interest);
}

}  // namespace hotpair::heartbeat
