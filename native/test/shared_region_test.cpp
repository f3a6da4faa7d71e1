// Regions that two processes share: what the maker writes the other reads, and everything that is
// not exactly a region of the expected kind is refused before it is touched.
#include "base/shared_region.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string_view>
#include <thread>

#include "base/free_memory.hpp"
#include "harness.hpp"
#include "local_folder.hpp"

using namespace hotpair;
using hotpair::test::open_descriptors;

namespace {

constexpr RegionKind kKind{0x7e57, 3};

SharedRegion made(std::size_t bytes, Reserve reserve = Reserve::kOnWrite) {
  Result<SharedRegion> region = SharedRegion::create(kKind, bytes, reserve);
  CHECK(region.ok());
  return std::move(region).value();
}

UniqueFd copy_of(const UniqueFd& fd) { return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)); }

Result<SharedRegion> adopted(const SharedRegion& region, RegionKind kind = kKind,
                             std::size_t least = 1) {
  return SharedRegion::adopt(copy_of(region.fd()), kind, least);
}

// The whole file, header included, as a neighbour with the descriptor can write it.
struct RawMapping {
  explicit RawMapping(const UniqueFd& fd) {
    struct stat facts{};
    CHECK(::fstat(fd.get(), &facts) == 0);
    size = static_cast<std::size_t>(facts.st_size);
    void* mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    CHECK(mapped != MAP_FAILED);
    data = static_cast<std::uint8_t*>(mapped);
  }
  ~RawMapping() { ::munmap(data, size); }
  RawMapping(const RawMapping&) = delete;
  RawMapping& operator=(const RawMapping&) = delete;

  std::uint8_t* data;
  std::size_t size;
};

void expect_refused(const Result<SharedRegion>& result, std::string_view words) {
  REQUIRE(!result.ok());
  EXPECT(result.error().code == ErrorCode::kSharedMemory);
  const bool says_it =
      std::string_view(result.error().action).find(words) != std::string_view::npos;
  EXPECT(says_it);
  if (!says_it) std::cerr << "  it says: " << result.error().action << "\n";
}

// A limit of this process, put back at the end.
struct Limit {
  Limit(int which, rlim_t value) : which_(static_cast<Which>(which)) {
    CHECK(::getrlimit(which_, &former_) == 0);
    const rlimit lower{value, former_.rlim_max};
    CHECK(::setrlimit(which_, &lower) == 0);
  }
  ~Limit() { ::setrlimit(which_, &former_); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
#if defined(__GLIBC__)
  using Which = __rlimit_resource;
#else
  using Which = int;
#endif
  Which which_;
  rlimit former_{};
};

}  // namespace

TEST(a_region_begins_as_zeros_and_both_sides_see_each_others_writes) {
  for (const std::size_t bytes : {std::size_t{1}, page_size(), 3 * page_size() + 5}) {
    for (const Reserve reserve : {Reserve::kOnWrite, Reserve::kNow}) {
      const SharedRegion mine = made(bytes, reserve);
      const Result<SharedRegion> theirs = adopted(mine);
      REQUIRE(theirs.ok());
      REQUIRE(mine.size() == bytes && theirs.value().size() == bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mine.data()) % page_size(), 0u);
      for (const std::uint8_t byte : theirs.value().bytes()) EXPECT_EQ(byte, 0);
      mine.bytes().back() = 7;
      EXPECT_EQ(theirs.value().bytes().back(), 7);
      theirs.value().bytes().front() = 9;
      EXPECT_EQ(mine.bytes().front(), 9);
    }
  }
}

TEST(another_process_sees_it_and_it_outlives_its_maker) {
  SharedRegion mine = made(4096);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::memcpy(mine.data(), "from the child", 15);
    ::_exit(0);
  }
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  EXPECT(std::strcmp(reinterpret_cast<const char*>(mine.data()), "from the child") == 0);
  const Result<SharedRegion> theirs = adopted(mine);
  mine.close();
  mine.close();
  EXPECT(!mine.is_open());
  REQUIRE(theirs.ok());
  EXPECT(std::strcmp(reinterpret_cast<const char*>(theirs.value().data()), "from the child") == 0);
}

TEST(another_kind_layout_or_size_is_refused) {
  const SharedRegion region = made(1000);
  expect_refused(adopted(region, {kKind.kind + 1, kKind.layout}), "another kind");
  expect_refused(adopted(region, {kKind.kind, kKind.layout + 1}), "another layout");
  expect_refused(adopted(region, kKind, 1001), "smaller");
  EXPECT(adopted(region, kKind, 1000).ok());
}

TEST(every_flipped_bit_of_the_header_is_refused) {
  const SharedRegion region = made(1000);
  const RawMapping raw(region.fd());
  for (std::size_t bit = 0; bit < sizeof(RegionHeader) * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
    raw.data[bit / 8] ^= mask;
    EXPECT(!adopted(region).ok());
    raw.data[bit / 8] ^= mask;
  }
  EXPECT(adopted(region).ok());
}

TEST(a_header_that_lies_about_its_size_with_a_right_check_sum_is_refused) {
  const SharedRegion region = made(3 * page_size());
  const SharedRegion larger = made(4 * page_size());
  const SharedRegion smaller = made(2 * page_size());
  const RawMapping raw(region.fd());
  for (const SharedRegion* other : {&larger, &smaller}) {
    const RawMapping source(other->fd());
    std::memcpy(raw.data, source.data, sizeof(RegionHeader));
    expect_refused(adopted(region), "another size");
  }
}

TEST(a_header_rewritten_while_it_is_adopted_or_used_moves_nothing) {
  const SharedRegion region = made(1000);
  const RawMapping raw(region.fd());
  RegionHeader good{};
  std::memcpy(&good, raw.data, sizeof good);
  std::atomic<bool> is_done{false};
  std::thread hostile([&] {
    std::mt19937_64 random(test::seed());
    auto* words = reinterpret_cast<std::atomic<std::uint64_t>*>(raw.data);
    std::uint64_t right[sizeof(RegionHeader) / 8];
    std::memcpy(right, &good, sizeof right);
    while (!is_done.load()) {
      const std::size_t index = random() % std::size(right);
      words[index].store(random());
      words[index].store(right[index]);
    }
  });
  int adopted_count = 0;
  for (int i = 0; i < 2000; ++i) {
    const Result<SharedRegion> theirs = adopted(region);
    if (!theirs.ok()) continue;
    ++adopted_count;
    EXPECT_EQ(theirs.value().size(), 1000u);
  }
  is_done.store(true);
  hostile.join();
  EXPECT_EQ(region.size(), 1000u);
  EXPECT(adopted(region).ok());
  std::cout << "  adopted " << adopted_count << " of 2000 times\n";
}

TEST(what_is_no_shared_memory_is_refused_and_closed) {
  const int before = open_descriptors();
  int ends[2];
  CHECK(::pipe(ends) == 0);
  CHECK(::close(ends[1]) == 0);
  EXPECT(!SharedRegion::adopt(UniqueFd(ends[0]), kKind, 1).ok());
  EXPECT(!SharedRegion::adopt(UniqueFd(::open("/dev/zero", O_RDWR)), kKind, 1).ok());
  EXPECT(!SharedRegion::adopt(UniqueFd(::open("/proc/self/exe", O_RDONLY)), kKind, 1).ok());
  EXPECT(!SharedRegion::adopt(UniqueFd(), kKind, 1).ok());
  EXPECT_EQ(open_descriptors(), before);
}

#if defined(__linux__) && !defined(HOTPAIR_USE_POLL)
TEST(a_region_cannot_be_truncated_and_one_that_could_be_is_refused) {
  const SharedRegion region = made(3 * page_size());
  EXPECT(::ftruncate(region.fd().get(), 0) != 0);
  EXPECT(::ftruncate(region.fd().get(), 1 << 20) != 0);
  // The same bytes in a memfd without seals.
  UniqueFd loose(::memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const RawMapping source(region.fd());
  CHECK(::ftruncate(loose.get(), static_cast<off_t>(source.size)) == 0);
  std::memcpy(RawMapping(loose).data, source.data, source.size);
  expect_refused(SharedRegion::adopt(copy_of(loose), kKind, 1), "not sealed");
  CHECK(::fcntl(loose.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
  EXPECT(SharedRegion::adopt(std::move(loose), kKind, 1).ok());
}

TEST(a_sealed_memory_of_an_odd_size_is_refused) {
  const SharedRegion region = made(3 * page_size());
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, page_size(), 2 * page_size(),
                                  2 * page_size() + 1, std::size_t{1} << 62}) {
    UniqueFd odd(::memfd_create("odd", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    CHECK(::ftruncate(odd.get(), static_cast<off_t>(bytes)) == 0);
    CHECK(::fcntl(odd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
    EXPECT(!SharedRegion::adopt(std::move(odd), kKind, 1).ok());
  }
}

TEST(a_reserve_that_the_machine_cannot_give_fails_at_once) {
  const Result<SharedRegion> region =
      SharedRegion::create(kKind, std::size_t{1} << 45, Reserve::kNow);
  REQUIRE(!region.ok());
  EXPECT(region.error().code == ErrorCode::kSharedMemory);
  EXPECT_EQ(region.error().os_error, ENOMEM);
  EXPECT(region.error().wanted_bytes >= std::uint64_t{1} << 45);
}

TEST(the_room_in_a_control_group_is_its_limit_less_what_cannot_be_taken_back) {
  const test::LocalFolder folder;
  const auto write = [&](const char* name, const char* text) {
    const UniqueFd file(::open(folder.file(name).c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600));
    CHECK(::write(file.get(), text, std::strlen(text)) == static_cast<ssize_t>(std::strlen(text)));
  };
  EXPECT_EQ(room_in_group(folder.path.c_str()), UINT64_MAX);
  write("memory.max", "max\n");
  EXPECT_EQ(room_in_group(folder.path.c_str()), UINT64_MAX);
  write("memory.max", "1000\n");
  EXPECT_EQ(room_in_group(folder.path.c_str()), 1000u);
  write("memory.current", "700\n");
  EXPECT_EQ(room_in_group(folder.path.c_str()), 300u);
  write("memory.stat", "anon 100\nfile 600\nkernel 0\nshmem 200\nfile_mapped 9\n");
  EXPECT_EQ(room_in_group(folder.path.c_str()), 700u);
  write("memory.max", "200\n");
  EXPECT_EQ(room_in_group(folder.path.c_str()), 0u);
  EXPECT(room_in_group("/nowhere") == UINT64_MAX);
}

TEST(what_is_free_can_be_told_here) {
  EXPECT(free_memory() > 0);
  EXPECT(free_memory() < UINT64_MAX);
}

TEST(a_reserve_holds_its_pages_and_without_it_none) {
  for (const Reserve reserve : {Reserve::kOnWrite, Reserve::kNow}) {
    const SharedRegion region = made(std::size_t{40} << 20, reserve);
    struct stat facts{};
    CHECK(::fstat(region.fd().get(), &facts) == 0);
    const bool is_held = facts.st_blocks * 512 >= (40 << 20);
    EXPECT_EQ(is_held, reserve == Reserve::kNow);
  }
}
#endif

TEST(limits_of_the_process_are_told_with_the_bytes_that_were_wanted) {
  const SharedRegion region = made(100);
  {
    const Limit files(RLIMIT_NOFILE, static_cast<rlim_t>(copy_of(region.fd()).get()));
    const Result<SharedRegion> refused = SharedRegion::create(kKind, 100, Reserve::kOnWrite);
    REQUIRE(!refused.ok());
    EXPECT(refused.error().code == ErrorCode::kSharedMemory);
    EXPECT_EQ(refused.error().os_error, EMFILE);
    EXPECT_EQ(refused.error().wanted_bytes, 2 * page_size());
  }
#if defined(__linux__) && !defined(HOTPAIR_USE_POLL)
  {
    // Without the look ahead this is a signal that ends the process.
    const Limit size(RLIMIT_FSIZE, 1 << 20);
    expect_refused(SharedRegion::create(kKind, 2 << 20, Reserve::kOnWrite), "ulimit -f");
  }
#endif
  EXPECT(SharedRegion::create(kKind, 2 << 20, Reserve::kOnWrite).ok());
  expect_refused(SharedRegion::create(kKind, std::size_t{1} << 60, Reserve::kOnWrite), "64 TiB");
}

TEST(only_what_lies_within_the_payload_and_is_aligned_has_an_address) {
  const SharedRegion region = made(64);
  EXPECT(region.at<std::uint64_t>(0) != nullptr);
  EXPECT(region.at<std::uint64_t>(56) != nullptr);
  EXPECT(region.at<std::uint64_t>(57) == nullptr);
  EXPECT(region.at<std::uint64_t>(4) == nullptr);
  EXPECT(region.at<std::uint64_t>(64) == nullptr);
  EXPECT(region.at<std::uint64_t>(~std::size_t{7}) == nullptr);
  EXPECT(region.at<std::uint8_t>(63) != nullptr);
}

TEST(no_descriptor_is_left_behind) {
  const int before = open_descriptors();
  {
    SharedRegion region = made(100);
    SharedRegion moved = std::move(region);
    region = made(200);
    moved = std::move(region);
    EXPECT_EQ(moved.size(), 200u);
    EXPECT(adopted(moved).ok());
    EXPECT(!adopted(moved, {0, 0}).ok());
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_MAIN()
