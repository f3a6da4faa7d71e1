// Round trips between two processes of one machine, as server and unit have them, and the floor
// beside them; see ipc.ts.
//
//   program channel N NEAR FAR    a message of 64 bytes over a LocalChannel, and its answer
//   program raw N NEAR FAR        as many bytes over a socket pair by send() and recv()
//   program wake N NEAR FAR       a word of a SharedRegion whose reader sleeps, and its answer
//   program look N NEAR FAR       the same with readers that look all the time
//
// NEAR and FAR are the processors of the two ends. Prints the ns of each round trip on a line.
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/shared_region.hpp"
#include "base/shared_word.hpp"
#include "ipc/local_channel.hpp"

namespace {

using namespace hotpair;
using ipc::LocalChannel;

constexpr std::size_t kBytes = 64;
constexpr std::uint16_t kType = 1;
using Body = std::array<std::uint8_t, kBytes>;

void need(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::exit(1);
}

void pin(const char* processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(std::atoi(processor)), &set);
  need(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

// One end of what is measured: says something and waits for what the other end says.
class End {
 public:
  virtual ~End() = default;
  virtual void say() = 0;
  virtual void hear() = 0;
};

class ChannelEnd final : public End {
 public:
  explicit ChannelEnd(UniqueFd socket) {
    auto made = LocalChannel::over(std::move(socket), LocalChannel::kLeastOutgoingBytes);
    need(made.ok(), "a channel");
    channel_.emplace(std::move(made).value());
  }
  void say() override {
    need(channel_->send(kType, Body{}) == ipc::Sent::kDone, "sending a message");
  }
  void hear() override {
    for (;;) {
      ipc::Message message;
      const ipc::Received received = channel_->receive(message);
      if (received == ipc::Received::kMessage) return;
      need(received == ipc::Received::kNothing, "receiving a message");
      pollfd ready{channel_->fd(), POLLIN, 0};
      need(poll(&ready, 1, -1) == 1, "poll");
    }
  }

 private:
  std::optional<LocalChannel> channel_;
};

class RawEnd final : public End {
 public:
  explicit RawEnd(UniqueFd socket) : socket_(std::move(socket)) {}
  void say() override {
    const Body body{};
    need(send(socket_.get(), body.data(), kBytes, 0) == kBytes, "send");
  }
  void hear() override {
    Body body;
    need(recv(socket_.get(), body.data(), kBytes, MSG_WAITALL) == kBytes, "recv");
  }

 private:
  const UniqueFd socket_;
};

// Two words, one for each direction; each counts what was said.
class WordEnd final : public End {
 public:
  WordEnd(SharedWord& own, SharedWord& other, bool sleeps)
      : own_(own), other_(other), sleeps_(sleeps) {}
  void say() override {
    // release: pairs with the acquire in hear(), as a word that publishes something would.
    own_.store(++said_, std::memory_order_release);
    if (sleeps_) wake_all(own_);
  }
  void hear() override {
    ++heard_;
    // acquire: pairs with say()
    while (other_.load(std::memory_order_acquire) != heard_) {
      if (sleeps_) wait_on(other_, heard_ - 1, Nanos::millis(1'000));
    }
  }

 private:
  SharedWord& own_;
  SharedWord& other_;
  const bool sleeps_;
  std::uint32_t said_ = 0;
  std::uint32_t heard_ = 0;
};

struct Words {
  alignas(64) SharedWord near{0};
  alignas(64) SharedWord far{0};
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) return std::fputs("usage: channel|raw|wake|look N NEAR FAR\n", stderr), 1;
  const std::string what = arguments[1];
  const long rounds = std::atol(arguments[2]);
  int ends[2];
  need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  auto region = SharedRegion::create({1, 1}, sizeof(Words), Reserve::kNow);
  need(region.ok(), "shared memory");
  Words& words = *std::construct_at(reinterpret_cast<Words*>(region.value().data()));
  const bool is_child = fork() == 0;
  pin(arguments[is_child ? 4 : 3]);
  std::unique_ptr<End> end;
  UniqueFd mine(ends[is_child ? 1 : 0]);
  UniqueFd(ends[is_child ? 0 : 1]).reset();
  SharedWord& own = is_child ? words.far : words.near;
  SharedWord& other = is_child ? words.near : words.far;
  if (what == "channel") {
    end = std::make_unique<ChannelEnd>(std::move(mine));
  } else if (what == "raw") {
    end = std::make_unique<RawEnd>(std::move(mine));
  } else {
    end = std::make_unique<WordEnd>(own, other, what == "wake");
  }
  std::vector<std::int64_t> took;
  for (long round = 0; round < rounds; ++round) {
    if (is_child) {
      end->hear();
      end->say();
      continue;
    }
    const Instant began = monotonic_now();
    end->say();
    end->hear();
    took.push_back((monotonic_now() - began).count);
  }
  if (is_child) return 0;
  int status = 0;
  need(wait(&status) > 0 && status == 0, "the other end");
  for (const std::int64_t each : took) std::printf("%lld\n", static_cast<long long>(each));
  return 0;
}
