// Messages and descriptors between two ends: in order and whole whatever the pieces, within their
// bounds, and refused when the other side does not keep to the protocol.
#include "ipc/local_channel.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/shared_region.hpp"
#include "harness.hpp"
#include "local_folder.hpp"

using namespace hotpair;
using namespace hotpair::ipc;
using hotpair::test::open_descriptors;

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::size_t kOutgoing = 2 * kMostMessageBytes;

struct Sockets {
  Sockets() {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    ours = UniqueFd(ends[0]);
    theirs = UniqueFd(ends[1]);
  }
  UniqueFd ours;
  UniqueFd theirs;
};

LocalChannel channel_over(UniqueFd socket, std::size_t outgoing = kOutgoing) {
  Result<LocalChannel> channel = LocalChannel::over(std::move(socket), outgoing);
  CHECK(channel.ok());
  return std::move(channel).value();
}

struct Two {
  explicit Two(Sockets sockets = {})
      : a(channel_over(std::move(sockets.ours))), b(channel_over(std::move(sockets.theirs))) {}
  LocalChannel a;
  LocalChannel b;
};

Bytes random_bytes(std::mt19937_64& random, std::size_t length) {
  Bytes bytes(length);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// What a side that keeps to no protocol writes, with `descriptors` on the first byte.
void write_raw(const UniqueFd& socket, std::span<const std::uint8_t> bytes,
               std::span<const int> descriptors = {}) {
  iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::uint8_t, 256> control{};
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  CHECK(::sendmsg(socket.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

// The first `most` bytes of a message, which need not be what its header says.
Bytes raw_message(MessageHeader header, std::string_view payload, std::size_t most = SIZE_MAX) {
  const auto front = encode(header);
  Bytes bytes(front.size() + payload.size());
  std::ranges::copy(front, bytes.begin());
  std::ranges::copy(payload, bytes.begin() + static_cast<std::ptrdiff_t>(front.size()));
  bytes.resize(std::min(bytes.size(), most));
  return bytes;
}

// A channel whose other end is a bare socket.
struct Hostile {
  explicit Hostile(Sockets sockets = {})
      : channel(channel_over(std::move(sockets.ours))), socket(std::move(sockets.theirs)) {}

  void expect_refused(std::string_view words) {
    EXPECT(channel.receive(message) == Received::kEnded);
    EXPECT(channel.ending().kind == Ending::Kind::kRefused);
    const std::string_view action = channel.ending().action;
    EXPECT(action.find(words) != std::string_view::npos);
    if (action.find(words) == std::string_view::npos) std::cerr << "  it says: " << action << "\n";
    EXPECT(!channel.is_open());
    EXPECT(channel.receive(message) == Received::kNothing);
  }

  LocalChannel channel;
  UniqueFd socket;
  Message message;
};

}  // namespace

TEST(messages_of_every_size_arrive_whole_and_in_order) {
  Two two;
  std::mt19937_64 random(test::seed());
  Message message;
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{7},
                                   std::size_t{4096}, kMostPayloadBytes - 1, kMostPayloadBytes}) {
    const Bytes bytes = random_bytes(random, length);
    REQUIRE(two.a.send(static_cast<std::uint16_t>(length), bytes) == Sent::kDone);
    Received received = Received::kNothing;
    for (int i = 0; i < 1000 && received == Received::kNothing; ++i) {
      received = two.b.receive(message);
      two.a.flush();
    }
    REQUIRE(received == Received::kMessage);
    EXPECT_EQ(message.type, static_cast<std::uint16_t>(length));
    EXPECT(std::ranges::equal(message.payload, bytes));
  }
  EXPECT(two.b.receive(message) == Received::kNothing);
}

// Both directions, any sizes, any descriptors, and a queue that fills: compared one by one.
TEST(any_traffic_arrives_as_it_was_sent) {
  Two two;
  std::mt19937_64 random(test::seed());
  const int before = open_descriptors();
  const SharedRegion region = std::move(SharedRegion::create({1, 1}, 8, Reserve::kOnWrite)).value();
  struct Expected {
    std::uint16_t type;
    Bytes payload;
    std::size_t descriptors;
  };
  std::vector<Expected> sent;
  std::size_t next = 0;
  int full_count = 0;
  const auto expect_next = [&](const Message& message) {
    REQUIRE(next < sent.size());
    EXPECT_EQ(message.type, sent[next].type);
    EXPECT(std::ranges::equal(message.payload, sent[next].payload));
    EXPECT_EQ(message.descriptor_count, sent[next].descriptors);
    for (std::size_t i = 0; i < message.descriptor_count; ++i) {
      EXPECT(message.descriptors[i].is_open());
      EXPECT((::fcntl(message.descriptors[i].get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
    sent[next] = {};
    ++next;
  };
  for (int i = 0; i < 3000; ++i) {
    const std::size_t most = random() % 8 == 0 ? kMostPayloadBytes : 300;
    Expected item{static_cast<std::uint16_t>(random()), random_bytes(random, random() % (most + 1)),
                  random() % 4 == 0 ? random() % (kMostDescriptors + 1) : 0};
    const Bytes copy = item.payload;
    const std::array<int, kMostDescriptors> all{region.fd().get(), region.fd().get(),
                                                region.fd().get(), region.fd().get()};
    const Sent result = two.a.send(item.type, copy, std::span(all).first(item.descriptors));
    EXPECT(result == Sent::kDone || result == Sent::kFull);
    if (result == Sent::kDone) sent.push_back(std::move(item));
    full_count += result == Sent::kFull ? 1 : 0;
    EXPECT(two.a.unsent() <= kOutgoing);
    Message message;
    // At first half of what is sent is read, so that the queue fills.
    for (std::uint64_t n = random() % (i < 1000 ? 2 : 3); n > 0; --n) {
      if (two.b.receive(message) == Received::kMessage) expect_next(message);
    }
  }
  Message message;
  while (next < sent.size()) {
    two.a.flush();
    REQUIRE(two.b.receive(message) == Received::kMessage);
    expect_next(message);
  }
  EXPECT(two.b.receive(message) == Received::kNothing);
  EXPECT(full_count > 0);
  EXPECT_EQ(open_descriptors(), before + 1);
  std::cout << "  " << sent.size() << " messages, " << full_count << " times full\n";
}

TEST(a_message_that_arrives_byte_by_byte_is_given_when_it_is_whole) {
  Hostile it;
  const Bytes bytes = raw_message({5, 77, 0}, "bytes");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT(it.channel.receive(it.message) == Received::kNothing);
    write_raw(it.socket, std::span(bytes).subspan(i, 1));
  }
  REQUIRE(it.channel.receive(it.message) == Received::kMessage);
  EXPECT_EQ(it.message.type, 77);
  EXPECT(std::ranges::equal(it.message.payload, bytes_of("bytes")));
}

TEST(a_region_handed_over_is_the_same_memory) {
  Two two;
  const SharedRegion mine = std::move(SharedRegion::create({1, 1}, 4096, Reserve::kNow)).value();
  const int fd = mine.fd().get();
  REQUIRE(two.a.send(1, bytes_of("here"), std::span(&fd, 1)) == Sent::kDone);
  Message message;
  REQUIRE(two.b.receive(message) == Received::kMessage);
  REQUIRE(message.descriptor_count == 1);
  const Result<SharedRegion> theirs =
      SharedRegion::adopt(std::move(message.descriptors[0]), {1, 1}, 4096);
  REQUIRE(theirs.ok());
  mine.bytes()[100] = 200;
  EXPECT_EQ(theirs.value().bytes()[100], 200);
}

TEST(a_full_queue_takes_nothing_of_a_message_and_goes_on_when_it_is_read) {
  Two two;
  const Bytes large(kMostPayloadBytes, 1);
  int count = 0;
  while (two.a.send(9, large) == Sent::kDone) REQUIRE(++count < 1000);
  EXPECT(two.a.wants_write());
  EXPECT(two.a.unsent() <= kOutgoing);
  EXPECT(two.a.send(9, large) == Sent::kFull);
  Message message;
  int received = 0;
  while (two.b.receive(message) == Received::kMessage) {
    EXPECT_EQ(message.payload.size(), kMostPayloadBytes);
    ++received;
    two.a.flush();
  }
  EXPECT_EQ(received, count);
  EXPECT(!two.a.wants_write());
  EXPECT(two.a.send(9, large) == Sent::kDone);
}

TEST(a_message_sent_before_the_close_still_arrives_and_the_end_is_told_once) {
  Two two;
  EXPECT(two.a.send(3, bytes_of("goodbye")) == Sent::kDone);
  const UniqueFd watched = std::move(two.a.duplicate()).value();
  two.a.close();
  two.a.close();
  EXPECT(two.a.send(3, {}) == Sent::kClosed);
  Message message;
  EXPECT(two.a.receive(message) == Received::kNothing);
  REQUIRE(two.b.receive(message) == Received::kMessage);
  EXPECT(std::ranges::equal(message.payload, bytes_of("goodbye")));
  EXPECT(two.b.receive(message) == Received::kEnded);
  EXPECT(two.b.ending().kind == Ending::Kind::kClosed);
  EXPECT(two.b.receive(message) == Received::kNothing);
}

TEST(what_the_other_side_sent_before_its_end_is_read_though_sending_fails) {
  Two two;
  EXPECT(two.a.send(3, bytes_of("last words")) == Sent::kDone);
  two.a.close();
  EXPECT(two.b.send(4, bytes_of("into the void")) == Sent::kClosed);
  EXPECT(!two.b.wants_write());
  Message message;
  EXPECT(two.b.receive(message) == Received::kMessage);
  EXPECT(two.b.receive(message) == Received::kEnded);
}

TEST(an_end_inside_of_a_message_is_a_broken_connection) {
  Hostile it;
  write_raw(it.socket, raw_message({5, 1, 0}, "bytes", 10));
  it.socket.reset();
  EXPECT(it.channel.receive(it.message) == Received::kEnded);
  EXPECT(it.channel.ending().kind == Ending::Kind::kBroken);
}

TEST(what_is_no_message_is_refused) {
  for (const MessageHeader header : {MessageHeader{kMostPayloadBytes + 1, 1, 0},
                                     MessageHeader{UINT32_MAX, 1, 0}, MessageHeader{0, 1, 5}}) {
    Hostile it;
    write_raw(it.socket, raw_message(header, ""));
    it.expect_refused("no message");
  }
  Hostile it;
  Bytes bytes = raw_message({0, 1, 0}, "");
  bytes[7] = 1;
  write_raw(it.socket, bytes);
  it.expect_refused("no message");
}

TEST(descriptors_that_nobody_announced_or_that_are_missing_end_the_connection) {
  const int before = open_descriptors();
  {
    const std::array<int, 5> five{0, 1, 2, 0, 1};
    Hostile none;
    write_raw(none.socket, raw_message({4, 1, 2}, "four"));
    none.expect_refused("sent none");
    Hostile surplus;
    write_raw(surplus.socket, raw_message({4, 1, 0}, "four"), std::span(five).first(1));
    surplus.expect_refused("did not announce");
    Hostile one_more;
    write_raw(one_more.socket, raw_message({4, 1, 1}, "four"), std::span(five).first(2));
    one_more.expect_refused("did not announce");
    Hostile late;
    write_raw(late.socket, raw_message({4, 1, 1}, "four", 9));
    late.expect_refused("sent none");
    Hostile too_many;
    write_raw(too_many.socket, raw_message({4, 1, 4}, "four"), five);
    too_many.expect_refused("more descriptors");
    Hostile in_part;
    write_raw(in_part.socket, raw_message({4, 1, 1}, "four", 9), std::span(five).first(2));
    in_part.expect_refused("did not announce");
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(descriptors_of_a_message_that_is_never_finished_are_closed) {
  const int before = open_descriptors();
  {
    const std::array<int, 3> three{0, 1, 2};
    Hostile it;
    write_raw(it.socket, raw_message({4, 1, 3}, "four", 9), three);
    EXPECT(it.channel.receive(it.message) == Received::kNothing);
    it.socket.reset();
    EXPECT(it.channel.receive(it.message) == Received::kEnded);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(random_bytes_and_descriptors_never_get_through_as_more_than_messages) {
  std::mt19937_64 random(test::seed());
  const int before = open_descriptors();
  int messages = 0;
  for (int round = 0; round < 2000; ++round) {
    Hostile it;
    for (std::uint64_t piece = random() % 6; piece > 0; --piece) {
      Bytes bytes = random() % 3 == 0 ? random_bytes(random, 1 + random() % 40)
                                      : raw_message({static_cast<std::uint32_t>(random() % 9), 5,
                                                     static_cast<std::uint8_t>(random() % 3)},
                                                    "eight...");
      const std::array<int, 3> three{0, 1, 2};
      write_raw(it.socket, bytes, std::span(three).first(random() % 4));
    }
    Received received = Received::kMessage;
    while (received == Received::kMessage) {
      received = it.channel.receive(it.message);
      messages += received == Received::kMessage ? 1 : 0;
      EXPECT(it.message.payload.size() <= kMostPayloadBytes);
    }
  }
  EXPECT_EQ(open_descriptors(), before);
  std::cout << "  " << messages << " messages\n";
}

TEST(a_sender_without_room_for_descriptors_says_so_and_goes_on) {
  Two two;
  const int lowest_free = ::fcntl(0, F_DUPFD, 0);
  CHECK(::close(lowest_free) == 0);
  rlimit former{};
  CHECK(::getrlimit(RLIMIT_NOFILE, &former) == 0);
  const rlimit none{static_cast<rlim_t>(lowest_free), former.rlim_max};
  const int fd = 0;
  CHECK(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const Sent sent = two.a.send(1, bytes_of("with"), std::span(&fd, 1));
  CHECK(::setrlimit(RLIMIT_NOFILE, &former) == 0);
  EXPECT(sent == Sent::kNoDescriptor);
  Message message;
  EXPECT(two.b.receive(message) == Received::kNothing);
  EXPECT(two.a.send(1, bytes_of("with"), std::span(&fd, 1)) == Sent::kDone);
  EXPECT(two.b.receive(message) == Received::kMessage);
}

TEST(the_other_process_is_known_and_its_end_can_be_waited_for) {
  Sockets sockets;
  Two two(std::move(sockets));
  EXPECT_EQ(two.a.peer().uid, ::geteuid());
#if defined(__linux__)
  EXPECT_EQ(two.a.peer().pid, ::getpid());
  const Result<UniqueFd> process = two.a.open_process();
  REQUIRE(process.ok());
  pollfd entry{process.value().get(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 0), 0);
#endif
}

TEST_MAIN()
