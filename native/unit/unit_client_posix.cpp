// A server at its unit; see unit_client.hpp. Joining waits for the unit's answer, once; afterwards
// the thread here sleeps in poll(2) until the unit rings or hangs up. It reads nothing from the
// words but what the server itself has written there.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "ipc/hello.hpp"
#include "unit/unit_client.hpp"
#include "unit/unit_messages.hpp"

namespace hotpair::unit {
namespace {

// What can be said of an ended or unexpected conversation.
Error cut_off() noexcept { return {ErrorCode::kUnit, "joining the unit, which has hung up"}; }

int millis_until(Instant deadline) noexcept {
  const Nanos left = deadline - monotonic_now();
  return left <= Nanos{0} ? 0 : static_cast<int>(left.count / 1'000'000) + 1;
}

// Waits for the unit's answer; `message` is it.
Result<void> await_answer(ipc::LocalChannel& channel, ipc::Message& message, Instant deadline) {
  for (;;) {
    switch (channel.receive(message)) {
      case ipc::Received::kMessage:
        return {};
      case ipc::Received::kEnded:
        return cut_off();
      case ipc::Received::kNothing:
        break;
    }
    pollfd wait{channel.fd(), POLLIN, 0};
    const int timeout = millis_until(deadline);
    if (timeout == 0) return Error{ErrorCode::kUnit, "joining the unit, which does not answer"};
    static_cast<void>(::poll(&wait, 1, timeout));
  }
}

}  // namespace

Result<std::unique_ptr<UnitClient>> UnitClient::join(const char* path,
                                                     const heartbeat::PairConfig& config,
                                                     Instant deadline, heartbeat::Bell bell) {
  auto connected =
      ipc::LocalChannel::connect(path, deadline, ipc::LocalChannel::kLeastOutgoingBytes);
  if (!connected.ok()) {
    return Error{ErrorCode::kUnit, "connecting to the unit", connected.error().os_error};
  }
  ipc::LocalChannel channel = std::move(connected).value();
  auto end = RemoteBell::open();
  if (!end.ok()) return end.error();
  ipc::Hello hello;
  hello.member = config.self;
  hello.pid = static_cast<std::uint32_t>(::getpid());
  hello.incarnation = config.incarnation;
  hello.pair_digest = config.pair;
  const std::array<int, 1> ringer{end.value().ringer.get()};
  if (channel.send(message::kHello, ipc::encode_hello(hello)) != ipc::Sent::kDone ||
      channel.send(message::kOpen, encode_open(config), ringer) != ipc::Sent::kDone) {
    return cut_off();
  }
  ipc::Message message;
  const Result<void> answered = await_answer(channel, message, deadline);
  if (!answered.ok()) return answered.error();
  if (message.type == message::kRefused) {
    const auto refusal = decode_refused(message.payload);
    return refusal ? error_of(*refusal) : cut_off();
  }
  const auto former = decode_opened(message.payload);
  if (message.type != message::kOpened || message.descriptor_count != 2 || !former) {
    return cut_off();
  }
  auto region =
      SharedRegion::adopt(std::move(message.descriptors[0]), kUnitRegion, sizeof(UnitWords));
  if (!region.ok()) return region.error();
  auto client = std::make_unique<UnitClient>(
      std::move(channel), std::move(region).value(), std::move(end).value(),
      std::move(message.descriptors[1]), *former, config.event_loop, bell);
  auto vow = vigil::Vow::make(client->words_->vow);
  // Where the system keeps no robust list the end of the connection tells of a death.
  if (vow.ok()) client->vow_ = std::move(vow).value();
  auto crash = vigil::CrashWord::install(client->words_->vow);
  if (crash.ok()) client->crash_.emplace(std::move(crash).value());
  static_cast<void>(client->channel_.send(message::kVowed, {}));
  auto thread = Thread::start(
      "hotpair-ipc", [](void* self) { static_cast<UnitClient*>(self)->run(); }, client.get());
  if (!thread.ok()) return thread.error();
  client->thread_ = std::make_unique<Thread>(std::move(thread).value());
  return client;
}

UnitClient::UnitClient(ipc::LocalChannel channel, SharedRegion region, RemoteBell bell_end,
                       UniqueFd waker, Former former, const heartbeat::LoopWatch& loop,
                       heartbeat::Bell bell) noexcept
    : channel_(std::move(channel)),
      region_(std::move(region)),
      words_(region_.at<UnitWords>(0)),
      bell_end_(std::move(bell_end)),
      waker_(std::move(waker)),
      former_(former),
      loop_(loop),
      bell_(bell) {
  // adopt() has checked the size, and nothing of the size of a page is badly aligned.
  CHECK(words_ != nullptr);
}

void UnitClient::post(heartbeat::Commands commands) noexcept {
  words_->pair.commands.fetch_or(commands, std::memory_order_release);  // pairs with obey_words()
  ring(waker_);
}

void UnitClient::leave(bool in_order) noexcept {
  if (thread_ == nullptr) return;
  is_leaving_.store(true, std::memory_order_release);  // pairs with run()
  ring(bell_end_.ringer);
  thread_->join();
  thread_.reset();
  crash_.reset();
  if (in_order && !is_lost()) static_cast<void>(channel_.send(message::kBye, {}));
  // Who lives on without its unit is not dead: a unit that has not seen the end of the connection
  // yet must not take it for that.
  if ((in_order || is_lost()) && vow_ != nullptr) vow_->release();
  vow_.reset();
  channel_.close();
}

// Rings on news, and tells the unit what only this process can know of its loop.
void UnitClient::run() noexcept {
  while (!is_leaving_.load(std::memory_order_acquire)) {  // pairs with leave()
    std::array<pollfd, 2> waits{
        {{bell_end_.waiter.get(), POLLIN, 0}, {is_lost() ? -1 : channel_.fd(), POLLIN, 0}}};
    static_cast<void>(::poll(waits.data(), waits.size(), -1));
    if (waits[0].revents != 0) {
      silence(bell_end_.waiter);
      note_wait();
    }
    if (waits[1].revents != 0) {
      ipc::Message message;
      if (channel_.receive(message) == ipc::Received::kEnded) {
        is_lost_.store(true, std::memory_order_release);  // pairs with is_lost()
      }
    }
    bell_.ring(bell_.context);
  }
}

void UnitClient::note_wait() noexcept {
  // acquire: pairs with LoopTurns::note(), as in vouch.cpp
  const std::uint32_t turn = words_->pair.turns.count.load(std::memory_order_acquire);
  words_->pair.wait.write({turn, loop_.waited(loop_.context).count});
}

}  // namespace hotpair::unit
