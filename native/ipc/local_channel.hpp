// LocalChannel: one connection between server and unit, in messages that may carry descriptors.
//
// Non-blocking: whoever owns it waits until fd() can be read (or written, while wants_write()),
// then calls receive() until it gives nothing and flush(). Buffers are made at open and have a
// bound: a message that finds no room is refused and nothing grows. Nothing that the other side
// sends is trusted: a length above the bound, a header that is none, descriptors that no message
// announced or that are missing end the connection, and all descriptors that came are closed.
//
// One thread at a time uses a channel; it locks nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mapped_region.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "base/units.hpp"
#include "ipc/local_socket.hpp"
#include "ipc/message_layout.hpp"

namespace hotpair::ipc {

struct Message {
  std::uint16_t type = 0;
  // Valid until the next receive() or close().
  std::span<const std::uint8_t> payload;
  // The first `descriptor_count` are open; whoever wants one moves it out.
  std::array<UniqueFd, kMostDescriptors> descriptors;
  std::size_t descriptor_count = 0;
};

enum class Received : std::uint8_t {
  kMessage,
  // Nothing whole is there yet, or nothing will come any more.
  kNothing,
  // The connection is over, see ending(). Told once; the socket is closed.
  kEnded,
};

enum class Sent : std::uint8_t {
  // On its way, or queued.
  kDone,
  // No room, of which nothing was taken: the other side does not read.
  kFull,
  // The other side takes nothing more; receive() tells the end after what it still sent.
  kClosed,
  // A descriptor could not be kept until it is sent: this process has no more.
  kNoDescriptor,
};

struct Ending {
  enum class Kind : std::uint8_t {
    kNone,
    // The other side closed between two messages.
    kClosed,
    // Inside of a message, or by a failure of the connection.
    kBroken,
    // It sent what the protocol does not allow.
    kRefused,
  };
  Kind kind = Kind::kNone;
  // As in Error: a literal, and errno or 0.
  const char* action = "";
  int os_error = 0;
};

class LocalChannel {
 public:
  // The least of `outgoing_bytes` below: room for one message of the largest size.
  static constexpr std::size_t kLeastOutgoingBytes = kMostMessageBytes;

  // Over a connected stream socket, whose other end must be a process of the same user.
  // `outgoing_bytes` bounds what waits to be sent, headers included.
  static Result<LocalChannel> over(UniqueFd socket, std::size_t outgoing_bytes) noexcept;

  // Connects to the listener at `path`. Only a listener whose queue is full is waited for, until
  // `deadline`. Fails with kAddress; errno says whether nobody was there (ENOENT, ECONNREFUSED).
  static Result<LocalChannel> connect(const char* path, Instant deadline,
                                      std::size_t outgoing_bytes) noexcept;

  LocalChannel(LocalChannel&&) noexcept = default;
  LocalChannel& operator=(LocalChannel&&) noexcept = delete;
  // As close(), but what is queued is dropped.
  ~LocalChannel();

  // The next message. Reads from the socket only while no whole message is buffered.
  Received receive(Message& message) noexcept;

  // Queues a message and sends as much as there is room for. The descriptors stay the caller's:
  // copies are kept until they are gone.
  Sent send(std::uint16_t type, std::span<const std::uint8_t> payload,
            std::span<const int> descriptors = {}) noexcept;
  // Sends what is queued, as far as there is room.
  void flush() noexcept;
  // Sends what goes without waiting, then closes. The other side sees the end even while a
  // duplicate() is open. Idempotent; nothing is told afterwards.
  void close() noexcept;

  bool is_open() const noexcept { return socket_.is_open(); }
  // -1 when closed.
  int fd() const noexcept { return socket_.get(); }
  bool wants_write() const noexcept { return is_open() && is_writable_ && unsent() > 0; }
  std::size_t unsent() const noexcept { return out_end_ - out_begin_; }
  const Credentials& peer() const noexcept { return peer_; }
  // Meaningful once kEnded was received.
  const Ending& ending() const noexcept { return ending_; }
  // See open_peer_process().
  Result<UniqueFd> open_process() const noexcept { return open_peer_process(socket_, peer_); }
  // See kill_peer_process().
  Result<void> kill_process(const UniqueFd& process) const noexcept {
    return kill_peer_process(socket_, process, peer_);
  }
  // A second descriptor of the same connection, to watch its end from another thread.
  Result<UniqueFd> duplicate() const noexcept;

 private:
  // Descriptors that wait for the byte they go with.
  struct Pass {
    // In the stream of all bytes that were ever queued.
    std::uint64_t position = 0;
    std::array<UniqueFd, kMostDescriptors> descriptors;
    std::size_t count = 0;
  };
  static constexpr std::size_t kMostPasses = 4;
  // Those of a message of which a part is there, and those of the next.
  static constexpr std::size_t kMostKept = 2 * kMostDescriptors;
  enum class Step : std::uint8_t { kDone, kAgain, kEnded };

  LocalChannel(UniqueFd socket, Credentials peer, MappedRegion in, MappedRegion out) noexcept;

  Step take(Message& message) noexcept;
  Step read_more() noexcept;
  Step keep_descriptors(std::span<const int> arrived, bool is_cut) noexcept;
  void hand_over(Message& message, std::size_t count) noexcept;
  Step end(Ending::Kind kind, const char* action, int os_error = 0) noexcept;
  bool make_room(std::size_t bytes) noexcept;
  bool add_pass(std::span<const int> descriptors) noexcept;
  // Bytes that may go in one call, and whether descriptors go with them.
  std::size_t next_part(bool& has_pass) const noexcept;
  void drop_pass() noexcept;
  void stop_writing() noexcept;

  UniqueFd socket_;
  Credentials peer_;
  Ending ending_;

  // What was read and not taken lies in [in_begin_, in_end_).
  MappedRegion in_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  std::array<UniqueFd, kMostKept> kept_;
  std::size_t kept_count_ = 0;

  // What is queued and not sent lies in [out_begin_, out_end_).
  MappedRegion out_;
  std::size_t out_begin_ = 0;
  std::size_t out_end_ = 0;
  // How many bytes were ever sent.
  std::uint64_t sent_total_ = 0;
  std::array<Pass, kMostPasses> passes_;
  std::size_t pass_count_ = 0;
  bool is_writable_ = true;
};

}  // namespace hotpair::ipc
