// Fuzzes a LocalChannel whose other side writes what it likes, in pieces of any length, with
// descriptors at any place: messages stay within their bounds, and no descriptor is left behind.
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "fuzz_input.hpp"
#include "ipc/local_channel.hpp"

namespace hotpair::fuzz {
namespace {

using namespace ipc;

// More than a message may have.
constexpr std::size_t kMostSent = kMostDescriptors + 2;

struct Ends {
  UniqueFd one;
  UniqueFd other;
};

Ends socket_ends() {
  int ends[2];
  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Ends pipe_ends() {
  int ends[2];
  CHECK(::pipe(ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// What does not fit into the socket is lost, as the rest of a message of one who dies.
void write(const UniqueFd& socket, Bytes bytes, const UniqueFd& passed, std::size_t count) {
  if (bytes.empty()) return;
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int) * kMostSent)> control{};
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > 0) {
    std::array<int, kMostSent> numbers;
    numbers.fill(passed.get());
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
    std::memcpy(CMSG_DATA(rights), numbers.data(), sizeof(int) * count);
  }
  static_cast<void>(::sendmsg(socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

// A whole message, a part of one, or anything.
Bytes piece(Input& input, std::size_t descriptors) {
  if (input.flag()) return input.bytes(input.below(64));
  const std::size_t length = input.flag() ? input.byte() : input.number<std::uint32_t>() % 80'000;
  const auto count = static_cast<std::uint8_t>(input.flag() ? descriptors : input.byte());
  const auto header = encode({static_cast<std::uint32_t>(length), input.byte(), count});
  Bytes bytes(header.begin(), header.end());
  bytes.resize(bytes.size() + length, input.byte());
  if (input.flag()) bytes.resize(input.below(bytes.size() + 1));
  return bytes;
}

// Reads all that is there; false when the connection is over.
bool read(LocalChannel& channel, bool takes) {
  for (;;) {
    Message message;
    const Received received = channel.receive(message);
    if (received == Received::kNothing) return channel.is_open();
    if (received == Received::kEnded) {
      CHECK(!channel.is_open() && channel.ending().kind != Ending::Kind::kNone);
      return false;
    }
    CHECK(message.payload.size() <= kMostPayloadBytes);
    CHECK(message.descriptor_count <= kMostDescriptors);
    for (std::size_t i = 0; i < message.descriptors.size(); ++i) {
      CHECK(message.descriptors[i].is_open() == (i < message.descriptor_count));
    }
    std::uint32_t sum = 0;
    for (const std::uint8_t each : message.payload) sum += each;
    if (takes) static_cast<void>(channel.send(static_cast<std::uint16_t>(sum), message.payload));
  }
}

void run(Input input) {
  Ends ends = socket_ends();
  Ends pipe = pipe_ends();
  {
    auto channel = LocalChannel::over(std::move(ends.one), LocalChannel::kLeastOutgoingBytes);
    CHECK(channel.ok());
    while (!input.is_empty()) {
      const std::size_t descriptors = input.below(2) * input.below(kMostSent + 1);
      const Bytes bytes = piece(input, descriptors);
      const bool takes = input.flag();
      write(ends.other, bytes, pipe.other, descriptors);
      if (input.flag() && !read(channel.value(), takes)) break;
    }
    ::shutdown(ends.other.get(), SHUT_WR);
    while (read(channel.value(), false)) {
    }
    CHECK(!channel.value().is_open());
  }
  ends.other.reset();
  pipe.other.reset();
  // The last writing end is closed, so nobody has kept one.
  pollfd wait{pipe.one.get(), POLLIN, 0};
  CHECK(::poll(&wait, 1, 0) == 1 && (wait.revents & POLLHUP) != 0);
}

}  // namespace
}  // namespace hotpair::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotpair::fuzz::run({data, size});
  return 0;
}
