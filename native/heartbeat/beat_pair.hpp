// BeatPair: one pair on the beat thread; joins the pure parts to the sockets.
//
// Packets come in (beat_receive.cpp), are decoded, found fresh or not, and move the suspicion; what
// the suspicion wants goes out as beats, probes and connects (beat_send.cpp); what is known goes to
// the board (beat_pair.cpp). It decides nothing about roles.
//
// Life: opened on the JavaScript thread, with its sockets; attached to the beat thread, which alone
// uses everything but the part marked otherwise; detached there; destroyed on the JavaScript
// thread. Nothing is allocated after `open`.
//
// It says nothing before the first `announce`: a beat without a presence would say something
// untrue.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/fixed_list.hpp"
#include "base/result.hpp"
#include "base/thread_owner.hpp"
#include "base/units.hpp"
#include "heartbeat/answer_budget.hpp"
#include "heartbeat/beat_board.hpp"
#include "heartbeat/beat_codec.hpp"
#include "heartbeat/beat_schedule.hpp"
#include "heartbeat/bell.hpp"
#include "heartbeat/freshness.hpp"
#include "heartbeat/gate.hpp"
#include "heartbeat/link.hpp"
#include "heartbeat/pair_words.hpp"
#include "heartbeat/suspicion.hpp"
#include "heartbeat/timing.hpp"
#include "heartbeat/vouch.hpp"

namespace hotpair::heartbeat {

struct PairConfig {
  // Digest of the pair's name.
  std::uint64_t pair = 0;
  // 0 for member `a`, 1 for member `b`.
  std::uint8_t self = 0;
  std::uint64_t incarnation = 0;
  // Of what this member sends, and of what it hears.
  BeatKeys keys{};
  // While the pair changes its secret: what is heard may be of these, too.
  std::optional<BeatKeys> other_keys;
  Timing timing{};
  // This member opens the beat connections.
  bool dials = false;
  FixedList<LinkConfig, kMostLinks> links;
  // A member that hangs while the other one rules is told to `BeatPair::superseded`.
  bool kills_hung = false;
  // Packets are numbered from the next on: above all that this incarnation has sent before.
  std::uint64_t first_seq = 0;
  // The other member's incarnation, if it was heard where these beats were sent from before; 0:
  // none. Its silence counts from now on, so that its end is not missed in between.
  std::uint64_t known = 0;
  // The event loop that the beats speak of. It must stay until the pair is detached.
  LoopWatch event_loop;
};

// What the JavaScript thread asks of the beat thread, as bits.
using Commands = std::uint32_t;
namespace command {
inline constexpr Commands kAttach = 1;
inline constexpr Commands kAnnounce = 2;
inline constexpr Commands kProbe = 4;
inline constexpr Commands kMove = 8;
inline constexpr Commands kDetach = 16;
// The server's process is dead.
inline constexpr Commands kGone = 32;
// Those that a server in another process may leave in the words.
inline constexpr Commands kRemote = kAnnounce | kProbe | kMove;
}  // namespace command

class BeatPair {
 public:
  // `words` must live until the pair is destroyed. Opens the sockets of each link.
  static Result<std::unique_ptr<BeatPair>> open(const PairConfig& config, PairWords& words,
                                                Instant now);
  // For open() only.
  BeatPair(const PairConfig& config, PairWords& words, FixedList<Link, kMostLinks> links,
           Instant now);
  BeatPair(const BeatPair&) = delete;
  BeatPair& operator=(const BeatPair&) = delete;

  // For the server: what it has written there it tells by BeatLoop::post, or by the words' own
  // commands where it lives in another process.
  PairWords& words() noexcept { return words_; }
  const PairConfig& config() const noexcept { return config_; }
  // For tests.
  const Vouch& vouch() const noexcept { return vouch_; }

  // --- For BeatLoop; see there. ---

  // Rung instead of the loop's own, when there is one: the server in another process.
  Bell bell{nullptr, nullptr};

  // Rung once, when this member hangs, has given its reign up for that, and the other one rules a
  // later one: nobody needs it any more. Only where the configuration asks for it.
  Bell superseded{nullptr, nullptr};

  // Whether the process of the event loop stands still as a whole. Asked once, when its loop is
  // found hung: the frame that it is in is then none that hangs, and is not named. nullptr: not
  // asked.
  struct Stillness {
    bool (*ask)(const void* context) noexcept = nullptr;
    const void* context = nullptr;
  };
  Stillness stillness;

  struct Mail {
    std::atomic<Commands> commands{0};
    std::atomic<bool> is_queued{false};
    BeatPair* next_queued = nullptr;
    // The list of attached pairs, of the beat thread.
    BeatPair* next = nullptr;
  };
  Mail mail;
  // When `work` is due though nothing comes; and whether something came.
  Instant deadline{};
  bool is_touched = true;
  BeatStatistics& statistics() noexcept { return words_.board.statistics; }

  // thread: beat, all below
  bool attach(Poller& poller) noexcept;
  void detach() noexcept;
  void obey(Commands commands, Instant now) noexcept;
  // What a server in another process has left to be done.
  void obey_words(Instant now) noexcept;
  // The thread itself was late, or stood still.
  void excuse(Instant now, const Wake& wake) noexcept;
  // A socket is ready: reads it empty.
  void on_ready(const Watched& watched, Instant now) noexcept;
  // Judges and acts, after every socket was read. True: the bell must ring, because there is news
  // for JavaScript or a question to its loop.
  bool work(Instant now, BootInstant boot) noexcept;
  Instant next_deadline(Instant now) noexcept;

 private:
  // Where a packet came from: a stream or, without one, by UDP; and the address of its sender,
  // which is empty for a stream that this member has dialled.
  struct Source {
    Link& link;
    Stream* stream;
    Address from;
  };

  // beat_receive.cpp
  void read_datagrams(Link& link, Instant now) noexcept;
  void read_stream(Link& link, Stream& stream, Instant now) noexcept;
  void on_connected(Link& link, Stream& stream, Instant now) noexcept;
  void on_stream_end(Link& link, Stream& stream, Io status, Instant now) noexcept;
  void on_packet(std::span<const std::uint8_t> bytes, const Source& source, Instant now) noexcept;
  Decoded open_packet(std::span<const std::uint8_t> bytes, Beat& beat) noexcept;
  void on_own_name(const Beat& beat, const Source& source, Instant now) noexcept;
  void refuse(const Source& source, Instant now) noexcept;
  void turn_out(Link& link, Stream& stream) noexcept;
  void note_stranger(const Address& from) noexcept;
  void take(const Beat& beat, Instant now) noexcept;
  void adopt(const Beat& beat, Instant now) noexcept;
  void bring_up(const Beat& beat, const Source& source) noexcept;
  void note_arrival(const Beat& beat, const Source& source, Instant now) noexcept;
  void note_round_trip(const Echo& echo, Link& link, Instant now) noexcept;
  Circumstances circumstances(Instant now) const noexcept;

  // beat_send.cpp
  Beat compose(BeatKind kind, std::uint8_t link, Instant now) noexcept;
  void send_beat(Instant now, bool is_regular) noexcept;
  void send_probe(Link& link, Stream* stream, Instant now) noexcept;
  void answer(const Beat& beat, const Source& source, Instant now) noexcept;
  void run_probes(Link& link, Instant now) noexcept;
  void run_connect_probe(Link& link, ConnectProbe& probe, Role role, Instant now) noexcept;
  void end_probes() noexcept;
  void dial(Link& link, Instant now) noexcept;
  void on_dial_failed(Link& link, Instant now) noexcept;
  bool should_dial(Link& link) const noexcept;
  Nanos connect_deadline() const noexcept;

  // beat_gone.cpp
  void on_gone(Instant now) noexcept;
  void send_marks(const PeerMarks& marks, Instant now) noexcept;
  void take_marks(const Beat& beat) noexcept;

  // beat_vouch.cpp
  void look_at_loop(Instant now) noexcept;
  void note_frame() noexcept;
  void heed_what_was_heard(BootInstant boot) noexcept;
  void give_up_if_asked() noexcept;
  bool is_superseded(BootInstant boot) const noexcept;
  Presence said_presence() const noexcept;
  void say_of_loop(Beat& beat) const noexcept;
  bool is_hung(const Beat& beat) const noexcept;

  // beat_pair.cpp
  void keep_connections(Link& link, Instant now) noexcept;
  bool says_gone(Instant now) noexcept;
  bool publish() noexcept;
  bool has_beat_connection() noexcept;

  const PairConfig config_;
  PairWords& words_;
  Gate gate_;
  Vouch vouch_;
  FixedList<Link, kMostLinks> links_;
  ThreadOwner owner_;

  PeerIdentity identity_;
  Suspicion suspicion_;
  BeatSchedule schedule_;
  AnswerBudget budget_;

  // What the next publication shows, and what the last one showed.
  BoardView view_{};
  BoardView shown_{};
  // Of the newest fresh packet: `held` is set when it is sent.
  Echo echo_{};
  Instant echo_heard_at_{};
  Presence presence_{};
  bool is_announced_ = false;
  // A beat goes out with this wake though none is due.
  bool wants_beat_ = false;
  // The last beat connection of the known incarnation has ended, and none has come up since.
  bool has_connection_ended_ = false;
  // The newest own packet whose echo was used for the round trip.
  std::uint64_t measured_seq_ = 0;
  // The frame that the event loop was seen in last, 0 for none.
  std::uint64_t frame_ = 0;
  // Beats sent.
  std::uint64_t beat_no_ = 0;
  // The keys that opened the last packet that could be opened: 1 or 2; 0 before.
  std::uint64_t opened_by_ = 0;
  // A fresh packet came with this wake.
  bool has_heard_ = false;
  // The server is dead, as each beat says from then on.
  bool is_gone_ = false;
  // `superseded` was rung.
  bool is_said_superseded_ = false;
  // What the peer's server had sent when it died.
  MarksCollector marks_;
  // What the beats say of the own event loop.
  bool is_said_hung_ = false;
  bool is_stopped_ = false;
  // The bell must ring with this wake though there is no news.
  bool wants_bell_ = false;

  struct LinkArrivals {
    Arrivals udp;
    Arrivals tcp;
  };
  std::array<LinkArrivals, kMostLinks> arrivals_{};
};

}  // namespace hotpair::heartbeat
