// What comes in: readiness, packets, and what they mean for the pair; see beat_pair.hpp.
// Reads every socket empty and never judges: silence is looked at in beat_pair.cpp, when everything
// that had arrived has been heard. It sends nothing but answers and the probe of a new connection.
#include <algorithm>

#include "base/check.hpp"
#include "heartbeat/beat_pair.hpp"

namespace hotpair::heartbeat {
namespace {

// More than the system's receive buffer can hold, so that all that lay there at the wake is read
// before silence is judged, and few enough that a flood cannot hold the thread.
constexpr int kMostReads = 1024;

}  // namespace

void BeatPair::on_ready(const Watched& watched, Instant now) noexcept {
  owner_.check();
  CHECK(watched.link < links_.size());
  is_touched = true;
  Link& link = links_[watched.link];
  switch (watched.part) {
    case Watched::Part::kUdp:
      return read_datagrams(link, now);
    case Watched::Part::kListener:
      // What came with the connection is read at once; a bound as for datagrams.
      for (int i = 0; i < kMostReads; ++i) {
        if (Stream* crowded = link.crowded_out(); crowded != nullptr) turn_out(link, *crowded);
        Stream* stream = link.accept(now);
        if (stream == nullptr) return;
        read_stream(link, *stream, now);
      }
      return;
    case Watched::Part::kStream:
      return read_stream(link, link.stream(watched.index), now);
  }
}

void BeatPair::read_datagrams(Link& link, Instant now) noexcept {
  Address from;
  for (int i = 0; i < kMostReads; ++i) {
    const auto bytes = link.receive(from);
    if (!bytes) return;
    on_packet(*bytes, {link, nullptr, from}, now);
  }
}

void BeatPair::read_stream(Link& link, Stream& stream, Instant now) noexcept {
  if (stream.role == Role::kFree) return;
  if (stream.is_connecting) {
    const Io outcome = link.finish(stream);
    if (outcome == Io::kAgain) return;
    if (outcome != Io::kDone) return on_stream_end(link, stream, outcome, now);
    on_connected(link, stream, now);
  }
  for (int i = 0; i < kMostReads && stream.role != Role::kFree; ++i) {
    const Io outcome = link.read(stream);
    if (outcome == Io::kAgain) return;
    if (outcome != Io::kDone) return on_stream_end(link, stream, outcome, now);
    // What the data port says belongs to another protocol.
    if (stream.role == Role::kProbeData) continue;
    on_packet(stream.in, {link, &stream, stream.from}, now);
  }
}

void BeatPair::on_connected(Link& link, Stream& stream, Instant now) noexcept {
  switch (stream.role) {
    case Role::kDial:
      stream.since = now;
      // The beat that goes out with this wake is the first packet of the connection.
      wants_beat_ = true;
      return;
    case Role::kProbeControl:
      link.probes.control.connected();
      return send_probe(link, &stream, now);
    case Role::kProbeData:
      return link.probes.data.connected();
    case Role::kFree:
    case Role::kArriving:
    case Role::kBeat:
      break;
  }
  check_failed("a stream of this role is not connecting", __FILE__, __LINE__);
}

void BeatPair::on_stream_end(Link& link, Stream& stream, Io status, Instant now) noexcept {
  const Role role = stream.role;
  link.close(stream);
  const auto note = [&](ConnectProbe& probe) {
    const Nanos spacing = suspicion_.probe_spacing(now);
    status == Io::kRefused ? probe.refused(now, spacing) : probe.ended(now, spacing);
  };
  switch (role) {
    case Role::kBeat:
      suspicion_.ask();
      has_connection_ended_ = !has_beat_connection();
      link.redial_at = now;
      return;
    case Role::kDial:
      return on_dial_failed(link, now);
    case Role::kProbeControl:
      return note(link.probes.control);
    case Role::kProbeData:
      return note(link.probes.data);
    case Role::kFree:
    case Role::kArriving:
      return;
  }
}

Circumstances BeatPair::circumstances(Instant now) const noexcept {
  return {now, view_.own_seq, suspicion_.is_late(now), has_connection_ended_};
}

// By the keys that opened the last one first, so that a peer's packets cost one MAC each. A packet
// of nobody's key costs two, some 0.3 us beside the system call that read it. There is no bound on
// second tries: strangers could use it up, and silence a peer who has the other key.
Decoded BeatPair::open_packet(std::span<const std::uint8_t> bytes, Beat& beat) noexcept {
  const std::uint64_t first = opened_by_ == 2 ? 2 : 1;
  const auto open_by = [&](std::uint64_t number) {
    const BeatKeys& keys = number == 1 ? config_.keys : *config_.other_keys;
    const Decoded decoded = decode(bytes, config_.pair, keys, beat);
    if (decoded == Decoded::kOk) opened_by_ = number;
    return decoded;
  };
  const Decoded decoded = open_by(first);
  if (decoded != Decoded::kBadMac || !config_.other_keys) return decoded;
  return open_by(3 - first);
}

void BeatPair::on_packet(std::span<const std::uint8_t> bytes, const Source& source,
                         Instant now) noexcept {
  Beat beat;
  switch (open_packet(bytes, beat)) {
    case Decoded::kMalformed:
      ++view_.malformed;
      return refuse(source, now);
    case Decoded::kOtherPair:
      ++view_.other_pair;
      return refuse(source, now);
    case Decoded::kBadMac:
      ++view_.bad_mac;
      return refuse(source, now);
    case Decoded::kOk:
      break;
  }
  if (beat.sender == config_.self) return on_own_name(beat, source, now);
  // Says nothing of a presence, so it can make nobody known.
  if (beat.kind == BeatKind::kMarks && !identity_.has_heard(beat.incarnation)) return;

  const std::uint64_t refused_before = identity_.refused_count();
  const Freshness freshness = identity_.observe(beat, circumstances(now));
  view_.same_member += identity_.refused_count() - refused_before;
  const bool is_probe = beat.kind == BeatKind::kProbe;
  switch (freshness) {
    case Freshness::kFresh:
      if (beat.kind == BeatKind::kMarks) {
        take_marks(beat);
        break;
      }
      take(beat, now);
      if (is_probe) answer(beat, source, now);
      break;
    case Freshness::kAdopted:
      adopt(beat, now);
      if (is_probe) answer(beat, source, now);
      break;
    case Freshness::kDuplicate:
      // On one path they may have been overtaken by what the other brought.
      if (beat.kind == BeatKind::kMarks) take_marks(beat);
      if (is_probe && budget_.take(now)) answer(beat, source, now);
      break;
    case Freshness::kReplayed:
      ++view_.replayed;
      note_stranger(source.from);
      break;
    case Freshness::kUnproven:
    case Freshness::kWaiting:
      if (budget_.take(now)) answer(beat, source, now);
      break;
  }
  if (freshness == Freshness::kFresh || freshness == Freshness::kAdopted) {
    note_round_trip(beat.echo, source.link, now);
    note_arrival(beat, source, now);
  } else if (freshness == Freshness::kDuplicate) {
    note_arrival(beat, source, now);
  }
  if (source.stream != nullptr && identity_.has_heard(beat.incarnation) &&
      freshness != Freshness::kReplayed && freshness != Freshness::kUnproven) {
    source.stream->is_proved = true;
  }
  bring_up(beat, source);
}

// A packet under this member's own name: a reflection of its own, or a second process.
void BeatPair::on_own_name(const Beat& beat, const Source& source, Instant now) noexcept {
  ++(beat.incarnation == config_.incarnation ? view_.replayed : view_.same_member);
  refuse(source, now);
}

// A connection that has proved nothing, in all its time or until its place was needed.
void BeatPair::turn_out(Link& link, Stream& stream) noexcept {
  if (!stream.is_proved) {
    ++view_.unproved;
    note_stranger(stream.from);
  }
  link.close(stream);
}

void BeatPair::note_stranger(const Address& from) noexcept { view_.stranger = origin_of(from); }

// Garbage by UDP may come from anyone and is only counted; a connection that speaks it is closed.
void BeatPair::refuse(const Source& source, Instant now) noexcept {
  note_stranger(source.from);
  if (source.stream == nullptr) return;
  on_stream_end(source.link, *source.stream, Io::kEnded, now);
}

// A fresh packet of the known incarnation.
void BeatPair::take(const Beat& beat, Instant now) noexcept {
  CHECK(beat.incarnation == identity_.known());
  CHECK(beat.echo.incarnation == config_.incarnation);
  if ((beat.flags & flag::kGone) != 0) {
    suspicion_.hear_gone(now);
  } else {
    suspicion_.hear(now, beat.echo.seq, is_hung(beat));
  }
  has_heard_ = true;
  view_.peer_key = opened_by_;
  echo_ = {beat.incarnation, beat.seq, beat.sent_at, 0};
  echo_heard_at_ = now;
  view_.heard_at = static_cast<std::uint64_t>(now.nanos);
  view_.answered_seq = std::max(view_.answered_seq, beat.echo.seq);
  view_.peer_presence = beat.presence;
  view_.peer_counters = beat.counters;
  view_.peer_vouch_age_ms = beat.vouch_age_ms;
  view_.is_peer_busy = (beat.flags & flag::kBusy) != 0 ? 1 : 0;
  view_.peer_in_frame = beat.in_frame;
  // The peer lives while the connection is down: no need to wait for the next dial.
  for (Link& link : links_) {
    if (should_dial(link) && now >= link.dialled_at + kFirstRedial) link.redial_at = now;
  }
}

void BeatPair::adopt(const Beat& beat, Instant now) noexcept {
  CHECK(beat.incarnation == identity_.known());
  suspicion_.adopt(now);
  has_connection_ended_ = false;
  view_.answered_seq = 0;
  for (LinkArrivals& each : arrivals_) each = {};
  for (Link& link : links_) {
    Stream* stream = link.beat();
    if (stream != nullptr && stream->incarnation != beat.incarnation) link.close(*stream);
  }
  take(beat, now);
  // Echoes the newcomer, so that it finds this member fresh within a round trip.
  wants_beat_ = true;
}

// A connection over which the known incarnation proves itself becomes the beat connection.
void BeatPair::bring_up(const Beat& beat, const Source& source) noexcept {
  Stream* stream = source.stream;
  if (stream == nullptr || !identity_.is_newest_of_known(beat)) return;
  const bool is_dialled = stream->role == Role::kDial;
  const bool has_arrived = stream->role == Role::kArriving && beat.kind == BeatKind::kBeat;
  if (!is_dialled && !has_arrived) return;
  // Four windows without an acknowledgement by the peer's kernel: begin anew.
  source.link.promote(*stream, beat.incarnation, config_.timing.window * 4);
  arrivals_[source.link.index()].tcp.reset();
  has_connection_ended_ = false;
  wants_beat_ = true;
}

// Every copy of a beat counts for the path that brought it.
void BeatPair::note_arrival(const Beat& beat, const Source& source, Instant now) noexcept {
  if (beat.kind != BeatKind::kBeat) return;
  const std::size_t index = source.link.index();
  LinkStatistics& link = words_.board.statistics.links[index];
  if (source.stream == nullptr) {
    arrivals_[index].udp.note(beat, now, config_.timing, link.udp);
  } else {
    arrivals_[index].tcp.note(beat, now, config_.timing, link.tcp);
  }
}

void BeatPair::note_round_trip(const Echo& echo, Link& link, Instant now) noexcept {
  if (echo.seq <= measured_seq_) return;
  measured_seq_ = echo.seq;
  // Both are as the peer says: bounded first, so that no difference is beyond what 64 bits hold.
  const std::int64_t window = config_.timing.window.count;
  if (echo.sent_at < 0 || echo.sent_at > now.nanos || echo.held < 0) return;
  const std::int64_t since = now.nanos - echo.sent_at;
  if (echo.held > since || since - echo.held > window) return;
  const std::int64_t sample = since - echo.held;
  words_.board.statistics.links[link.index()].round_trip.add(Nanos{sample});
  // Smoothed by an eighth, as TCP does; 0 means "none yet", so a sample is at least 1.
  const auto former = static_cast<std::int64_t>(view_.round_trip);
  const std::int64_t smoothed = former == 0 ? sample : former + (sample - former) / 8;
  view_.round_trip = static_cast<std::uint64_t>(std::max<std::int64_t>(1, smoothed));
}

}  // namespace hotpair::heartbeat
