// Session: one server at a unit: its connection, the words it shares, its beats, and the watch over
// its life. Of the unit's thread, but for the alarm.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/shared_region.hpp"
#include "heartbeat/beat_loop.hpp"
#include "ipc/hello.hpp"
#include "ipc/local_channel.hpp"
#include "unit/remote_bell.hpp"
#include "unit/unit_messages.hpp"
#include "vigil/watcher.hpp"

namespace hotpair::unit {

class Session {
 public:
  struct Opening {
    ipc::LocalChannel channel;
    const ipc::Hello& hello;
    const heartbeat::PairConfig& config;
    // Rings the server.
    UniqueFd ringer;
    Former former;
  };
  // Shares memory, opens the sockets of the beats, and answers. On a failure the channel is the
  // caller's again, in `opening`.
  static std::unique_ptr<Session> open(Opening& opening, heartbeat::BeatLoop& beats,
                                       const RemoteBell& waker, Refusal& refusal);
  // For open() only.
  Session(Opening& opening, SharedRegion words, std::unique_ptr<heartbeat::BeatPair> pair,
          heartbeat::BeatLoop& beats, const RemoteBell& waker) noexcept;
  // The beats end.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Watches over the server's vow from here on.
  Result<void> watch();
  // Reads the connection: false when it has ended.
  bool hear();
  // The server is dead, or went away where nothing tells whether it lives: its beats say so from
  // here on.
  void gone() noexcept;
  // Whether the process is known to live, though its connection has ended: then it beats itself,
  // and needs the sockets that are held here.
  bool is_alive() const noexcept;
  // Kills the server if its beat thread has found it hung and superseded. True: it was done.
  bool kill_if_superseded() noexcept;
  bool is_gone() const noexcept { return is_gone_.load(std::memory_order_acquire); }
  // The server has said that it ends in order: what ends after that is no death.
  bool has_said_bye() const noexcept { return has_said_bye_; }
  int fd() const noexcept { return channel_.fd(); }
  std::uint64_t incarnation() const noexcept { return hello_.incarnation; }
  std::uint32_t pid() const noexcept { return hello_.pid; }
  // The signal that has ended it, as its own handler has told; 0: none, or not that way.
  std::uint32_t crash_signal() const noexcept;

 private:
  static void on_alarm(void* self, const vigil::Finding& finding) noexcept;
  bool answer(Former former) noexcept;

  ipc::LocalChannel channel_;
  const ipc::Hello hello_;
  const UniqueFd ringer_;
  const RemoteBell& waker_;
  SharedRegion region_;
  heartbeat::BeatLoop& beats_;
  std::unique_ptr<heartbeat::BeatPair> pair_;
  std::unique_ptr<vigil::Watcher> watcher_;
  // Of the server. -1 where the system has no such thing.
  UniqueFd process_;
  // Set by the watcher's thread or the unit's.
  std::atomic<bool> is_gone_{false};
  // Set by the beat thread, taken by the unit's.
  std::atomic<bool> is_superseded_{false};
  bool has_said_bye_ = false;
};

}  // namespace hotpair::unit
