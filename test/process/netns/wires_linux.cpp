// The wires between hosts that are network namespaces: each packet passes through this process,
// which loses, delays, doubles and reorders as it is told. Built and run by namespaces.ts.
//
//   wires SEED END OTHER [END OTHER ...]   makes two TUN devices a wire, prints "ready", and reads
//                                          one line a change until its input ends:
//   WIRE WAY loss P double P late P delayUs N jitterUs N kbits N queueUs N bytes N
//
// WAY 0 is from END to OTHER, 1 the other way; P are per mille. `late` is the share of packets that
// is held back so that others overtake it. A packet above `bytes` is dropped, without an answer to
// its sender. At `kbits` per second a packet waits for those before it, at most `queueUs`. 0 is no
// bound. Used where the kernel has no netem, and because its dice follow from a seed.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <queue>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace {

constexpr std::size_t kPacket = 65'536;
// Packets that are on their way at once; beyond, they are lost. Ten seconds of a megabit.
constexpr std::size_t kMostWaiting = 16'384;
// How much later a packet comes that others are to overtake.
constexpr std::int64_t kLateNanos = 20'000'000;
constexpr std::int64_t kNanosPerMicro = 1'000;
constexpr std::uint64_t kMille = 1'000;

struct Weather {
  std::uint64_t loss = 0;
  std::uint64_t doubled = 0;
  std::uint64_t late = 0;
  std::int64_t delay = 0;
  std::int64_t jitter = 0;
  std::int64_t kbits = 0;
  std::int64_t queue = 0;
  std::size_t bytes = 0;
};

// One direction of one wire.
struct Way {
  int from = -1;
  int to = -1;
  Weather weather;
  // Until when the packets before are being sent, and when the last one arrives: order is kept.
  std::int64_t busy_until = 0;
  std::int64_t last_due = 0;
};

struct Flying {
  std::int64_t due;
  std::uint64_t number;
  int to;
  std::string packet;
  bool operator<(const Flying& other) const {
    return due != other.due ? due > other.due : number > other.number;
  }
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int need(int result, const char* what) {
  if (result < 0) die(what);
  return result;
}

std::int64_t now() { return hotpair::monotonic_nanos(); }

// splitmix64.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

 private:
  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }
  std::uint64_t state_;
};

int open_end(const char* name) {
  const int fd = need(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "/dev/net/tun");
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI);
  need(ioctl(fd, TUNSETIFF, &request), name);
  return fd;
}

class Wires {
 public:
  explicit Wires(std::uint64_t seed) : dice_(seed) {}

  void add(const char* end, const char* other) {
    const int from = open_end(end);
    const int to = open_end(other);
    Way there;
    there.from = from;
    there.to = to;
    Way back;
    back.from = to;
    back.to = from;
    ways_.insert(ways_.end(), {there, back});
  }

  // False when the input has ended.
  bool serve() {
    std::vector<pollfd> waits{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}};
    for (const Way& way : ways_) waits.push_back({.fd = way.from, .events = POLLIN, .revents = 0});
    timespec timeout{.tv_sec = 1, .tv_nsec = 0};
    if (!flying_.empty()) {
      const std::int64_t left = flying_.top().due - now();
      const std::int64_t wait = left < 0 ? 0 : left;
      timeout = {.tv_sec = wait / 1'000'000'000, .tv_nsec = wait % 1'000'000'000};
    }
    if (ppoll(waits.data(), waits.size(), &timeout, nullptr) < 0) return true;
    if (waits[0].revents != 0 && !obey()) return false;
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      const short events = waits[i + 1].revents;
      if ((events & POLLIN) != 0) take(ways_[i]);
      // Its host is gone: the descriptor would be ready for ever.
      if ((events & (POLLERR | POLLHUP)) != 0) ways_[i].from = -1;
    }
    land();
    return true;
  }

 private:
  // A device that is down reads as an error, and is asked again.
  void take(Way& way) {
    for (int more = 0; more < 64; ++more) {
      const ssize_t length = read(way.from, buffer_.data(), buffer_.size());
      if (length <= 0) return;
      const std::string packet(buffer_.data(), static_cast<std::size_t>(length));
      send(way, packet);
      if (dice_.below(kMille) < way.weather.doubled) send(way, packet);
    }
  }

  void send(Way& way, const std::string& packet) {
    const Weather& weather = way.weather;
    if (dice_.below(kMille) < weather.loss) return;
    if (weather.bytes != 0 && packet.size() > weather.bytes) return;
    if (flying_.size() >= kMostWaiting) return;
    const std::int64_t at = now();
    std::int64_t left = at;
    if (weather.kbits != 0) {
      left = std::max(at, way.busy_until);
      if (weather.queue != 0 && left - at > weather.queue) return;
      left += static_cast<std::int64_t>(packet.size()) * 8'000'000 / weather.kbits;
      way.busy_until = left;
    }
    const auto jitter = static_cast<std::uint64_t>(weather.jitter);
    const std::int64_t due = left + weather.delay + static_cast<std::int64_t>(dice_.below(jitter));
    if (dice_.below(kMille) < weather.late) {
      fly(due + kLateNanos, way.to, packet);
      return;
    }
    way.last_due = std::max(due, way.last_due);
    fly(way.last_due, way.to, packet);
  }

  void fly(std::int64_t due, int to, const std::string& packet) {
    flying_.push({due, number_++, to, packet});
  }

  // What cannot be written is lost: the other end is down, or its queue is full.
  void land() {
    while (!flying_.empty() && flying_.top().due <= now()) {
      const Flying& next = flying_.top();
      if (write(next.to, next.packet.data(), next.packet.size()) < 0) ++lost_;
      flying_.pop();
    }
  }

  bool obey() {
    const ssize_t length = read(STDIN_FILENO, buffer_.data(), buffer_.size());
    if (length <= 0) return false;
    input_.append(buffer_.data(), static_cast<std::size_t>(length));
    for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
      change(input_.substr(0, end));
      input_.erase(0, end + 1);
    }
    return true;
  }

  void change(const std::string& line) {
    std::istringstream words(line);
    std::size_t wire = 0;
    std::size_t direction = 0;
    words >> wire >> direction;
    const std::size_t index = wire * 2 + direction;
    if (!words || direction > 1 || index >= ways_.size()) die(line.c_str());
    Weather next;
    std::string key;
    std::int64_t value = 0;
    while (words >> key >> value) set(next, key, value);
    Way& way = ways_[index];
    way.weather = next;
    way.busy_until = 0;
    way.last_due = 0;
    std::printf("changed\n");
    std::fflush(stdout);
  }

  static void set(Weather& weather, const std::string& key, std::int64_t value) {
    const auto share = static_cast<std::uint64_t>(value);
    if (key == "loss") weather.loss = share;
    if (key == "double") weather.doubled = share;
    if (key == "late") weather.late = share;
    if (key == "delayUs") weather.delay = value * kNanosPerMicro;
    if (key == "jitterUs") weather.jitter = value * kNanosPerMicro;
    if (key == "kbits") weather.kbits = value;
    if (key == "queueUs") weather.queue = value * kNanosPerMicro;
    if (key == "bytes") weather.bytes = static_cast<std::size_t>(value);
  }

  Dice dice_;
  std::vector<Way> ways_;
  std::priority_queue<Flying> flying_;
  std::uint64_t number_ = 0;
  std::uint64_t lost_ = 0;
  std::array<char, kPacket> buffer_{};
  std::string input_;
};

}  // namespace

int main(int count, char** words) {
  if (count < 4 || count % 2 != 0) die("usage: wires SEED END OTHER [END OTHER ...]");
  // A wire that waits for a processor would be a fault of its own; refused, it is an ordinary one.
  sched_param priority{.sched_priority = 1};
  sched_setscheduler(0, SCHED_FIFO, &priority);
  Wires wires(std::strtoull(words[1], nullptr, 10));
  for (int i = 2; i + 1 < count; i += 2) wires.add(words[i], words[i + 1]);
  std::printf("ready\n");
  std::fflush(stdout);
  while (wires.serve()) {
  }
}
