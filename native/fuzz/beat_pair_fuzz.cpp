// Fuzzes a pair on the beat thread of a unit, by hand clock: packets of its peer, of others and of
// nobody; words that a broken server has left in the memory that both share; time that passes.
//
// What is promised: it never stands (each wake leaves nothing that is due at once, but for a few
// times), the server's words bring it out of no bound, and behind a death the gate stays shut.
// Addresses are those of this test's own sockets, or none at all: nothing leaves this program.
#include <memory>
#include <utility>

#include "fuzz_input.hpp"
#include "heartbeat/beat_pair.hpp"
#include "test/beat_endpoint.hpp"

namespace hotpair::fuzz {
namespace {

using namespace heartbeat;

const test::Ports& ports() {
  static const test::Ports made;
  return made;
}

// As unit_session.cpp reads it.
Nanos waited(const void* context) noexcept {
  const auto& words = *static_cast<const PairWords*>(context);
  LoopWait wait{};
  const bool is_known =
      words.wait.try_read(wait) && wait.turn == words.turns.count.load(std::memory_order_acquire);
  return {is_known ? wait.waited : -1};
}

class World {
 public:
  explicit World(Input input) : input_(input), config_(test::config_of(0, 0xa1, ports())) {
    config_.timing = {Nanos::millis(100), Nanos::millis(1000), Nanos::millis(500)};
    config_.event_loop = {&words_->turns, &waited, words_.get()};
    config_.kills_hung = true;
    words_->turns.note(now_, Nanos{0});
    pair_ = std::move(BeatPair::open(config_, *words_, now_)).value();
    pair_->superseded = {[](void*) noexcept {}, nullptr};
    CHECK(pair_->attach(*poller_));
  }
  ~World() { pair_->detach(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void run() {
    for (int i = 0; i < 64 && !input_.is_empty(); ++i) {
      act();
      work();
      if (is_gone_) CHECK(words_->gate.valid_until.load() == 0);
    }
  }

 private:
  void act() {
    switch (input_.below(8)) {
      case 0:
      case 1:
      case 2:
        return hear(a_beat());
      case 3:
        return hear_bytes(input_.bytes(input_.below(2 * kPacketBytes)));
      case 4:
        now_ = now_ + Nanos::millis(input_.byte() * (input_.flag() ? 1 : 20));
        return;
      case 5:
        return write_word();
      case 6:
        return leave_command();
      default:
        return say();
    }
  }

  Beat a_beat() {
    listen();
    Beat beat;
    beat.kind = static_cast<BeatKind>(1 + input_.below(4));
    beat.sender = input_.byte() == 1 ? 0 : 1;
    beat.link = input_.byte();
    beat.pair = config_.pair;
    beat.incarnation = 0xb1 + input_.below(3);
    beat.seq = input_.flag() ? ++seq_ : input_.near(seq_);
    if (beat.seq == 0) beat.seq = 1;
    beat.sent_at = some_time();
    beat.echo = {config_.incarnation, last_.seq, last_.sent_at, 0};
    if (input_.byte() == 1) {
      const std::uint64_t echoed = input_.near(last_.seq);
      beat.echo = {input_.near(config_.incarnation), echoed, some_time(), some_time()};
    }
    beat.vouch_age_ms = input_.byte() * 10u;
    beat.flags = input_.byte() & flag::kAll;
    beat.in_frame = input_.byte();
    beat.beat_no = input_.near(seq_);
    beat.presence = a_presence();
    return beat;
  }

  std::int64_t some_time() {
    return static_cast<std::int64_t>(input_.near(static_cast<std::uint64_t>(now_.nanos)));
  }

  Presence a_presence() {
    Presence made{};
    const std::size_t length = input_.byte() % (kPresenceBytes + 1);
    const auto front = input_.take(length);
    std::copy(front.begin(), front.end(), made.begin());
    return made;
  }

  void hear(const Beat& beat) {
    PacketBytes bytes;
    encode(beat, config_.keys, bytes);
    hear_bytes(bytes);
  }
  void hear_bytes(std::span<const std::uint8_t> bytes) {
    send_to(peer_, bytes, test::local(ports().a));
    pair_->on_ready({pair_.get(), 0, Watched::Part::kUdp, 0}, now_);
  }
  // Keeps the newest packet that the pair has sent.
  void listen() {
    std::array<std::uint8_t, kPacketBytes + 1> bytes;
    Address from;
    for (;;) {
      const IoResult got = receive_from(peer_, bytes, from);
      if (got.status != Io::kDone) return;
      Beat beat;
      CHECK(decode(std::span(bytes).first(got.bytes), config_.pair, config_.keys, beat) ==
            Decoded::kOk);
      last_ = beat;
    }
  }

  // Any word that the server may write, but for addresses; see say().
  void write_word() {
    auto* const words = reinterpret_cast<std::uint64_t*>(words_.get());
    constexpr std::size_t first = offsetof(PairWords, moved) / 8;
    constexpr std::size_t turns = offsetof(PairWords, turns) / 8;
    // Half of the time one of those that are times: most others are marks and statistics.
    constexpr std::size_t times = offsetof(PairWords, sent) / 8 - turns;
    const bool is_time = input_.flag();
    const std::size_t index =
        is_time ? turns + input_.below(times) : input_.below(sizeof(PairWords) / 8);
    const bool is_address = index >= first && index < turns;
    const bool is_gate = is_gone_ && index == offsetof(PairWords, gate) / 8;
    if (!is_address && !is_gate) words[index] = some_word();
  }
  std::uint64_t some_word() {
    return input_.flag() ? static_cast<std::uint64_t>(some_time()) : input_.near(1);
  }

  void leave_command() {
    const std::uint8_t choice = input_.byte();
    if (choice == 1) {
      is_gone_ = true;
      return pair_->obey(command::kGone, now_);
    }
    if (choice == 2) return pair_->excuse(now_, {Nanos::millis(input_.byte()), Nanos::millis(0)});
    words_->commands = input_.number<std::uint32_t>();
    pair_->obey_words(now_);
  }

  // As a server does that is well, but for what it says.
  void say() {
    switch (input_.below(4)) {
      case 0:
        words_->announced.write(a_presence());
        return pair_->obey(command::kAnnounce, now_);
      case 1:
        return words_->turns.note(now_, Nanos{some_time()});
      case 2:
        return words_->wait.write({words_->turns.count.load(), some_time()});
      default: {
        LinkAddresses moved{test::local(ports().b), test::local(ports().a)};
        moved.peer.length = input_.flag() ? moved.peer.length : input_.byte() % 4;
        words_->moved[0].write(moved);
        return pair_->obey(command::kMove, now_);
      }
    }
  }

  // Until nothing is due, as the beat thread does.
  void work() {
    for (int i = 0; i < 16; ++i) {
      static_cast<void>(pair_->work(now_, BootInstant{now_.nanos}));
      if (pair_->next_deadline(now_) > now_) return;
    }
    check_failed("the beat thread comes to rest", __FILE__, __LINE__);
  }

  Input input_;
  Instant now_{Nanos::millis(5'000).count};
  std::unique_ptr<PairWords> words_ = std::make_unique<PairWords>(BootInstant{now_.nanos});
  PairConfig config_;
  UniqueFd peer_ = std::move(open_udp(test::local(ports().b))).value();
  std::unique_ptr<Poller> poller_ = std::move(Poller::open()).value();
  std::unique_ptr<BeatPair> pair_;
  std::uint64_t seq_ = 0;
  Beat last_;
  bool is_gone_ = false;
};

}  // namespace
}  // namespace hotpair::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotpair::fuzz::World({data, size}).run();
  return 0;
}
