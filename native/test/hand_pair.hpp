// A pair on a hand clock, for tests of what it says and when it gives a reign up.
//
// The pair is member a of a heartbeat without a beat thread: the test calls it, with whatever time
// it likes, and a bare socket stands in the place of its peer. Nothing waits, so nothing depends on
// how busy the machine is.
#pragma once

#include <memory>
#include <utility>

#include "beat_endpoint.hpp"
#include "heartbeat/presence_layout.hpp"

namespace hotpair::test {

using namespace hotpair::heartbeat;

inline constexpr std::uint8_t kStandby = 2;
inline constexpr std::uint64_t kEpoch = 1001;

inline Presence said_by(std::uint8_t role, std::uint64_t epoch, std::uint64_t ask = 0) {
  Presence said{};
  said[presence::kRole] = role;
  store_little<std::uint64_t>(said.data() + presence::kEpoch, epoch);
  store_little<std::uint64_t>(said.data() + presence::kAskRenounce, ask);
  return said;
}

// Member a, driven by hand; its peer is a bare socket.
class HandPair {
 public:
  explicit HandPair(bool kills_hung = false)
      : config_(config_of(0, 0xa1, ports_)),
        peer_(std::move(open_udp(local(ports_.b))).value()),
        poller_(std::move(Poller::open()).value()) {
    config_.timing = {Nanos::millis(100), Nanos::millis(1000), Nanos::millis(500)};
    config_.event_loop = event_loop.watch();
    config_.kills_hung = kills_hung;
    auto opened = BeatPair::open(config_, words_, now_);
    CHECK(opened.ok());
    pair_ = std::move(opened).value();
    CHECK(pair_->attach(*poller_));
  }
  ~HandPair() { pair_->detach(); }

  BeatPair& pair() { return *pair_; }
  PairWords& words() { return words_; }
  BeatBoard& board() { return words_.board; }
  Gate& gate() { return gate_; }
  Instant now() const { return now_; }
  BootInstant boot() const { return BootInstant{now_.nanos}; }
  BoardView view() const {
    BoardView view{};
    CHECK(words_.board.view.try_read(view));
    return view;
  }

  void announce(const Presence& presence) {
    words_.announced.write(presence);
    pair_->obey(command::kAnnounce, now_);
    work();
  }
  // The loop turns when its bell rings, if it runs.
  void work() {
    if (pair_->work(now_, boot()) && !event_loop.stands()) event_loop.turn();
  }
  // Time goes on, in steps of a ms, with nothing heard but what `each` brings.
  template <typename Each>
  void pass(std::int64_t millis, Each each) {
    for (std::int64_t i = 0; i < millis; ++i) {
      now_ = now_ + Nanos::millis(1);
      each();
      if (now_ >= pair_->next_deadline(now_)) work();
    }
  }
  void pass(std::int64_t millis) {
    pass(millis, [] {});
  }

  // The peer says `presence` in a beat, which is heard in one wake.
  void hear(const Presence& presence, std::uint32_t age_ms = 0, std::uint32_t flags = 0) {
    said();
    Beat beat;
    beat.sender = 1;
    beat.pair = config_.pair;
    beat.incarnation = 0xb1;
    beat.seq = ++peer_seq_;
    beat.echo = {config_.incarnation, last_.seq, last_.sent_at, 0};
    beat.vouch_age_ms = age_ms;
    beat.flags = flags;
    beat.in_frame = in_frame;
    beat.presence = presence;
    PacketBytes bytes;
    encode(beat, config_.keys, bytes);
    send_to(peer_, bytes, local(ports_.a));
    CHECK(hotpair::test::eventually([&] {
      pair_->on_ready({pair_.get(), 0, Watched::Part::kUdp, 0}, now_);
      work();
      return view().heard_at == static_cast<std::uint64_t>(now_.nanos) &&
             view().peer_vouch_age_ms == age_ms;
    }));
  }

  // All beats that the pair has sent since the last call; the newest is `last`.
  std::size_t said() {
    std::array<std::uint8_t, kPacketBytes + 1> bytes;
    Address from;
    std::size_t beats = 0;
    for (;;) {
      const IoResult got = receive_from(peer_, bytes, from);
      if (got.status != Io::kDone) return beats;
      Beat beat;
      CHECK(decode(std::span(bytes).first(got.bytes), config_.pair, config_.keys, beat) ==
            Decoded::kOk);
      last_ = beat;
      beats += beat.kind == BeatKind::kBeat;
    }
  }
  const Beat& last() const { return last_; }
  std::uint64_t renounced_in_last() const {
    return presence::word(last_.presence, presence::kRenounced);
  }

  // What the peer says of its own frame.
  std::uint64_t in_frame = 0;

 private:
  Instant now_{Nanos::millis(5000).count};

 public:
  // Waits, and turns when it is rung, until the test makes it stand still.
  HandLoop event_loop{&now_};

 private:
  Ports ports_;
  PairConfig config_;
  UniqueFd peer_;
  std::unique_ptr<Poller> poller_;
  PairWords words_{BootInstant{now_.nanos}};
  Gate gate_{words_.gate, Nanos::millis(900)};
  std::unique_ptr<BeatPair> pair_;
  std::uint64_t peer_seq_ = 0;
  Beat last_;
};

// A primary in `kEpoch`, armed for it and with its gate open, that has heard its standby.
inline void begin_as_primary(HandPair& hand) {
  hand.announce(said_by(presence::kPrimary, kEpoch));
  hand.hear(said_by(kStandby, kEpoch));
  hand.gate().open();
  hand.gate().arm(kEpoch);
  CHECK(hand.view().renounced_natively == 0);
}

inline void hang(HandPair& hand, std::int64_t millis) {
  hand.event_loop.stand();
  hand.pass(millis, [&, i = std::int64_t{0}]() mutable {
    if (++i % 100 == 0) hand.hear(said_by(kStandby, kEpoch));
  });
}

}  // namespace hotpair::test
