// What the beats of a pair cost the kernel, and nothing else: built and run by the benchmark
// `beats`, never part of the addon.
//
//   bare listen PORT COUNT             prints when each of COUNT datagrams came, ns, as the kernel
//                                      saw it: no scheduler stands between sender and stamp
//   bare beat ROLE PORT MICROS COUNT   ROLE a or b: exchanges COUNT packets of 272 bytes with the
//                                      other one over TCP and UDP, one of each every MICROS, then
//                                      prints the processor time of its thread, ns
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr std::size_t kBytes = 272;
constexpr std::int64_t kNanos = 1'000'000'000;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int need(int result, const char* what) {
  if (result < 0) die(what);
  return result;
}

sockaddr_in at(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

template <typename Call>
int with(const sockaddr_in& address, Call call) {
  return call(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

int udp(int port) {
  const int fd = need(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), "socket");
  need(with(at(port), [fd](auto* a, auto n) { return bind(fd, a, n); }), "bind");
  return fd;
}

int listen_for(int port, int count) {
  const int fd = udp(port);
  const int on = 1;
  need(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on), "timestamps");
  std::puts("ready");
  std::fflush(stdout);
  const int poller = need(epoll_create1(0), "epoll");
  epoll_event event{EPOLLIN, {}};
  need(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  for (int seen = 0; seen < count;) {
    epoll_wait(poller, &event, 1, -1);
    std::array<char, 2048> bytes{};
    alignas(cmsghdr) std::array<char, 256> control{};
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (recvmsg(fd, &message, 0) < 0) continue;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
      timespec when{};
      std::memcpy(&when, CMSG_DATA(c), sizeof when);
      std::printf("%lld\n", static_cast<long long>(when.tv_sec * kNanos + when.tv_nsec));
      ++seen;
    }
  }
  return 0;
}

// The connection of the two: `a` listens on PORT, `b` dials.
int connection(bool listens, int port) {
  const int fd = need(socket(AF_INET, SOCK_STREAM, 0), "socket");
  const int on = 1;
  if (listens) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    need(with(at(port), [fd](auto* a, auto n) { return bind(fd, a, n); }), "bind");
    need(listen(fd, 1), "listen");
  }
  const int linked = listens ? need(accept(fd, nullptr, nullptr), "accept") : fd;
  for (int tries = 0; !listens && tries < 500; ++tries) {
    if (with(at(port), [fd](auto* a, auto n) { return connect(fd, a, n); }) == 0) break;
    usleep(10'000);
  }
  need(setsockopt(linked, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "nodelay");
  return linked;
}

int beat(bool isA, int port, int micros, int count) {
  const int datagrams = udp(isA ? port : port + 1);
  const sockaddr_in other = at(isA ? port + 1 : port);
  const int stream = connection(isA, port);
  const int timer = need(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "timerfd");
  const timespec every{micros / 1'000'000, (micros % 1'000'000) * 1'000};
  const itimerspec plan{every, every};
  need(timerfd_settime(timer, 0, &plan, nullptr), "timerfd_settime");
  const int poller = need(epoll_create1(0), "epoll");
  for (const int fd : {datagrams, stream, timer}) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    need(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }
  const std::array<char, kBytes> packet{};
  std::array<char, 4096> into{};
  for (int sent = 0; sent < count;) {
    std::array<epoll_event, 3> events{};
    const int ready = epoll_wait(poller, events.data(), events.size(), -1);
    for (int index = 0; index < ready; ++index) {
      const int fd = events[static_cast<std::size_t>(index)].data.fd;
      if (fd != timer) {
        recv(fd, into.data(), into.size(), MSG_DONTWAIT);
        continue;
      }
      std::uint64_t ticks = 0;
      if (read(timer, &ticks, sizeof ticks) < 0) continue;
      send(stream, packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      with(other, [&](auto* a, auto n) {
        return static_cast<int>(sendto(datagrams, packet.data(), packet.size(), 0, a, n));
      });
      ++sent;
    }
  }
  rusage used{};
  need(getrusage(RUSAGE_THREAD, &used), "getrusage");
  const auto nanos = [](const timeval& time) { return time.tv_sec * kNanos + time.tv_usec * 1000; };
  std::printf("%lld\n", static_cast<long long>(nanos(used.ru_utime) + nanos(used.ru_stime)));
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const auto number = [&](int index) { return index < count ? std::atoi(words[index]) : 0; };
  const std::string mode = count > 1 ? words[1] : "";
  if (mode == "listen") return listen_for(number(2), number(3));
  if (mode == "beat") return beat(words[2][0] == 'a', number(3), number(4), number(5));
  std::fputs("bare listen PORT COUNT | bare beat a|b PORT MICROS COUNT\n", stderr);
  return 2;
}
