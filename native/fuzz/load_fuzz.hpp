// What the fuzzers of a load share: a small region, and one end of its connection by hand.
//
// What the other side says is written whole before the load begins and then ended, so that a run
// depends on its input alone. All of it must fit into the socket's buffer.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <utility>

#include "base/mapped_region.hpp"
#include "fuzz_input.hpp"
#include "snapshot/move_layout.hpp"
#include "snapshot/page_hash.hpp"
#include "snapshot/stream.hpp"

namespace hotpair::fuzz {

using namespace snapshot;

inline constexpr std::size_t kPages = 5;
inline constexpr std::size_t kRegionBytes = kPages * kPageBytes;

inline const PageHash& hash() {
  static const PageHash made({11, 22});
  return made;
}

// Page-aligned, of zeros.
inline MappedRegion region() {
  return std::move(MappedRegion::open(kRegionBytes, "making a region")).value();
}

class Line {
 public:
  Line() {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    mine_ = UniqueFd(ends[0]);
    theirs_ = UniqueFd(ends[1]);
  }

  UniqueFd take() noexcept { return std::move(theirs_); }
  // What finds no room is lost.
  void say(std::span<const std::uint8_t> bytes) noexcept {
    static_cast<void>(::send(mine_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  void say(const Packet& packet, std::span<const std::uint8_t> body,
           std::span<const std::uint8_t> summed) noexcept {
    MoveHeader header;
    seal_packet(header, packet, summed);
    say(header);
    say(body);
  }
  // Nothing more comes.
  void end() noexcept { ::shutdown(mine_.get(), SHUT_WR); }

 private:
  UniqueFd mine_;
  UniqueFd theirs_;
};

// Waits for the news of a load, which come from its own thread.
class Waiter {
 public:
  Bell bell() noexcept {
    return {[](void* self) noexcept {
              auto& rings = static_cast<Waiter*>(self)->rings_;
              rings.fetch_add(1, std::memory_order_release);  // pairs with wait_beyond()
              rings.notify_all();
            },
            this};
  }
  std::uint32_t rings() const noexcept { return rings_.load(std::memory_order_acquire); }
  void wait_beyond(std::uint32_t rings) const noexcept {
    rings_.wait(rings, std::memory_order_acquire);
  }

 private:
  std::atomic<std::uint32_t> rings_{0};
};

}  // namespace hotpair::fuzz
