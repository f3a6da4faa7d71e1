// PageToucher: makes the pages of memory writable behind everybody's back.
//
// Closing a page tracker leaves pages whose first write is a fault each, 0.3 s for 1 GiB. The
// memory that a load has taken out of use is the staging of the next one, which would pay that
// while somebody waits for it; so a thread of its own pays it at once. It changes no byte, and
// nobody depends on its having come to an end.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/thread.hpp"

namespace hotpair::snapshot {

class PageToucher {
 public:
  // Null where the system has no thread to give: then the next load is slower. `memory` outlives
  // it, and nobody else writes it meanwhile.
  static std::unique_ptr<PageToucher> start(std::span<std::uint8_t> memory);
  // For start().
  explicit PageToucher(std::span<std::uint8_t> memory) noexcept : memory_(memory) {}
  // Stops after the page under way, and joins.
  ~PageToucher();
  PageToucher(const PageToucher&) = delete;
  PageToucher& operator=(const PageToucher&) = delete;

 private:
  static void run(void* self);

  const std::span<std::uint8_t> memory_;
  std::atomic<bool> is_stopped_{false};
  // The last member: its thread uses all of the above.
  std::optional<Thread> thread_;
};

}  // namespace hotpair::snapshot
