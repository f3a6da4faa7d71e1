// A server that is dead while its beats go on, because they are sent by a unit in a process of its
// own; see beat_pair.hpp.
//
// Its beats say so: that is a finding of the surest kind, by one who has seen the process end, and
// a renunciation too, for the dead act in no reign. What it had sent goes out before, so that the
// other member, when it learns of the death, knows already which outputs are in doubt.
#include "heartbeat/beat_pair.hpp"
#include "heartbeat/presence_layout.hpp"

namespace hotpair::heartbeat {

void BeatPair::on_gone(Instant now) noexcept {
  if (is_gone_) return;
  is_gone_ = true;
  gate_.shut();
  // What it announced with its last breath. One that died while it wrote had not acted on it yet.
  if (words_.announced.try_read(presence_)) is_announced_ = true;
  if (!is_announced_) return;
  view_.renounced_natively = presence::word(presence_, presence::kEpoch);
  if (const auto marks = read_marks(words_.sent, config_.incarnation)) send_marks(*marks, now);
  wants_beat_ = true;
}

void BeatPair::send_marks(const PeerMarks& marks, Instant now) noexcept {
  PacketBytes packet;
  for (std::size_t i = 0; i < packets_of(marks); ++i) {
    Beat beat = compose(BeatKind::kMarks, 0, now);
    beat.presence = encode_marks(marks, i);
    for (Link& link : links_) {
      beat.link = link.index();
      encode(beat, config_.keys, packet);
      link.send(packet, link.addresses().peer);
      if (Stream* stream = link.beat(); stream != nullptr) link.write(*stream, packet);
    }
  }
}

void BeatPair::take_marks(const Beat& beat) noexcept {
  if (beat.incarnation != identity_.known()) return;
  if (marks_.take(beat.incarnation, beat.presence)) words_.peer_marks.write(marks_.whole());
}

}  // namespace hotpair::heartbeat
