// The floors beside `load`: what this machine does with as many bytes when nothing else is wanted.
//
//   program raw BYTES NEAR FAR      sends them over loopback, 256 KiB a call, and reads them
//   program fresh BYTES NEAR FAR    reads them into memory whose pages are not there yet
//   program copy BYTES NEAR         copies them from one place to another
//
// NEAR and FAR are the processors of the two ends. The time in ns is printed on a line of its own.
// Compiled by the benchmark itself, never part of the addon.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/clock.hpp"

namespace {

constexpr std::size_t kChunk = 256 << 10;

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

std::uint8_t* memory(std::size_t bytes) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  need(at != MAP_FAILED, "mmap");
  return static_cast<std::uint8_t*>(at);
}

std::uint8_t* filled(std::size_t bytes) {
  std::uint8_t* const at = memory(bytes);
  for (std::size_t i = 0; i < bytes; i += 8) std::memcpy(at + i, &i, 8);
  return at;
}

sockaddr_in loopback(in_port_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = port;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void receive(in_port_t port, std::size_t bytes, bool is_fresh) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(port);
  std::uint8_t* const into = is_fresh ? memory(bytes) : filled(kChunk);
  need(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "connect");
  for (std::size_t at = 0; at < bytes;) {
    const std::size_t length = std::min(kChunk, bytes - at);
    const ssize_t got = recv(fd, into + (is_fresh ? at : 0), length, MSG_WAITALL);
    need(got > 0, "recv");
    at += static_cast<std::size_t>(got);
  }
  need(send(fd, "!", 1, 0) == 1, "send");
}

std::int64_t transfer(std::size_t bytes, const char* near, const char* far, bool is_fresh) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  need(bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0, "bind");
  need(listen(listener, 1) == 0, "listen");
  need(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
  if (fork() == 0) {
    pin(far);
    receive(address.sin_port, bytes, is_fresh);
    std::exit(0);
  }
  pin(near);
  const std::uint8_t* const from = filled(bytes);
  const int fd = accept(listener, nullptr, nullptr);
  need(fd >= 0, "accept");
  const hotpair::Instant began = hotpair::monotonic_now();
  for (std::size_t at = 0; at < bytes;) {
    const ssize_t sent = send(fd, from + at, std::min(kChunk, bytes - at), MSG_NOSIGNAL);
    need(sent > 0, "send");
    at += static_cast<std::size_t>(sent);
  }
  char done = 0;
  need(recv(fd, &done, 1, 0) == 1, "recv");
  const std::int64_t took = (hotpair::monotonic_now() - began).count;
  int status = 0;
  need(wait(&status) > 0 && status == 0, "the other end");
  return took;
}

std::int64_t copy(std::size_t bytes, const char* near) {
  pin(near);
  const std::uint8_t* const from = filled(bytes);
  std::uint8_t* const to = filled(bytes);
  const hotpair::Instant began = hotpair::monotonic_now();
  std::memcpy(to, from, bytes);
  return (hotpair::monotonic_now() - began).count;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return std::fputs("usage: raw|fresh|copy BYTES NEAR [FAR]\n", stderr), 1;
  const std::string what = arguments[1];
  const std::size_t bytes = std::strtoull(arguments[2], nullptr, 10);
  const char* const near = arguments[3];
  const char* const far = arguments[count - 1];
  const std::int64_t took =
      what == "copy" ? copy(bytes, near) : transfer(bytes, near, far, what == "fresh");
  std::printf("%lld\n", static_cast<long long>(took));
  return 0;
}
