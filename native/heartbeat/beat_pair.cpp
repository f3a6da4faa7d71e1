// The life of a pair on the beat thread, its judgement, and its board; see beat_pair.hpp.
#include "heartbeat/beat_pair.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace hotpair::heartbeat {

Result<std::unique_ptr<BeatPair>> BeatPair::open(const PairConfig& config, PairWords& words,
                                                 Instant now) {
  CHECK(config.timing.is_sound());
  CHECK(config.links.size() > 0);
  CHECK(config.self <= 1 && config.incarnation != 0);
  FixedList<Link, kMostLinks> links;
  for (const LinkConfig& each : config.links) {
    Result<Link> opened = Link::open(each);
    if (!opened.ok()) return opened.error();
    links.push_back(std::move(opened).value());
  }
  return std::make_unique<BeatPair>(config, words, std::move(links), now);
}

BeatPair::BeatPair(const PairConfig& config, PairWords& words, FixedList<Link, kMostLinks> links,
                   Instant now)
    : deadline(now),
      config_(config),
      words_(words),
      gate_(words.gate, config.timing.gate_span()),
      vouch_(config.event_loop, words.block_until, now, config.timing.hang_after),
      links_(std::move(links)),
      identity_(config.incarnation, config.timing, static_cast<unsigned>(2 * config.links.size())),
      suspicion_(config.timing),
      schedule_(now, config.timing.interval) {
  view_.own_seq = config.first_seq;
  if (config.known == 0) return;
  identity_.expect(config.known);
  suspicion_.adopt(now);
  // It knows this incarnation too, so it need not be convinced anew; of none of its packets in
  // particular.
  echo_ = {config.known, 0, 0, 0};
  echo_heard_at_ = now;
}

bool BeatPair::attach(Poller& poller) noexcept {
  owner_.check();
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (!links_[i].attach(poller, *this, static_cast<std::uint8_t>(i))) return false;
  }
  return true;
}

void BeatPair::detach() noexcept {
  owner_.check();
  for (Link& link : links_) link.detach();
}

void BeatPair::obey(Commands commands, Instant now) noexcept {
  owner_.check();
  is_touched = true;
  if (commands & command::kAnnounce) {
    // A failed read means that JavaScript is writing again, and will say so again.
    if (words_.announced.try_read(presence_)) {
      is_announced_ = true;
      wants_beat_ = true;
    }
  }
  if (commands & command::kProbe) suspicion_.ask();
  if (commands & command::kGone) on_gone(now);
  if (commands & command::kMove) {
    for (std::size_t i = 0; i < links_.size(); ++i) {
      LinkAddresses addresses;
      if (!words_.moved[i].try_read(addresses)) continue;
      // Nothing was written there, or by a neighbour that is broken.
      if (!is_sound(addresses.peer) || !is_sound(addresses.peer_data)) continue;
      if (addresses.peer == links_[i].addresses().peer) continue;
      links_[i].move_to(addresses);
      links_[i].redial_at = now;
      if (Stream* stream = links_[i].find(Role::kDial); stream != nullptr) links_[i].close(*stream);
    }
  }
}

void BeatPair::obey_words(Instant now) noexcept {
  // acquire: pairs with the release of who has left them.
  const Commands left = words_.commands.exchange(0, std::memory_order_acquire);
  if ((left & command::kRemote) != 0) obey(left & command::kRemote, now);
}

void BeatPair::excuse(Instant now, const Wake& wake) noexcept {
  owner_.check();
  suspicion_.excuse(now, wake.lateness);
  vouch_.excuse(wake.lateness);
  if (wake.stood_still < config_.timing.window) return;
  ++view_.stall_count;
  view_.stall_seq = view_.own_seq + 1;
  is_touched = true;
}

bool BeatPair::work(Instant now, BootInstant boot) noexcept {
  owner_.check();
  is_touched = false;
  look_at_loop(now);
  if (const auto newcomer = identity_.settle(circumstances(now))) adopt(*newcomer, now);
  if (suspicion_.wants_round(now)) {
    suspicion_.begin_round(now, view_.own_seq + 1);
    for (Link& link : links_) link.probes.reset(now);
  }
  if (suspicion_.is_probing()) {
    for (Link& link : links_) run_probes(link, now);
    suspicion_.judge(now, says_gone(now));
  } else {
    suspicion_.judge(now, false);
  }
  if (!suspicion_.is_probing()) end_probes();
  for (Link& link : links_) keep_connections(link, now);

  const bool is_due = schedule_.is_due(now);
  if (is_due) {
    if (gate_.renew(boot) == Gate::Renewal::kLapsed) ++view_.gate_lapses;
    schedule_.advance(now);
  }
  heed_what_was_heard(boot);
  if (is_announced_ && (is_due || wants_beat_)) send_beat(now, is_due);
  wants_beat_ = false;
  const bool has_question = std::exchange(wants_bell_, false);
  return publish() || has_question;
}

// Dials what should stand, and closes what has not proved itself in time.
void BeatPair::keep_connections(Link& link, Instant now) noexcept {
  for (Stream& stream : link.streams()) {
    if (stream.role != Role::kArriving && stream.role != Role::kDial) continue;
    const Nanos patience =
        stream.is_connecting ? config_.timing.dial_deadline() : kAuthenticateWithin;
    if (now < stream.since + patience) continue;
    if (stream.role == Role::kArriving) {
      turn_out(link, stream);
      continue;
    }
    on_dial_failed(link, now);
    link.close(stream);
  }
  if (should_dial(link) && now >= link.redial_at) dial(link, now);
}

bool BeatPair::has_beat_connection() noexcept {
  return std::any_of(links_.begin(), links_.end(),
                     [](Link& link) { return link.beat() != nullptr; });
}

bool BeatPair::says_gone(Instant now) noexcept {
  if (has_beat_connection()) return false;
  return std::all_of(links_.begin(), links_.end(),
                     [&](const Link& link) { return link.probes.says_gone(now, config_.timing); });
}

// Writes the board if anything changed. True: something that JavaScript waits for.
bool BeatPair::publish() noexcept {
  view_.suspicion = static_cast<std::uint32_t>(suspicion_.level());
  view_.verdict = static_cast<std::uint32_t>(suspicion_.verdict());
  view_.verdict_at = static_cast<std::uint64_t>(suspicion_.verdict_at().nanos);
  view_.peer_incarnation = identity_.known();
  view_.gone_incarnation = identity_.gone();
  view_.links_up = static_cast<std::uint32_t>(std::count_if(
      links_.begin(), links_.end(), [](Link& link) { return link.beat() != nullptr; }));
  const auto answers_stall = [](const BoardView& view) {
    return view.stall_seq != 0 && view.answered_seq >= view.stall_seq;
  };
  const BoardView& is = view_;
  const BoardView& was = shown_;
  const bool is_news =
      is.suspicion != was.suspicion || is.verdict != was.verdict ||
      is.peer_incarnation != was.peer_incarnation || is.gone_incarnation != was.gone_incarnation ||
      is.stall_count != was.stall_count || is.links_up != was.links_up ||
      // The first only: those of a twin come as fast as it beats.
      (is.same_member != 0) != (was.same_member != 0) || is.gate_lapses != was.gate_lapses ||
      is.is_peer_busy != was.is_peer_busy || is.renounced_natively != was.renounced_natively ||
      is.peer_presence != was.peer_presence || answers_stall(is) != answers_stall(was);
  words_.board.view.write(view_);
  shown_ = view_;
  if (!is_news) return false;
  words_.has_news.store(1, std::memory_order_release);  // pairs with the exchange of the doorbell
  return true;
}

Instant BeatPair::next_deadline(Instant now) noexcept {
  // Nobody looks at the loop of a dead server, so what was due there would be due for ever.
  Instant next = is_gone_ ? kNever : vouch_.next_deadline();
  next = std::min({next, schedule_.next(), suspicion_.next_deadline(), identity_.next_deadline()});
  for (Link& link : links_) {
    if (suspicion_.is_probing()) {
      next = std::min({next, link.probes.packets_due,
                       link.probes.control.next_deadline(connect_deadline()),
                       link.probes.data.next_deadline(connect_deadline())});
      const Instant grace = link.probes.grace_ends(config_.timing);
      if (grace > now) next = std::min(next, grace);
    }
    for (const Stream& stream : link.streams()) {
      if (stream.role != Role::kArriving && stream.role != Role::kDial) continue;
      const Nanos patience =
          stream.is_connecting ? config_.timing.dial_deadline() : kAuthenticateWithin;
      next = std::min(next, stream.since + patience);
    }
    if (should_dial(link)) next = std::min(next, link.redial_at);
  }
  return next;
}

}  // namespace hotpair::heartbeat
