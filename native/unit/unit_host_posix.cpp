// The unit's thread: who is let in, who is served; see unit_host.hpp. It sleeps in poll(2) until a
// guest or the server speaks, or the server's death is told; guests are looked at every tenth of a
// second besides, so that one who says nothing goes, and the service manager's watchdog is answered
// when it is due.
#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "unit/unit_host.hpp"

namespace hotpair::unit {
namespace {

constexpr std::size_t kOutgoingBytes = ipc::LocalChannel::kLeastOutgoingBytes;
// With something that could not be accepted, until the next try.
constexpr int kRetryMillis = 100;
// For the service manager.
constexpr const char* kWaits = "waits for its server";

}  // namespace

Result<std::unique_ptr<UnitHost>> UnitHost::start(const char* path, ServiceManager manager,
                                                  heartbeat::Bell bell) {
  auto listener = ipc::LocalListener::open(path);
  if (!listener.ok()) return listener.error();
  auto waker = RemoteBell::open();
  if (!waker.ok()) return waker.error();
  auto host = std::make_unique<UnitHost>(std::move(listener).value(), std::move(waker).value(),
                                         std::move(manager), bell);
  // Each pair rings its own server; nobody else is told of their news.
  auto beats = heartbeat::BeatLoop::start({[](void*) noexcept {}, nullptr});
  if (!beats.ok()) return beats.error();
  host->beats_ = std::move(beats).value();
  static_cast<void>(host->beats_->has_turned());
  host->manager_.set_status(kWaits);
  auto thread = Thread::start(
      "hotpair-unit", [](void* self) { static_cast<UnitHost*>(self)->run(); }, host.get());
  if (!thread.ok()) return thread.error();
  host->thread_ = std::make_unique<Thread>(std::move(thread).value());
  return host;
}

UnitHost::UnitHost(ipc::LocalListener listener, RemoteBell waker, ServiceManager manager,
                   heartbeat::Bell bell) noexcept
    : listener_(std::move(listener)),
      waker_(std::move(waker)),
      manager_(std::move(manager)),
      bell_(bell) {
  report_.write(now_);
}

void UnitHost::stop() noexcept {
  if (thread_ == nullptr) return;
  is_stopping_.store(true, std::memory_order_release);  // pairs with run()
  ring(waker_.ringer);
  thread_->join();
  thread_.reset();
  beats_->stop();
}

UnitReport UnitHost::report() const noexcept {
  UnitReport report{};
  while (!report_.try_read(report)) {
  }
  return report;
}

void UnitHost::run() noexcept {
  while (!is_stopping_.load(std::memory_order_acquire)) {  // pairs with stop()
    std::array<pollfd, 3 + kMostGuests> waits{};
    waits[0] = {waker_.waiter.get(), POLLIN, 0};
    waits[1] = {listener_.fd(), POLLIN, 0};
    // Negative descriptors are passed over.
    waits[2] = {session_ != nullptr && !session_->is_gone() ? session_->fd() : -1, POLLIN, 0};
    for (std::size_t i = 0; i < kMostGuests; ++i) {
      const Guest& guest = guests_[i];
      waits[3 + i] = {guest.channel ? guest.channel->fd() : -1, POLLIN, 0};
    }
    static_cast<void>(::poll(waits.data(), waits.size(), timeout()));
    silence(waker_.waiter);
    if (session_ != nullptr) hear_server();
    if (session_ != nullptr) kill_if_superseded();
    for (Guest& guest : guests_) {
      if (guest.channel) hear_guest(guest);
    }
    if (waits[1].revents != 0) let_in();
    tell();
    tell_manager();
  }
  manager_.say_stopping();
  for (Guest& guest : guests_) guest.channel.reset();
  end_session();
  listener_.close();
}

// How long to sleep at most, in ms; -1: until something happens.
int UnitHost::timeout() const noexcept {
  const bool has_guest = std::any_of(guests_.begin(), guests_.end(),
                                     [](const Guest& guest) { return guest.channel.has_value(); });
  const Instant next = manager_.next();
  if (next == kNever) return has_guest ? kRetryMillis : -1;
  constexpr std::int64_t hour = 3'600'000;
  const std::int64_t left = (next - monotonic_now()).count / 1'000'000 + 1;
  return static_cast<int>(std::clamp(left, std::int64_t{0}, has_guest ? kRetryMillis : hour));
}

void UnitHost::let_in() noexcept {
  Guest* free = std::find_if(guests_.begin(), guests_.end(),
                             [](const Guest& guest) { return !guest.channel; });
  if (free == guests_.end()) return;
  ipc::Accepted accepted = listener_.accept(kOutgoingBytes);
  if (accepted.status == ipc::Accepted::Status::kRefused) ++now_.refused;
  if (accepted.status != ipc::Accepted::Status::kChannel) return;
  free->channel.emplace(std::move(*accepted.channel));
  free->until = monotonic_now() + kPatience;
  free->has_greeted = false;
  // It may have written before it was let in, and then nothing would wake us.
  hear_guest(*free);
}

void UnitHost::hear_guest(Guest& guest) noexcept {
  while (guest.channel) {
    ipc::Message message;
    const ipc::Received received = guest.channel->receive(message);
    if (received == ipc::Received::kMessage) {
      if (!on_message(guest, message)) guest.channel.reset();
      continue;
    }
    const bool is_over = received == ipc::Received::kEnded || monotonic_now() >= guest.until;
    if (is_over) guest.channel.reset();
    return;
  }
}

bool UnitHost::on_message(Guest& guest, ipc::Message& message) noexcept {
  if (message.type == message::kHello && !guest.has_greeted) {
    const ipc::DecodedHello hello = ipc::decode_hello(message.payload);
    guest.has_greeted =
        hello.fault == ipc::HelloFault::kNone && hello.hello.side == ipc::Side::kServer;
    guest.hello = hello.hello;
    if (guest.has_greeted) return true;
  } else if (message.type == message::kOpen && guest.has_greeted) {
    take_in(guest, message);
    return false;
  }
  refuse(*guest.channel, {Obstacle::kMessage});
  return false;
}

// The guest becomes the server, or is told why not.
void UnitHost::take_in(Guest& guest, ipc::Message& message) noexcept {
  const auto config = decode_open(message.payload);
  if (!config || message.descriptor_count != 1 || config->incarnation != guest.hello.incarnation) {
    return refuse(*guest.channel, {Obstacle::kMessage});
  }
  const Served served{config->pair, config->self};
  if (served_ && *served_ != served) return refuse(*guest.channel, {Obstacle::kOther});
  if (session_ != nullptr && !session_->is_gone()) {
    return refuse(*guest.channel, {Obstacle::kTaken});
  }
  // Its sockets are those that the next one binds.
  end_session();
  Session::Opening opening{std::move(*guest.channel), guest.hello, *config,
                           std::move(message.descriptors[0]), former_};
  Refusal refusal;
  session_ = Session::open(opening, *beats_, waker_, refusal);
  if (session_ == nullptr) {
    refuse(opening.channel, refusal);
    return;
  }
  served_ = served;
  has_noted_death_ = false;
  former_ = Former::kNone;
  ++now_.taken;
}

void UnitHost::refuse(ipc::LocalChannel& channel, const Refusal& refusal) noexcept {
  ++now_.refused;
  static_cast<void>(channel.send(message::kRefused, encode_refused(refusal)));
  channel.close();
}

void UnitHost::hear_server() noexcept {
  if (session_->is_gone() || session_->hear()) return;
  if (session_->has_said_bye()) return end_session();
  if (!session_->is_alive()) return session_->gone();
  // It beats itself from here on, and binds the ports that this session holds.
  ++now_.parted;
  end_session();
}

void UnitHost::kill_if_superseded() noexcept {
  if (!session_->kill_if_superseded()) return;
  ++now_.killed;
  former_ = Former::kKilled;
}

void UnitHost::end_session() noexcept {
  note_death();
  session_.reset();
}

// Once for each server that died, whenever that is seen first.
void UnitHost::note_death() noexcept {
  const bool is_gone = session_ != nullptr && session_->is_gone();
  if (is_gone && !has_noted_death_) ++now_.died;
  has_noted_death_ = is_gone;
}

// Writes the report, and rings when it says something new.
void UnitHost::tell() noexcept {
  note_death();
  UnitReport next = now_;
  next.phase = UnitReport::kWaiting;
  if (session_ != nullptr) {
    const bool is_gone = session_->is_gone();
    next.phase = is_gone ? UnitReport::kGone : UnitReport::kServing;
    next.server_pid = session_->pid();
    next.crash_signal = is_gone ? session_->crash_signal() : 0;
    next.incarnation = session_->incarnation();
  }
  UnitReport told = report();
  const bool is_news = next.phase != told.phase || next.taken != told.taken ||
                       next.refused != told.refused || next.incarnation != told.incarnation;
  now_ = next;
  report_.write(now_);
  if (!is_news) return;
  bell_.ring(bell_.context);
  set_status();
}

// For people.
void UnitHost::set_status() noexcept {
  std::array<char, ServiceManager::kMostStatusBytes> text{};
  const char* form = kWaits;
  if (now_.phase == UnitReport::kServing) form = "beats for the server, process %u";
  if (now_.phase == UnitReport::kGone) {
    form = former_ == Former::kKilled
               ? "has killed the server, process %u, which hung; waits for the next"
               : "says that the server, process %u, is dead; waits for the next";
  }
  std::snprintf(text.data(), text.size(), form, now_.server_pid);
  manager_.set_status(text.data());
}

void UnitHost::tell_manager() noexcept {
  const Instant now = monotonic_now();
  manager_.tell(now);
  if (manager_.is_watchdog_due(now)) manager_.answer_watchdog(now, beats_->has_turned());
}

}  // namespace hotpair::unit
