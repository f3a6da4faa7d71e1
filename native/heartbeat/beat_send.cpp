// What goes out: beats, answers, probes and dials; see beat_pair.hpp.
// Nothing here waits: what a socket does not take at once is dropped, for the next packet says all
// of it again. It draws no conclusions from a failure but those of a connect.
#include <algorithm>

#include "base/check.hpp"
#include "heartbeat/beat_pair.hpp"

namespace hotpair::heartbeat {

// A packet with the next number; the caller says what it echoes if not the newest heard.
Beat BeatPair::compose(BeatKind kind, std::uint8_t link, Instant now) noexcept {
  Beat beat;
  beat.kind = kind;
  beat.sender = config_.self;
  beat.link = link;
  beat.pair = config_.pair;
  beat.incarnation = config_.incarnation;
  beat.seq = ++view_.own_seq;
  beat.sent_at = now.nanos;
  beat.echo = echo_;
  beat.echo.held = echo_.incarnation == 0 ? 0 : (now - echo_heard_at_).count;
  beat.beat_no = beat_no_;
  say_of_loop(beat);
  beat.presence = said_presence();
  // A failed read leaves zeros, which is what numbers for show may do.
  static_cast<void>(words_.counters.try_read(beat.counters));
  return beat;
}

// One number for all paths: the receiver takes the first copy and drops the others.
void BeatPair::send_beat(Instant now, bool is_regular) noexcept {
  CHECK(is_announced_);
  ++beat_no_;
  Beat beat = compose(BeatKind::kBeat, 0, now);
  if (is_regular) beat.flags |= flag::kRegular;
  PacketBytes packet;
  for (Link& link : links_) {
    LinkStatistics& statistics = words_.board.statistics.links[link.index()];
    beat.link = link.index();
    encode(beat, config_.keys, packet);
    link.send(packet, link.addresses().peer);
    statistics.udp.sent.add(1);
    for (Stream& stream : link.streams()) {
      const bool carries_beats = stream.role == Role::kBeat || stream.role == Role::kDial;
      if (!carries_beats || stream.is_connecting) continue;
      link.write(stream, packet);
      statistics.tcp.sent.add(1);
    }
  }
}

// By UDP when there is no stream. Each probe has a number of its own.
void BeatPair::send_probe(Link& link, Stream* stream, Instant now) noexcept {
  if (!is_announced_) return;
  PacketBytes packet;
  encode(compose(BeatKind::kProbe, link.index(), now), config_.keys, packet);
  if (stream == nullptr) return link.send(packet, link.addresses().peer);
  link.write(*stream, packet);
}

// Answers one packet to where it came from, echoing that packet and not the newest heard.
void BeatPair::answer(const Beat& beat, const Source& source, Instant now) noexcept {
  if (!is_announced_) return;
  Beat reply = compose(BeatKind::kAnswer, source.link.index(), now);
  reply.echo = {beat.incarnation, beat.seq, beat.sent_at, 0};
  PacketBytes packet;
  encode(reply, config_.keys, packet);
  if (source.stream == nullptr) return source.link.send(packet, source.from);
  source.link.write(*source.stream, packet);
}

Nanos BeatPair::connect_deadline() const noexcept {
  // A connect takes a round trip; on a long line the probe period alone would always be too short.
  const Nanos round_trips = Nanos{static_cast<std::int64_t>(view_.round_trip) * 3};
  const Nanos patient = std::min(config_.timing.window / 2, round_trips + Nanos::millis(1));
  return std::max(config_.timing.probe_period(), patient);
}

void BeatPair::run_probes(Link& link, Instant now) noexcept {
  LinkProbes& probes = link.probes;
  if (now >= probes.packets_due) {
    send_probe(link, nullptr, now);
    if (Stream* stream = link.beat(); stream != nullptr) send_probe(link, stream, now);
    if (probes.first_packet_at == kNever) probes.first_packet_at = now;
    probes.packets_due = now + suspicion_.probe_spacing(now);
  }
  run_connect_probe(link, probes.control, Role::kProbeControl, now);
  run_connect_probe(link, probes.data, Role::kProbeData, now);
}

void BeatPair::run_connect_probe(Link& link, ConnectProbe& probe, Role role, Instant now) noexcept {
  if (!probe.is_due(now, connect_deadline())) return;
  if (Stream* former = link.find(role); former != nullptr) link.close(*former);
  probe.began(now);
  const Link::Begun begun = link.connect(role, now);
  if (begun.stream != nullptr) return;
  const Nanos spacing = suspicion_.probe_spacing(now);
  begun.status == Io::kRefused ? probe.refused(now, spacing) : probe.ended(now, spacing);
}

void BeatPair::end_probes() noexcept {
  for (Link& link : links_) {
    for (const Role role : {Role::kProbeControl, Role::kProbeData}) {
      if (Stream* stream = link.find(role); stream != nullptr) link.close(*stream);
    }
  }
}

bool BeatPair::should_dial(Link& link) const noexcept {
  // Without a presence there is nothing to say on a connection.
  return config_.dials && is_announced_ && link.beat() == nullptr &&
         link.find(Role::kDial) == nullptr;
}

void BeatPair::dial(Link& link, Instant now) noexcept {
  link.dialled_at = now;
  if (link.connect(Role::kDial, now).stream == nullptr) on_dial_failed(link, now);
}

void BeatPair::on_dial_failed(Link& link, Instant now) noexcept {
  link.redial_at = now + link.redial_after;
  link.redial_after = std::min(link.redial_after * 2, kLongestRedial);
}

}  // namespace hotpair::heartbeat
