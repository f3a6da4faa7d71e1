// One server at a unit; see unit_session.hpp. The alarm's thread comes in here by on_alarm() alone,
// which sets a word, posts a command and rings a bell. All else is the unit's thread, which makes
// the region and the sockets, and takes them back.
#include "unit/unit_session.hpp"

#include <array>
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "unit/unit_words.hpp"
#include "vigil/process_state.hpp"

namespace hotpair::unit {
namespace {

using heartbeat::PairWords;

// The loop's own count of its wait is in another process, which writes it down when it is rung.
Nanos waited(const void* context) noexcept {
  const auto& words = *static_cast<const PairWords*>(context);
  heartbeat::LoopWait wait{};
  const bool is_known = words.wait.try_read(wait) &&
                        // acquire: pairs with LoopTurns::note(), as in vouch.cpp
                        wait.turn == words.turns.count.load(std::memory_order_acquire);
  return {is_known ? wait.waited : -1};
}

Refusal refusal_of(Obstacle obstacle, const Error& error) noexcept {
  return {obstacle, error.code, error.os_error};
}

}  // namespace

std::unique_ptr<Session> Session::open(Opening& opening, heartbeat::BeatLoop& beats,
                                       const RemoteBell& waker, Refusal& refusal) {
  auto region = SharedRegion::create(kUnitRegion, sizeof(UnitWords), Reserve::kNow);
  if (!region.ok()) {
    refusal = refusal_of(Obstacle::kMemory, region.error());
    return nullptr;
  }
  auto* const place = reinterpret_cast<UnitWords*>(region.value().data());
  PairWords* const words = &std::construct_at(place, boot_now())->pair;
  heartbeat::PairConfig config = opening.config;
  config.event_loop = {&words->turns, &waited, words};
  auto pair = heartbeat::BeatPair::open(config, *words, monotonic_now());
  if (!pair.ok()) {
    refusal = refusal_of(Obstacle::kSockets, pair.error());
    return nullptr;
  }
  auto session = std::make_unique<Session>(opening, std::move(region).value(),
                                           std::move(pair).value(), beats, waker);
  if (session->answer(opening.former)) return session;
  refusal = {Obstacle::kMemory};
  return nullptr;
}

Session::Session(Opening& opening, SharedRegion words, std::unique_ptr<heartbeat::BeatPair> pair,
                 heartbeat::BeatLoop& beats, const RemoteBell& waker) noexcept
    : channel_(std::move(opening.channel)),
      hello_(opening.hello),
      ringer_(std::move(opening.ringer)),
      waker_(waker),
      region_(std::move(words)),
      beats_(beats),
      pair_(std::move(pair)) {
  pair_->bell = {[](void* self) noexcept { ring(static_cast<Session*>(self)->ringer_); }, this};
  pair_->superseded = {[](void* self) noexcept {
                         auto* session = static_cast<Session*>(self);
                         // release: pairs with kill_if_superseded().
                         session->is_superseded_.store(true, std::memory_order_release);
                         ring(session->waker_.ringer);
                       },
                       this};
  pair_->stillness = {[](const void* self) noexcept {
                        return vigil::is_stopped(static_cast<const Session*>(self)->hello_.pid);
                      },
                      this};
  beats_.add(*pair_);
}

Session::~Session() {
  if (watcher_ != nullptr) watcher_->stop();
  beats_.remove(*pair_);
}

// Sends the words and what wakes the beat thread.
bool Session::answer(Former former) noexcept {
  const auto wake = beats_.duplicate_wake();
  if (!wake.ok()) return false;
  const std::array<int, 2> descriptors{region_.fd().get(), wake.value().get()};
  return channel_.send(message::kOpened, encode_opened(former), descriptors) == ipc::Sent::kDone;
}

Result<void> Session::watch() {
  if (watcher_ != nullptr) return {};
  auto process = channel_.open_process();
  auto own = channel_.open_process();
  if (own.ok()) process_ = std::move(own).value();
  auto connection = channel_.duplicate();
  if (!connection.ok()) return connection.error();
  const auto* words = region_.at<UnitWords>(0);
  CHECK(words != nullptr);
  vigil::Watched watched{&words->vow, process.ok() ? std::move(process).value() : UniqueFd{},
                         std::move(connection).value()};
  auto watcher = vigil::Watcher::start(std::move(watched), {&Session::on_alarm, this});
  if (!watcher.ok()) return watcher.error();
  watcher_ = std::move(watcher).value();
  return {};
}

// thread: watcher. Nothing here waits or allocates.
void Session::on_alarm(void* self, const vigil::Finding& finding) noexcept {
  using Cause = vigil::Finding::Cause;
  // These two say nothing of the process: the unit's thread, which reads the connection, looks.
  if (finding.cause == Cause::kReleased || finding.cause == Cause::kConnectionEnded) return;
  auto* session = static_cast<Session*>(self);
  session->gone();
  ring(session->waker_.ringer);
}

std::uint32_t Session::crash_signal() const noexcept {
  const auto* words = region_.at<UnitWords>(0);
  CHECK(words != nullptr);
  // Whoever found the death first, the handler had written this before it.
  // acquire: as in watcher_posix.cpp
  return words->vow.crash.load(std::memory_order_acquire);
}

// A dying process marks its vow before it closes anything, but is gone by its descriptor only after
// that: so one whose vow holds lives. Without a vow the descriptor alone may call one alive that is
// just dying; then the other member learns of it a little later, from the ports that refuse it.
bool Session::is_alive() const noexcept {
  if (ipc::has_exited(process_)) return false;
  const auto* words = region_.at<UnitWords>(0);
  CHECK(words != nullptr);
  // acquire: as in watcher_posix.cpp
  switch (vigil::vow_state(words->vow.owner.load(std::memory_order_acquire), 0)) {
    case vigil::VowState::kHeld:
    case vigil::VowState::kReleased:
      return true;
    case vigil::VowState::kDied:
      return false;
    case vigil::VowState::kNone:
    case vigil::VowState::kUnclear:
      return process_.is_open();
  }
  return false;
}

bool Session::kill_if_superseded() noexcept {
  // acquire: pairs with the release of the beat thread.
  if (!is_superseded_.exchange(false, std::memory_order_acquire) || is_gone()) return false;
  return channel_.kill_process(process_).ok();
}

void Session::gone() noexcept {
  // acq_rel: whoever finds it set finds what is posted here too, and the other way round.
  if (is_gone_.exchange(true, std::memory_order_acq_rel)) return;
  // At once, and once more by the beat thread, which may be renewing it.
  // relaxed: the word says all by itself, as in gate.cpp.
  pair_->words().gate.valid_until.store(0, std::memory_order_relaxed);
  beats_.post(*pair_, heartbeat::command::kGone);
}

bool Session::hear() {
  for (;;) {
    ipc::Message message;
    switch (channel_.receive(message)) {
      case ipc::Received::kNothing:
        return true;
      case ipc::Received::kEnded:
        return false;
      case ipc::Received::kMessage:
        break;
    }
    if (message.type == message::kBye) has_said_bye_ = true;
    // A watch that cannot be had leaves the end of the connection, which is read here.
    if (message.type == message::kVowed) static_cast<void>(watch());
  }
}

}  // namespace hotpair::unit
