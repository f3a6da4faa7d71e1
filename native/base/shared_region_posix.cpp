// Maps shared memory and writes or judges its header; see shared_region.hpp.
//
// The header is read through atomic words into a copy, because the other process may write it at
// the same time, and only the copy is judged. mmap comes after the checks of size and seals: a
// mapping beyond the end of a file is SIGBUS at the first access.
#include <errno.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/crc32c.hpp"
#include "base/shared_region.hpp"

namespace hotpair {
namespace {

constexpr std::size_t kHeaderWords = sizeof(RegionHeader) / sizeof(std::uint64_t);
using HeaderWords = std::atomic<std::uint64_t>[kHeaderWords];
static_assert(sizeof(HeaderWords) == sizeof(RegionHeader));
static_assert(sizeof(RegionHeader) % sizeof(std::uint64_t) == 0);

Error refused(const char* action, int os_error = 0, std::uint64_t bytes = 0) noexcept {
  return Error{ErrorCode::kSharedMemory, action, os_error, bytes};
}

std::uint32_t checksum_of(const RegionHeader& header) noexcept {
  std::array<std::uint8_t, offsetof(RegionHeader, checksum)> bytes;
  std::memcpy(bytes.data(), &header, bytes.size());
  return crc32c(bytes);
}

HeaderWords& words_at(std::uint8_t* mapping) noexcept {
  return *std::launder(reinterpret_cast<HeaderWords*>(mapping));
}

void write_header(std::uint8_t* mapping, RegionKind kind, std::size_t payload_bytes) noexcept {
  RegionHeader header{kRegionMagic,
                      kRegionFormat,
                      static_cast<std::uint32_t>(page_size()),
                      kind,
                      payload_bytes,
                      0,
                      0,
                      0};
  header.checksum = checksum_of(header);
  std::uint64_t words[kHeaderWords];
  std::memcpy(words, &header, sizeof header);
  // relaxed: nobody else has the descriptor yet, and handing it over is a system call.
  for (std::size_t i = 0; i < kHeaderWords; ++i) {
    words_at(mapping)[i].store(words[i], std::memory_order_relaxed);
  }
}

RegionHeader copy_header(std::uint8_t* mapping) noexcept {
  std::uint64_t words[kHeaderWords];
  // relaxed: see write_header(); torn by a hostile writer, the check sum refuses it.
  for (std::size_t i = 0; i < kHeaderWords; ++i) {
    words[i] = words_at(mapping)[i].load(std::memory_order_relaxed);
  }
  RegionHeader header;
  std::memcpy(&header, words, sizeof header);
  return header;
}

// Null, or what is wrong with the header of a region of `mapped_bytes`.
const char* fault_of(const RegionHeader& header, RegionKind kind,
                     std::size_t mapped_bytes) noexcept {
  if (header.magic != kRegionMagic) return "the shared memory was not made by hotpair";
  if (header.format != kRegionFormat) return "the shared memory has another format than this build";
  if (header.checksum != checksum_of(header)) return "the header of the shared memory is damaged";
  if (header.kind.kind != kind.kind) return "the shared memory is of another kind";
  if (header.kind.layout != kind.layout) {
    return "the shared memory has another layout than this build";
  }
  if (header.header_bytes != page_size() || header.zero != 0 || header.zero_too != 0) {
    return "the header of the shared memory is not as this build writes it";
  }
  const std::size_t room = mapped_bytes - header.header_bytes;
  if (header.payload_bytes == 0 || header.payload_bytes > room ||
      room - header.payload_bytes >= page_size()) {
    return "the shared memory has another size than its header says";
  }
  return nullptr;
}

Result<std::uint8_t*> map(const UniqueFd& fd, std::size_t bytes) noexcept {
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) return refused("mapping shared memory", errno, bytes);
  return static_cast<std::uint8_t*>(data);
}

}  // namespace

SharedRegion::SharedRegion(UniqueFd fd, std::uint8_t* mapping, std::size_t mapped_bytes) noexcept
    : fd_(std::move(fd)), mapping_(mapping), mapped_bytes_(mapped_bytes) {}

Result<SharedRegion> SharedRegion::create(RegionKind kind, std::size_t payload_bytes,
                                          Reserve reserve) noexcept {
  CHECK(payload_bytes > 0);
  if (payload_bytes > kMostRegionBytes) {
    return refused("making shared memory larger than 64 TiB", EINVAL, payload_bytes);
  }
  const std::size_t page = page_size();
  const std::size_t mapped_bytes = page + (payload_bytes + page - 1) / page * page;
  Result<UniqueFd> made = create_shared_memory(mapped_bytes, reserve);
  if (!made.ok()) return made.error();
  const Result<std::uint8_t*> mapping = map(made.value(), mapped_bytes);
  if (!mapping.ok()) return mapping.error();
  SharedRegion region(std::move(made).value(), mapping.value(), mapped_bytes);
  write_header(region.mapping_, kind, payload_bytes);
  region.header_bytes_ = page;
  region.size_ = payload_bytes;
  return region;
}

Result<SharedRegion> SharedRegion::adopt(UniqueFd fd, RegionKind kind,
                                         std::size_t least_bytes) noexcept {
  const Result<std::size_t> size = shared_memory_size(fd);
  if (!size.ok()) return size.error();
  const std::size_t page = page_size();
  if (size.value() < 2 * page || size.value() % page != 0 ||
      size.value() > kMostRegionBytes + 2 * page) {
    return refused("the shared memory has a size that no region has");
  }
  const Result<std::uint8_t*> mapping = map(fd, size.value());
  if (!mapping.ok()) return mapping.error();
  SharedRegion region(std::move(fd), mapping.value(), size.value());
  const RegionHeader header = copy_header(region.mapping_);
  const char* fault = fault_of(header, kind, region.mapped_bytes_);
  if (fault != nullptr) return refused(fault);
  if (header.payload_bytes < least_bytes) {
    return refused("the shared memory is smaller than what it shall hold", 0, least_bytes);
  }
  region.header_bytes_ = page;
  region.size_ = header.payload_bytes;
  return region;
}

SharedRegion::SharedRegion(SharedRegion&& other) noexcept
    : fd_(std::move(other.fd_)),
      mapping_(std::exchange(other.mapping_, nullptr)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)),
      header_bytes_(std::exchange(other.header_bytes_, 0)),
      size_(std::exchange(other.size_, 0)) {}

SharedRegion& SharedRegion::operator=(SharedRegion&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::move(other.fd_);
    mapping_ = std::exchange(other.mapping_, nullptr);
    mapped_bytes_ = std::exchange(other.mapped_bytes_, 0);
    header_bytes_ = std::exchange(other.header_bytes_, 0);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void SharedRegion::close() noexcept {
  fd_.reset();
  if (mapping_ == nullptr) return;
  CHECK(::munmap(mapping_, mapped_bytes_) == 0);
  mapping_ = nullptr;
  mapped_bytes_ = header_bytes_ = size_ = 0;
}

}  // namespace hotpair
