// Puts pages into packets; see page_batch.hpp.
#include "snapshot/page_batch.hpp"

#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/little_endian.hpp"
#include "snapshot/racing_page.hpp"

namespace hotpair::snapshot {
namespace {

bool is_zero(const std::uint8_t* page) noexcept {
  return page[0] == 0 && std::memcmp(page, page + 1, kPageBytes - 1) == 0;
}

}  // namespace

Result<PageBatch> PageBatch::open(const PageHash& hash) noexcept {
  Result<MappedRegion> buffer = MappedRegion::open(kBufferBytes, "reserving the buffer of a load");
  if (!buffer.ok()) return buffer.error();
  return PageBatch(hash, std::move(buffer).value());
}

PageBatch::PageBatch(const PageHash& hash, MappedRegion buffer) noexcept
    : hash_(&hash), buffer_(std::move(buffer)) {}

std::uint64_t PageBatch::add(std::size_t page, std::uint32_t round,
                             const std::uint8_t* from) noexcept {
  CHECK(!is_full());
  const bool joins = run_.count > 0 && page == run_.first + run_.count && round == round_;
  if (!joins) seal();
  // Headers are of 32 bytes, so a page stands aligned to 8 wherever it comes to stand.
  const auto place = [this] {
    const std::size_t pages = is_zero_run_ ? 0 : run_.count * kPageBytes;
    return buffer_.data() + used_ + kMoveHeaderBytes + pages;
  };
  std::uint8_t* into = place();
  copy_racing_page(into, from);
  const std::uint64_t digest =
      hash_->digest(std::span<const std::uint8_t, kPageBytes>(into, kPageBytes));
  const bool is_zero_page = digest == hash_->zero_digest() && is_zero(into);
  if (run_.count > 0 && is_zero_page != is_zero_run_) {
    std::uint8_t* const former = into;
    seal();
    is_zero_run_ = is_zero_page;
    into = place();
    std::memmove(into, former, kPageBytes);
  }
  if (run_.count == 0) run_.first = page;
  is_zero_run_ = is_zero_page;
  round_ = round;
  store_little(&run_digests_[8 * run_.count], digest);
  ++run_.count;
  ++page_count_;
  return digest;
}

void PageBatch::seal() noexcept {
  if (run_.count == 0) return;
  const std::size_t length = run_.count * kPageBytes;
  const Packet packet{is_zero_run_ ? PacketKind::kZeros : PacketKind::kBytes,
                      std::uint64_t{run_.first} * kPageBytes, static_cast<std::uint32_t>(length),
                      round_};
  const std::span<const std::uint8_t> digests(run_digests_.data(), 8 * run_.count);
  seal_packet(buffer_.bytes().subspan(used_).first<kMoveHeaderBytes>(), packet,
              is_zero_run_ ? digests.first(0) : digests);
  used_ += kMoveHeaderBytes + (is_zero_run_ ? 0 : length);
  CHECK(used_ <= buffer_.size());
  run_ = {};
  is_zero_run_ = false;
}

void PageBatch::clear() noexcept {
  used_ = 0;
  page_count_ = 0;
  run_ = {};
  is_zero_run_ = false;
}

}  // namespace hotpair::snapshot
