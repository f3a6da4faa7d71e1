// Cutting and staging of images: round trips in any order, and every truncation and every
// single-bit flip of a small stream refused without a change.
#include <algorithm>
#include <numeric>

#include "base/little_endian.hpp"
#include "harness.hpp"
#include "snapshot/chunk_layout.hpp"
#include "snapshot/chunk_reader.hpp"
#include "snapshot/chunk_writer.hpp"

namespace {

using namespace hotpair::snapshot;
using Bytes = std::vector<std::uint8_t>;

Bytes random_image(std::size_t size, std::uint64_t salt) {
  std::mt19937_64 random(hotpair::test::seed() ^ salt);
  Bytes image(size);
  for (std::uint8_t& byte : image) byte = static_cast<std::uint8_t>(random());
  return image;
}

std::vector<Bytes> cut(const Bytes& image, std::uint32_t chunk_bytes) {
  std::vector<Bytes> chunks;
  ChunkWriter writer(image, chunk_bytes);
  for (;;) {
    Bytes chunk(writer.next_size());
    if (writer.next(chunk) == 0) return chunks;
    chunks.push_back(std::move(chunk));
  }
}

ChunkReader open_reader(std::size_t size) {
  auto opened = ChunkReader::open(size);
  CHECK(opened.ok());
  return std::move(opened).value();
}

// A chunk with a right sum, whatever it says.
Bytes make_chunk(std::uint64_t offset, const Bytes& data) {
  Bytes chunk(kChunkHeaderBytes);
  hotpair::store_little<std::uint64_t>(chunk.data(), offset);
  hotpair::store_little<std::uint32_t>(&chunk[8], static_cast<std::uint32_t>(data.size()));
  hotpair::store_little<std::uint32_t>(&chunk[12], chunk_sum(chunk, data));
  chunk.insert(chunk.end(), data.begin(), data.end());
  return chunk;
}

void expect_status(PutStatus actual, PutStatus wanted) {
  EXPECT_EQ(static_cast<int>(actual), static_cast<int>(wanted));
}

bool holds(const hotpair::MappedRegion& region, const Bytes& image) {
  return std::equal(image.begin(), image.end(), region.data(), region.data() + region.size());
}

}  // namespace

TEST(an_image_comes_through_at_any_size_and_cut) {
  for (const std::size_t size : {1u, 2u, 15u, 16u, 17u, 4096u, 10'000u}) {
    const Bytes image = random_image(size, size);
    for (const std::uint32_t chunk_bytes : {1u, 7u, 16u, 4096u, 1'000'000u}) {
      ChunkReader reader = open_reader(size);
      const std::vector<Bytes> chunks = cut(image, chunk_bytes);
      EXPECT_EQ(chunks.size(), (size + chunk_bytes - 1) / chunk_bytes);
      for (const Bytes& chunk : chunks) {
        EXPECT(!reader.is_complete());
        expect_status(reader.put(chunk),
                      &chunk == &chunks.back() ? PutStatus::kComplete : PutStatus::kOk);
      }
      REQUIRE(reader.is_complete());
      EXPECT(holds(reader.take(), image));
    }
  }
}

TEST(an_empty_image_has_no_chunks) { EXPECT(cut(Bytes{}, 10).empty()); }

TEST(chunks_come_in_any_order_and_none_twice) {
  const Bytes image = random_image(5000, 1);
  std::mt19937_64 random(hotpair::test::seed());
  for (int round = 0; round < 100; ++round) {
    std::vector<Bytes> chunks = cut(image, 37);
    std::shuffle(chunks.begin(), chunks.end(), random);
    ChunkReader reader = open_reader(image.size());
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const bool is_last = i + 1 == chunks.size();
      expect_status(reader.put(chunks[i]), is_last ? PutStatus::kComplete : PutStatus::kOk);
      expect_status(reader.put(chunks[random() % (i + 1)]), PutStatus::kOverlap);
    }
    EXPECT(holds(reader.take(), image));
  }
}

TEST(a_chunk_that_overlaps_in_part_changes_nothing) {
  const Bytes image(100, 1);
  ChunkReader reader = open_reader(100);
  expect_status(reader.put(make_chunk(40, Bytes(20, 1))), PutStatus::kOk);
  for (const std::uint64_t offset : {21u, 30u, 40u, 45u, 59u}) {
    expect_status(reader.put(make_chunk(offset, Bytes(20, 9))), PutStatus::kOverlap);
  }
  expect_status(reader.put(make_chunk(0, Bytes(100, 9))), PutStatus::kOverlap);
  expect_status(reader.put(make_chunk(45, Bytes(5, 9))), PutStatus::kOverlap);
  expect_status(reader.put(make_chunk(60, Bytes(40, 1))), PutStatus::kOk);
  expect_status(reader.put(make_chunk(0, Bytes(40, 1))), PutStatus::kComplete);
  EXPECT(holds(reader.take(), image));
}

TEST(a_chunk_outside_of_the_image_is_refused) {
  ChunkReader reader = open_reader(100);
  constexpr std::uint64_t kLast = ~std::uint64_t{0};
  for (const std::uint64_t offset : {std::uint64_t{91}, std::uint64_t{100}, kLast, kLast - 9}) {
    expect_status(reader.put(make_chunk(offset, Bytes(10, 9))), PutStatus::kOutside);
  }
  expect_status(reader.put(make_chunk(0, Bytes(101, 9))), PutStatus::kOutside);
  expect_status(reader.put(make_chunk(90, Bytes(10, 1))), PutStatus::kOk);
}

TEST(an_empty_chunk_is_refused) {
  ChunkReader reader = open_reader(100);
  expect_status(reader.put(make_chunk(10, Bytes{})), PutStatus::kCorrupt);
}

TEST(the_number_of_holes_is_bounded) {
  constexpr std::size_t kMost = ChunkReader::kMostRanges;
  ChunkReader reader = open_reader(4 * kMost);
  for (std::size_t i = 0; i < kMost; ++i) {
    expect_status(reader.put(make_chunk(2 * i, Bytes(1, 5))), PutStatus::kOk);
  }
  expect_status(reader.put(make_chunk(3 * kMost, Bytes(1, 5))), PutStatus::kOutside);
  // One that fills a hole is welcome.
  expect_status(reader.put(make_chunk(1, Bytes(1, 5))), PutStatus::kOk);
  expect_status(reader.put(make_chunk(3 * kMost, Bytes(1, 5))), PutStatus::kOk);
}

TEST(every_truncation_and_every_flipped_bit_is_refused) {
  const Bytes image = random_image(100, 2);
  const std::vector<Bytes> chunks = cut(image, 40);
  ChunkReader reader = open_reader(image.size());
  for (const Bytes& chunk : chunks) {
    for (std::size_t length = 0; length < chunk.size(); ++length) {
      expect_status(reader.put(std::span(chunk).first(length)), PutStatus::kCorrupt);
    }
    for (std::size_t bit = 0; bit < 8 * chunk.size(); ++bit) {
      Bytes bad = chunk;
      bad[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      expect_status(reader.put(bad), PutStatus::kCorrupt);
    }
    Bytes longer = chunk;
    longer.push_back(0);
    expect_status(reader.put(longer), PutStatus::kCorrupt);
    EXPECT(!reader.is_complete());
    expect_status(reader.put(chunk),
                  &chunk == &chunks.back() ? PutStatus::kComplete : PutStatus::kOk);
  }
  EXPECT(holds(reader.take(), image));
}

TEST(a_staging_that_cannot_be_had_is_an_error) {
  const auto opened = ChunkReader::open(std::size_t{1} << 62);
  REQUIRE(!opened.ok());
  EXPECT(opened.error().code == hotpair::ErrorCode::kNoMemory);
}

TEST_MAIN()
