// UnitHost: the system unit's own side, in a process apart from the server's.
//
// It listens on a socket of its user, sends and judges the beats of the one server that comes, and
// outlives it: when that process ends, by whatever means, the gate is shut, and the other member is
// told of the death and of what had been sent, before anything else. Then it waits for the next
// server. It holds no state of the application and decides nothing about roles.
//
// Where a service manager waits to hear of it, its own thread tells it how it fares, and that it
// lives as long as the beat thread answers it.
//
// Threads: its own, which does all of this; the beat thread; and one that sleeps on the server's
// vow. Whoever owns it is told of changes by a bell, and reads `report`.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/latest_value.hpp"
#include "base/result.hpp"
#include "base/thread.hpp"
#include "base/units.hpp"
#include "heartbeat/beat_loop.hpp"
#include "ipc/local_listener.hpp"
#include "unit/remote_bell.hpp"
#include "unit/service_manager.hpp"
#include "unit/unit_session.hpp"

namespace hotpair::unit {

// For people and tests.
struct UnitReport {
  enum : std::uint32_t { kWaiting = 0, kServing = 1, kGone = 2 };
  std::uint32_t phase;
  std::uint32_t server_pid;
  std::uint64_t incarnation;
  // Servers that were taken, that died (of those: that hung and were killed by this unit), and that
  // were refused.
  std::uint64_t taken;
  std::uint64_t died;
  std::uint64_t killed;
  std::uint64_t refused;
  // Servers that live, but whose connection broke.
  std::uint64_t parted;
  // The signal by which the dead server has crashed, as its own handler has told; else 0.
  std::uint32_t crash_signal;
};

class UnitHost {
 public:
  // Listens at `path`; see LocalListener::open.
  static Result<std::unique_ptr<UnitHost>> start(const char* path, ServiceManager manager,
                                                 heartbeat::Bell bell);
  // For start() only.
  UnitHost(ipc::LocalListener listener, RemoteBell waker, ServiceManager manager,
           heartbeat::Bell bell) noexcept;
  ~UnitHost() { stop(); }
  UnitHost(const UnitHost&) = delete;
  UnitHost& operator=(const UnitHost&) = delete;

  // Ends the beats of a server that is there, too: it is told by the end of its connection.
  // Idempotent.
  void stop() noexcept;
  // thread: any
  UnitReport report() const noexcept;

 private:
  // Servers that are let in at a time, until each has said who it is.
  static constexpr std::size_t kMostGuests = 4;
  static constexpr Nanos kPatience = Nanos::millis(1'000);

  // Whom this unit is there for: the member whose server came first.
  struct Served {
    std::uint64_t pair = 0;
    std::uint8_t member = 0;

    friend bool operator==(const Served&, const Served&) = default;
  };

  struct Guest {
    std::optional<ipc::LocalChannel> channel;
    Instant until{};
    bool has_greeted = false;
    ipc::Hello hello{};
  };

  // thread: unit, all below
  void run() noexcept;
  void let_in() noexcept;
  void hear_guest(Guest& guest) noexcept;
  // False: the guest has to go.
  bool on_message(Guest& guest, ipc::Message& message) noexcept;
  void take_in(Guest& guest, ipc::Message& message) noexcept;
  void hear_server() noexcept;
  void kill_if_superseded() noexcept;
  void refuse(ipc::LocalChannel& channel, const Refusal& refusal) noexcept;
  void end_session() noexcept;
  void note_death() noexcept;
  void tell() noexcept;
  void set_status() noexcept;
  void tell_manager() noexcept;
  int timeout() const noexcept;

  ipc::LocalListener listener_;
  const RemoteBell waker_;
  ServiceManager manager_;
  const heartbeat::Bell bell_;
  std::unique_ptr<heartbeat::BeatLoop> beats_;
  std::array<Guest, kMostGuests> guests_;
  std::unique_ptr<Session> session_;
  std::optional<Served> served_;
  UnitReport now_{};
  bool has_noted_death_ = false;
  // Of the last server that died here.
  Former former_ = Former::kNone;
  LatestValue<UnitReport> report_;
  std::atomic<bool> is_stopping_{false};
  // Null before start() has finished and after stop().
  std::unique_ptr<Thread> thread_;
};

}  // namespace hotpair::unit
