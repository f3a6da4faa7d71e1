// SharedRegion: memory of two processes, made by one and handed to the other as a descriptor.
//
// It begins with a page for the header (what it is, which layout, how large, and a check sum of
// that), then comes what the parts put there. The other process may be broken or hostile: adopt()
// checks the descriptor's own size and seals before it maps, judges a copy of the header, and
// never reads the header again. What lies behind the header is not checked by anybody: whoever
// reads it must bound each offset and length it finds before use, on a copy, for the word may
// change between two reads. Nothing has a name, so nothing is left when both processes are gone.
//
// Layout version: kRegionFormat covers the header; `Kind::layout` is the caller's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "base/result.hpp"
#include "base/shared_memory.hpp"
#include "base/unique_fd.hpp"

namespace hotpair {

// What a region holds, and in which version of that.
struct RegionKind {
  std::uint32_t kind = 0;
  std::uint32_t layout = 0;

  friend bool operator==(const RegionKind&, const RegionKind&) = default;
};

// Written whole by the creator before the descriptor can be anywhere else; then never again.
struct RegionHeader {
  std::uint64_t magic;
  std::uint32_t format;
  // Of the page size: the payload begins there, so that it is page-aligned in the file too.
  std::uint32_t header_bytes;
  RegionKind kind;
  std::uint64_t payload_bytes;
  std::uint64_t zero;
  std::uint32_t zero_too;
  // CRC-32C of all before.
  std::uint32_t checksum;
};
static_assert(sizeof(RegionHeader) == 48 && alignof(RegionHeader) == 8);
static_assert(std::is_trivially_copyable_v<RegionHeader>);
static_assert(std::has_unique_object_representations_v<RegionHeader>, "no padding");

// "hotpair" and a zero, read as a number.
inline constexpr std::uint64_t kRegionMagic = 0x00'72'69'61'70'74'6f'68;
inline constexpr std::uint32_t kRegionFormat = 1;
// 64 TiB: half of the addresses that a process has on the common processors.
inline constexpr std::uint64_t kMostRegionBytes = std::uint64_t{1} << 46;

class SharedRegion {
 public:
  // A new region of zeros with room for `payload_bytes`, at least 1. Fails with kSharedMemory and
  // with the bytes that were wanted.
  static Result<SharedRegion> create(RegionKind kind, std::size_t payload_bytes,
                                     Reserve reserve) noexcept;

  // The region that another process made. Fails with kSharedMemory, and closes `fd`, when it is
  // none, of another kind or layout, damaged, not sealed, or has fewer than `least_bytes`.
  static Result<SharedRegion> adopt(UniqueFd fd, RegionKind kind, std::size_t least_bytes) noexcept;

  SharedRegion() noexcept = default;
  ~SharedRegion() { close(); }
  SharedRegion(SharedRegion&& other) noexcept;
  SharedRegion& operator=(SharedRegion&& other) noexcept;
  SharedRegion(const SharedRegion&) = delete;
  SharedRegion& operator=(const SharedRegion&) = delete;

  // Takes the mapping back; every pointer into it is dead. The memory itself lives on while
  // another process has it. Idempotent.
  void close() noexcept;

  // Changes the memory of two regions of one size for each other: this one's pointers stay valid
  // and show what `other` held, header and descriptor included; `other` has this one's former
  // memory, at whatever address. Nothing is copied, and page tables move along, so neither meets
  // a fault for each page afterwards. On an error nothing has changed.
  // Requires: nobody uses either meanwhile, and no page tracker is open on them. Another process
  // that has mapped this one goes on with the memory that it had: hand the new descriptor over.
  Result<void> exchange(SharedRegion& other) noexcept;

  bool is_open() const noexcept { return mapping_ != nullptr; }
  // The payload, page-aligned. Its size is what was asked for at create().
  std::uint8_t* data() const noexcept { return mapping_ + header_bytes_; }
  std::size_t size() const noexcept { return size_; }
  std::span<std::uint8_t> bytes() const noexcept { return {data(), size_}; }
  // For sending it to the other process. Owned by the region.
  const UniqueFd& fd() const noexcept { return fd_; }

  // The T at `offset` of the payload, which the creator has constructed there or which is valid
  // as zeros; null when it does not lie within the payload or is not aligned.
  template <typename T>
  T* at(std::size_t offset) const noexcept {
    static_assert(std::is_trivially_destructible_v<T> && std::is_standard_layout_v<T>);
    if (offset % alignof(T) != 0 || offset > size_ || sizeof(T) > size_ - offset) return nullptr;
    return std::launder(reinterpret_cast<T*>(data() + offset));
  }

 private:
  SharedRegion(UniqueFd fd, std::uint8_t* mapping, std::size_t mapped_bytes) noexcept;

  UniqueFd fd_;
  // Null exactly when closed.
  std::uint8_t* mapping_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  std::size_t header_bytes_ = 0;
  std::size_t size_ = 0;
};

}  // namespace hotpair
