// LocalListener: the socket file on which a unit (or a server) is found by processes of its user.
//
// The folder is made for its owner alone, or must belong to this user and be writable by nobody
// else: who can write there could put a socket of his own in our place. The file that a killed
// process left is found by a connection that is refused, and removed; one that is answered is
// another process at work, and opening fails. Starts at the same time take turns by a lock on the
// folder, so that none removes what another has just made. A connection that is opened and closed
// at once, without a word, is such a look.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ipc/local_channel.hpp"
#include "ipc/local_socket.hpp"

namespace hotpair::ipc {

struct Accepted {
  enum class Status : std::uint8_t {
    kChannel,
    // Nobody waits.
    kNothing,
    // Somebody was turned away, for the reason in `error`: another user's process, or no memory.
    kRefused,
    // The one who waits could not be taken, for the reason in `error`, and still waits: try again
    // a moment later, fd() stays readable.
    kFailed,
  };
  Status status = Status::kNothing;
  std::optional<LocalChannel> channel;
  Error error{ErrorCode::kNative, ""};
};

class LocalListener {
 public:
  // Listens at `path`, absolute and at most 107 bytes (Linux) long. Makes the last folder of it
  // where it is missing, none above. Fails with kAddressInUse when another process listens there,
  // with kAddress when path or folder will not do.
  static Result<LocalListener> open(const char* path) noexcept;

  LocalListener(LocalListener&&) noexcept = default;
  LocalListener& operator=(LocalListener&&) noexcept = delete;
  ~LocalListener() { close(); }

  // The next who waits. `outgoing_bytes` as in LocalChannel::over().
  Accepted accept(std::size_t outgoing_bytes) noexcept;

  // Closes, and removes the file if it is still ours. Idempotent.
  void close() noexcept;

  bool is_open() const noexcept { return socket_.is_open(); }
  // -1 when closed.
  int fd() const noexcept { return socket_.get(); }

 private:
  // The file's identity, by which it is known to be ours.
  struct FileId {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;

    friend bool operator==(const FileId&, const FileId&) = default;
  };

  LocalListener(UniqueFd socket, const SocketPath& path, FileId file) noexcept
      : socket_(std::move(socket)), path_(path), file_(file) {}

  // Nothing when there is no file.
  static std::optional<FileId> file_at(const SocketPath& path) noexcept;

  UniqueFd socket_;
  SocketPath path_;
  FileId file_;
};

}  // namespace hotpair::ipc
