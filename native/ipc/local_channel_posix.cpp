// Messages and descriptors over a Unix domain socket; see local_channel.hpp.
//
// Descriptors belong to the byte that they were sent with, and a call that reads them ends behind
// the piece they came with. So each message that has some begins a call of its own, and a part of
// a message holds exactly those that its header announces.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "ipc/local_channel.hpp"

namespace hotpair::ipc {
namespace {

#if defined(MSG_NOSIGNAL)
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
constexpr int kSendFlags = MSG_DONTWAIT;
#endif
#if defined(MSG_CMSG_CLOEXEC)
constexpr int kReceiveFlags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
#else
constexpr int kReceiveFlags = MSG_DONTWAIT;
#endif

// Two messages of the largest size, so that small ones are seldom moved to the front.
constexpr std::size_t kIncomingBytes = 2 * kMostMessageBytes;

struct ControlBytes {
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int) * kMostDescriptors)> bytes{};
};

// The descriptors that came with a call; all of them, also those that nobody shall have.
std::size_t arrived_with(msghdr& message, std::array<int, kMostDescriptors>& into) noexcept {
  std::size_t count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t bytes = part->cmsg_len - CMSG_LEN(0);
    const std::size_t here = std::min(bytes / sizeof(int), into.size() - count);
    std::memcpy(into.data() + count, CMSG_DATA(part), here * sizeof(int));
    count += here;
  }
#if !defined(MSG_CMSG_CLOEXEC)
  for (std::size_t i = 0; i < count; ++i) static_cast<void>(::fcntl(into[i], F_SETFD, FD_CLOEXEC));
#endif
  return count;
}

}  // namespace

LocalChannel::LocalChannel(UniqueFd socket, Credentials peer, MappedRegion in,
                           MappedRegion out) noexcept
    : socket_(std::move(socket)), peer_(peer), in_(std::move(in)), out_(std::move(out)) {}

LocalChannel::~LocalChannel() {
  if (is_open()) static_cast<void>(::shutdown(socket_.get(), SHUT_RDWR));
}

Result<LocalChannel> LocalChannel::over(UniqueFd socket, std::size_t outgoing_bytes) noexcept {
  CHECK(outgoing_bytes >= kLeastOutgoingBytes);
  const Result<Credentials> peer = check_peer(socket);
  if (!peer.ok()) return peer.error();
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return Error{ErrorCode::kNative, "making the socket non-blocking", errno};
  }
#if defined(SO_NOSIGPIPE)
  const int one = 1;
  static_cast<void>(::setsockopt(socket.get(), SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one));
#endif
  Result<MappedRegion> in = MappedRegion::open(kIncomingBytes, "allocating the channel");
  if (!in.ok()) return in.error();
  Result<MappedRegion> out = MappedRegion::open(outgoing_bytes, "allocating the channel");
  if (!out.ok()) return out.error();
  return LocalChannel(std::move(socket), peer.value(), std::move(in).value(),
                      std::move(out).value());
}

Result<LocalChannel> LocalChannel::connect(const char* path, Instant deadline,
                                           std::size_t outgoing_bytes) noexcept {
  const Result<SocketPath> checked = socket_path(path);
  if (!checked.ok()) return checked.error();
  Result<UniqueFd> socket = open_local_socket();
  if (!socket.ok()) return socket.error();
  for (;;) {
    const int failure = connect_local(socket.value(), checked.value());
    if (failure == 0) return over(std::move(socket).value(), outgoing_bytes);
    // A full queue is EAGAIN, and poll() does not tell when it is full no more.
    const bool is_full = failure == EAGAIN || failure == EINTR;
    if (!is_full || monotonic_now() >= deadline) {
      return Error{ErrorCode::kAddress, "connecting to the socket", failure};
    }
    static_cast<void>(::poll(nullptr, 0, 1));
  }
}

Received LocalChannel::receive(Message& message) noexcept {
  for (UniqueFd& each : message.descriptors) each.reset();
  message.descriptor_count = 0;
  message.payload = {};
  while (is_open()) {
    Step step = take(message);
    if (step == Step::kDone) return Received::kMessage;
    if (step == Step::kAgain) step = read_more();
    if (step == Step::kAgain) return Received::kNothing;
    if (step == Step::kEnded) return Received::kEnded;
  }
  return Received::kNothing;
}

LocalChannel::Step LocalChannel::take(Message& message) noexcept {
  const std::span<const std::uint8_t> bytes = in_.bytes().subspan(in_begin_, in_end_ - in_begin_);
  constexpr const char* surplus = "the other side sent descriptors that it did not announce";
  if (bytes.empty() && kept_count_ > 0) return end(Ending::Kind::kRefused, surplus);
  if (bytes.size() < kMessageHeaderBytes) return Step::kAgain;
  const std::optional<MessageHeader> header = decode(bytes);
  if (!header) return end(Ending::Kind::kRefused, "the other side sent what is no message");
  if (kept_count_ < header->descriptor_count) {
    return end(Ending::Kind::kRefused, "the other side announced descriptors and sent none");
  }
  const std::size_t whole = kMessageHeaderBytes + header->length;
  const bool is_last = bytes.size() <= whole;
  if (is_last && kept_count_ > header->descriptor_count) {
    return end(Ending::Kind::kRefused, surplus);
  }
  if (bytes.size() < whole) return Step::kAgain;
  message.type = header->type;
  message.payload = bytes.subspan(kMessageHeaderBytes, header->length);
  hand_over(message, header->descriptor_count);
  in_begin_ += whole;
  return Step::kDone;
}

void LocalChannel::hand_over(Message& message, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) message.descriptors[i] = std::move(kept_[i]);
  message.descriptor_count = count;
  std::move(kept_.begin() + static_cast<std::ptrdiff_t>(count),
            kept_.begin() + static_cast<std::ptrdiff_t>(kept_count_), kept_.begin());
  kept_count_ -= count;
}

LocalChannel::Step LocalChannel::read_more() noexcept {
  // What is left is less than one message, so there is always room behind it.
  std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
  in_end_ -= std::exchange(in_begin_, 0);
  CHECK(in_end_ < kMostMessageBytes);
  iovec part{in_.data() + in_end_, in_.size() - in_end_};
  ControlBytes control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const ssize_t count = ::recvmsg(socket_.get(), &message, kReceiveFlags);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return Step::kAgain;
    return end(Ending::Kind::kBroken, "reading from the socket", errno);
  }
  std::array<int, kMostDescriptors> arrived{};
  const std::size_t arrived_count = arrived_with(message, arrived);
  const Step step = keep_descriptors(std::span(arrived).first(arrived_count),
                                     (message.msg_flags & MSG_CTRUNC) != 0);
  if (step != Step::kDone) return step;
  in_end_ += static_cast<std::size_t>(count);
  if (count > 0) return Step::kDone;
  if (in_end_ > 0) return end(Ending::Kind::kBroken, "the connection ended inside of a message");
  return end(Ending::Kind::kClosed, "the other side closed the connection");
}

LocalChannel::Step LocalChannel::keep_descriptors(std::span<const int> arrived,
                                                  bool is_cut) noexcept {
  for (const int fd : arrived) {
    UniqueFd owned(fd);
    if (kept_count_ < kept_.size()) kept_[kept_count_++] = std::move(owned);
  }
  // Cut off by the system too where this process may open no more files.
  if (is_cut) {
    return end(Ending::Kind::kRefused,
               "the other side sent more descriptors than a message or this process may have");
  }
  return Step::kDone;
}

LocalChannel::Step LocalChannel::end(Ending::Kind kind, const char* action, int os_error) noexcept {
  ending_ = {kind, action, os_error};
  for (UniqueFd& each : kept_) each.reset();
  kept_count_ = 0;
  stop_writing();
  static_cast<void>(::shutdown(socket_.get(), SHUT_RDWR));
  socket_.reset();
  return Step::kEnded;
}

Sent LocalChannel::send(std::uint16_t type, std::span<const std::uint8_t> payload,
                        std::span<const int> descriptors) noexcept {
  CHECK(payload.size() <= kMostPayloadBytes && descriptors.size() <= kMostDescriptors);
  if (!is_open() || !is_writable_) return Sent::kClosed;
  const bool has_descriptors = !descriptors.empty();
  if (has_descriptors && pass_count_ == passes_.size()) flush();
  const bool has_place = !has_descriptors || pass_count_ < passes_.size();
  if (!has_place || !make_room(kMessageHeaderBytes + payload.size())) {
    return is_writable_ ? Sent::kFull : Sent::kClosed;
  }
  if (has_descriptors && !add_pass(descriptors)) return Sent::kNoDescriptor;
  const auto header = encode(MessageHeader{static_cast<std::uint32_t>(payload.size()), type,
                                           static_cast<std::uint8_t>(descriptors.size())});
  std::memcpy(out_.data() + out_end_, header.data(), header.size());
  out_end_ += header.size();
  if (!payload.empty()) std::memcpy(out_.data() + out_end_, payload.data(), payload.size());
  out_end_ += payload.size();
  flush();
  return is_writable_ ? Sent::kDone : Sent::kClosed;
}

bool LocalChannel::make_room(std::size_t bytes) noexcept {
  if (bytes > out_.size() - unsent()) flush();
  if (!is_writable_ || bytes > out_.size() - unsent()) return false;
  if (bytes > out_.size() - out_end_) {
    std::memmove(out_.data(), out_.data() + out_begin_, unsent());
    out_end_ -= std::exchange(out_begin_, 0);
  }
  return true;
}

bool LocalChannel::add_pass(std::span<const int> descriptors) noexcept {
  Pass& pass = passes_[pass_count_];
  pass.position = sent_total_ + unsent();
  pass.count = descriptors.size();
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    pass.descriptors[i].reset(::fcntl(descriptors[i], F_DUPFD_CLOEXEC, 0));
    if (pass.descriptors[i].is_open()) continue;
    for (UniqueFd& each : pass.descriptors) each.reset();
    return false;
  }
  ++pass_count_;
  return true;
}

std::size_t LocalChannel::next_part(bool& has_pass) const noexcept {
  has_pass = pass_count_ > 0 && passes_[0].position == sent_total_;
  const std::size_t next = has_pass ? 1 : 0;
  if (next >= pass_count_) return unsent();
  return static_cast<std::size_t>(passes_[next].position - sent_total_);
}

void LocalChannel::drop_pass() noexcept {
  for (UniqueFd& each : passes_[0].descriptors) each.reset();
  std::move(passes_.begin() + 1, passes_.begin() + static_cast<std::ptrdiff_t>(pass_count_),
            passes_.begin());
  --pass_count_;
}

void LocalChannel::flush() noexcept {
  while (wants_write()) {
    bool has_pass = false;
    iovec part{out_.data() + out_begin_, next_part(has_pass)};
    ControlBytes control;
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (has_pass) {
      std::array<int, kMostDescriptors> numbers{};
      for (std::size_t i = 0; i < passes_[0].count; ++i) {
        numbers[i] = passes_[0].descriptors[i].get();
      }
      const std::size_t bytes = passes_[0].count * sizeof(int);
      message.msg_control = control.bytes.data();
      message.msg_controllen = CMSG_SPACE(bytes);
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(bytes);
      std::memcpy(CMSG_DATA(rights), numbers.data(), bytes);
    }
    const ssize_t count = ::sendmsg(socket_.get(), &message, kSendFlags);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) stop_writing();
      return;
    }
    if (has_pass && count > 0) drop_pass();
    out_begin_ += static_cast<std::size_t>(count);
    sent_total_ += static_cast<std::uint64_t>(count);
  }
  if (unsent() == 0) out_begin_ = out_end_ = 0;
}

void LocalChannel::stop_writing() noexcept {
  is_writable_ = false;
  sent_total_ += unsent();
  out_begin_ = out_end_ = 0;
  while (pass_count_ > 0) drop_pass();
}

void LocalChannel::close() noexcept {
  if (!is_open()) return;
  flush();
  stop_writing();
  for (UniqueFd& each : kept_) each.reset();
  kept_count_ = 0;
  in_begin_ = in_end_ = 0;
  static_cast<void>(::shutdown(socket_.get(), SHUT_RDWR));
  socket_.reset();
}

Result<UniqueFd> LocalChannel::duplicate() const noexcept {
  UniqueFd copy(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.is_open()) return Error{ErrorCode::kNative, "duplicating the socket", errno};
  return copy;
}

}  // namespace hotpair::ipc
