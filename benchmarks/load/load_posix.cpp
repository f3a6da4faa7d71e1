// How fast a region of shared memory is loaded, and how long its writer is held for it: two
// processes over TCP on loopback, built from the sources of the addon and run on request, never
// part of it.
//
//   load MIB ROUNDS    a line of JSON for each measurement; each round has all of them
//
//   raw         send() and recv() of as many bytes, nothing else: the floor
//   load        the whole region at rest, then with 1 % and 10 % of its pages written each second
//   cold        at rest, into a staging whose pages are not there yet
//   changed     1 % of the pages changed since a mark: a standby that was only cut off
//   digests     1 % of the pages differ: a process that was started again compares all digests
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "base/clock.hpp"
#include "base/shared_region.hpp"
#include "snapshot/arrival.hpp"
#include "snapshot/mover.hpp"
#include "snapshot/racing_page.hpp"

namespace {

using namespace hotpair;
using namespace hotpair::snapshot;

constexpr RegionKind kKind{1, 1};

struct Case {
  const char* name;
  int percent_a_second;
  bool is_raw;
  bool is_cold;
  Basis basis;
};
constexpr Case kCases[] = {
    {"raw", 0, true, false, Basis::kNothing},      {"load", 0, false, false, Basis::kNothing},
    {"load", 1, false, false, Basis::kNothing},    {"load", 10, false, false, Basis::kNothing},
    {"cold", 0, false, true, Basis::kNothing},     {"changed", 0, false, false, Basis::kChanged},
    {"digests", 0, false, false, Basis::kDigests},
};
constexpr std::size_t kChunk = 256 << 10;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void need(bool condition, const char* what) {
  if (!condition) die(what);
}

sockaddr_in loopback(in_port_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = port;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

UniqueFd stream_socket() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  need(fd.is_open(), "socket");
  return fd;
}

UniqueFd connect_to(in_port_t port) {
  UniqueFd fd = stream_socket();
  const sockaddr_in address = loopback(port);
  need(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
       "connect");
  return fd;
}

// Processor time of this process: it tells what a load costs also when the machine is busy.
double processor_seconds() {
  rusage usage{};
  need(::getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void nap(long nanos) {
  const timespec time{0, nanos};
  ::nanosleep(&time, nullptr);
}

SharedRegion make_region(std::size_t bytes) {
  auto made = SharedRegion::create(kKind, bytes, Reserve::kNow);
  need(made.ok(), "shared memory");
  return std::move(made).value();
}

void fill(SharedRegion& region) {
  std::mt19937_64 random(1);
  for (std::size_t at = 0; at < region.size(); at += 8) {
    *reinterpret_cast<std::uint64_t*>(region.data() + at) = random();
  }
}

// The pages that differ in the cases of 1 %: every hundredth.
PageSet one_percent(std::size_t pages) {
  PageSet set(pages);
  for (std::size_t page = 0; page < pages; page += 100) set.add({page, 1});
  return set;
}

// The receiving process: one connection a case.
void receive(in_port_t port, std::size_t bytes, int rounds) {
  const PageHash hash({1, 2});
  SharedRegion live = make_region(bytes);
  SharedRegion staged = make_region(bytes);
  Staging(live.bytes()).touch();
  for (int i = 0; i < rounds; ++i) {
    for (const Case& each : kCases) {
      if (each.is_cold) staged = make_region(bytes);
      Staging staging(staged.bytes());
      if (!each.is_cold) staging.touch();
      UniqueFd fd = connect_to(port);
      const double processor = processor_seconds();
      const auto report = [&](double ms) {
        std::printf(
            "{\"what\": \"receiver of %s\", \"processorSeconds\": %.4f, "
            "\"putInPlaceMs\": %.3f}\n",
            each.name, processor_seconds() - processor, ms);
        std::fflush(stdout);
      };
      if (each.is_raw) {
        std::vector<std::uint8_t> buffer(kChunk);
        for (std::size_t left = bytes; left > 0;) {
          const ssize_t got = ::recv(fd.get(), buffer.data(), std::min(kChunk, left), MSG_WAITALL);
          need(got > 0, "recv");
          left -= static_cast<std::size_t>(got);
        }
        need(::send(fd.get(), "!", 1, 0) == 1, "send");
        report(0);
        continue;
      }
      const PageSet none(staging.held.page_count());
      ArrivalOptions options;
      options.basis = each.basis;
      if (each.basis == Basis::kDigests) options.live = live.bytes();
      if (each.basis == Basis::kChanged) options.changed = &none;
      auto started = Arrival::start(staging, hash, std::move(fd), options, {});
      need(started.ok(), "arrival");
      while (started.value()->phase() == ArrivalPhase::kReceiving) nap(1'000'000);
      need(started.value()->phase() == ArrivalPhase::kComplete, "a load that arrives");
      started.value().reset();
      const Instant begin = monotonic_now();
      if (staging.is_whole()) {
        need(live.exchange(staged).ok(), "exchange");
      } else {
        apply_staging(staging, live.bytes());
      }
      report(static_cast<double>((monotonic_now() - begin).count) / 1e6);
    }
  }
}

struct Sent {
  double seconds;
  double processor;
  double longest_hold_ms;
  const char* way;
  std::uint64_t rounds = 0;
  std::uint64_t pages = 0;
};

Sent send_raw(const UniqueFd& fd, const SharedRegion& region) {
  const double processor = processor_seconds();
  const Instant begin = monotonic_now();
  for (std::size_t at = 0; at < region.size();) {
    const std::size_t length = std::min(kChunk, region.size() - at);
    const ssize_t sent = ::send(fd.get(), region.data() + at, length, MSG_NOSIGNAL);
    need(sent > 0, "send");
    at += static_cast<std::size_t>(sent);
  }
  char done = 0;
  need(::recv(fd.get(), &done, 1, 0) == 1, "recv");
  return {static_cast<double>((monotonic_now() - begin).count) / 1e9,
          processor_seconds() - processor, 0, "raw"};
}

// Writes a word of so many pages each millisecond, as far as the clock has come.
class Writer {
 public:
  Writer(SharedRegion& region, int percent_a_second)
      : region_(region), pages_(region.size() / kPageBytes), percent_(percent_a_second) {}

  void write(Nanos since_begin) {
    const double due =
        static_cast<double>(pages_) * percent_ / 100 * static_cast<double>(since_begin.count) / 1e9;
    for (; static_cast<double>(written_) < due; ++written_) {
      const std::size_t at = random_() % pages_ * kPageBytes;
      __atomic_store_n(reinterpret_cast<std::uint64_t*>(region_.data() + at), random_(),
                       __ATOMIC_RELAXED);
    }
  }

 private:
  SharedRegion& region_;
  const std::size_t pages_;
  const int percent_;
  std::size_t written_ = 0;
  std::mt19937_64 random_{2};
};

// This thread is the application: it writes, and holds still for finish().
Sent send_load(UniqueFd fd, SharedRegion& region, const Case& each, const PageHash& hash) {
  auto opened = open_page_tracker(region.bytes());
  need(opened.ok(), "tracker");
  PageTracker& tracker = *opened.value().tracker;
  MoverOptions options;
  const PageSet changed = one_percent(region.size() / kPageBytes);
  if (each.basis != Basis::kNothing) {
    need(tracker.arm().ok(), "arm");
    for (PageRange run = changed.next(0, 1); run.count > 0; run = changed.next(run.first + 1, 1)) {
      region.data()[run.first * kPageBytes] ^= 1;
    }
  }
  if (each.basis == Basis::kChanged) {
    options.is_armed = true;
    options.changed = &changed;
  }
  Writer writer(region, each.percent_a_second);
  const double processor = processor_seconds();
  const Instant begin = monotonic_now();
  auto started = Mover::start(tracker, hash, std::move(fd), options, {});
  need(started.ok(), "mover");
  Mover& mover = *started.value();
  Nanos longest;
  bool is_taken = false;
  while (mover.phase() < MoverPhase::kDone) {
    writer.write(monotonic_now() - begin);
    if (is_taken || mover.phase() != MoverPhase::kNearly) {
      nap(1'000'000);
      continue;
    }
    const Instant hold = monotonic_now();
    is_taken = mover.finish() == FinishStatus::kTaken;
    longest = std::max(longest, monotonic_now() - hold);
  }
  if (mover.phase() != MoverPhase::kDone) die(mover.failure().action);
  return {static_cast<double>((monotonic_now() - begin).count) / 1e9,
          processor_seconds() - processor,
          static_cast<double>(longest.count) / 1e6,
          tracker.way() == TrackerWay::kShadow ? "shadow" : "write protection",
          mover.progress().rounds.load(),
          mover.progress().pages.load()};
}

}  // namespace

int main(int count, char** arguments) {
  const long mib = count > 1 ? std::atol(arguments[1]) : 64;
  const int rounds = count > 2 ? std::atoi(arguments[2]) : 1;
  if (mib < 1 || rounds < 1) return std::fputs("usage: load MIB ROUNDS\n", stderr), 1;
  const std::size_t bytes = static_cast<std::size_t>(mib) << 20;
  UniqueFd listener = stream_socket();
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  need(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length) == 0, "bind");
  need(::listen(listener.get(), 1) == 0, "listen");
  need(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0,
       "getsockname");
  const pid_t child = ::fork();
  if (child == 0) {
    receive(address.sin_port, bytes, rounds);
    return 0;
  }
  const PageHash hash({1, 2});
  SharedRegion region = make_region(bytes);
  fill(region);
  for (int i = 0; i < rounds; ++i) {
    double raw = 0;
    for (const Case& each : kCases) {
      UniqueFd fd(::accept(listener.get(), nullptr, nullptr));
      need(fd.is_open(), "accept");
      const Sent sent =
          each.is_raw ? send_raw(fd, region) : send_load(std::move(fd), region, each, hash);
      if (each.is_raw) raw = sent.seconds;
      std::printf(
          "{\"what\": \"%s\", \"percentASecond\": %d, \"tracker\": \"%s\", \"seconds\": %.4f, "
          "\"processorSeconds\": %.4f, \"rateOfRaw\": %.3f, \"longestHoldMs\": %.3f, "
          "\"rounds\": %llu, \"pages\": %llu}\n",
          each.name, each.percent_a_second, sent.way, sent.seconds, sent.processor,
          raw / sent.seconds, sent.longest_hold_ms, static_cast<unsigned long long>(sent.rounds),
          static_cast<unsigned long long>(sent.pages));
      std::fflush(stdout);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 ? 0 : 1;
}
