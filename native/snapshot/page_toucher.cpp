// A thread that writes nothing, page by page; see page_toucher.hpp.
#include "snapshot/page_toucher.hpp"

#include <utility>

#include "snapshot/page_set.hpp"

namespace hotpair::snapshot {

std::unique_ptr<PageToucher> PageToucher::start(std::span<std::uint8_t> memory) {
  auto toucher = std::make_unique<PageToucher>(memory);
  Result<Thread> thread = Thread::start("hotpair-touch", &PageToucher::run, toucher.get());
  if (!thread.ok()) return nullptr;
  toucher->thread_.emplace(std::move(thread).value());
  return toucher;
}

PageToucher::~PageToucher() {
  if (!thread_.has_value()) return;
  // relaxed: it says all by itself.
  is_stopped_.store(true, std::memory_order_relaxed);
  thread_->join();
}

void PageToucher::run(void* self) {
  auto& toucher = *static_cast<PageToucher*>(self);
  for (std::size_t at = 0; at < toucher.memory_.size(); at += kPageBytes) {
    // relaxed: as above.
    if (toucher.is_stopped_.load(std::memory_order_relaxed)) return;
    // A write that changes nothing. relaxed: it orders nothing.
    static_cast<void>(__atomic_fetch_or(&toucher.memory_[at], std::uint8_t{0}, __ATOMIC_RELAXED));
  }
}

}  // namespace hotpair::snapshot
