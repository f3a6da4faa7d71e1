// Counters and histograms of the beats: the buckets by their bounds, and what a path is charged
// with.
#include "heartbeat/beat_statistics.hpp"

#include <memory>
#include <random>

#include "harness.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;

namespace {

constexpr Timing kTiming{Nanos::millis(100), Nanos::millis(500)};

constexpr Instant at(std::int64_t millis) { return Instant{} + Nanos::millis(millis); }

// The least value that is too long for a bucket, by the words of the header and not by its code.
std::uint64_t bound_of(std::size_t bucket) {
  std::uint64_t bound = 0;
  for (std::size_t i = 0; i <= bucket; ++i) {
    bound += i < 16 ? 1 : std::uint64_t{2} << ((i - 16) / 8);
  }
  return bound;
}

std::uint64_t sum_of(const Histogram& histogram) {
  std::uint64_t sum = 0;
  for (const Count& each : histogram.buckets) sum += each.value();
  return sum;
}

Beat beat_of(std::uint64_t number, std::uint32_t flags = flag::kRegular) {
  Beat beat;
  beat.beat_no = number;
  beat.flags = flags;
  return beat;
}

struct Path {
  std::unique_ptr<PathStatistics> is = std::make_unique<PathStatistics>();
  Arrivals arrivals;
  void hear(const Beat& beat, Instant now) { arrivals.note(beat, now, kTiming, *is); }
};

}  // namespace

TEST(each_value_falls_into_the_bucket_that_its_bounds_say) {
  EXPECT_EQ(Histogram::kBuckets, 176u);
  EXPECT_EQ(bound_of(Histogram::kBuckets - 1), std::uint64_t{1} << 24);
  std::uint64_t below = 0;
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    const std::uint64_t bound = bound_of(bucket);
    EXPECT_EQ(Histogram::bucket_of(below), bucket);
    EXPECT_EQ(Histogram::bucket_of(bound - 1), bucket);
    below = bound;
  }
  EXPECT_EQ(Histogram::bucket_of(below), Histogram::kBuckets - 1);
  EXPECT_EQ(Histogram::bucket_of(UINT64_MAX), Histogram::kBuckets - 1);
}

TEST(a_histogram_counts_every_sample_and_knows_the_longest) {
  const auto histogram = std::make_unique<Histogram>();
  std::mt19937_64 random(hotpair::test::seed());
  std::uint64_t longest = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t nanos = random() >> (20 + random() % 40);
    longest = std::max(longest, nanos);
    histogram->add(Nanos{static_cast<std::int64_t>(nanos)});
  }
  EXPECT_EQ(sum_of(*histogram), 10'000u);
  EXPECT_EQ(histogram->longest.value(), longest);
}

TEST(gaps_in_the_numbers_are_losses_and_what_was_overtaken_is_none) {
  Path path;
  for (const std::uint64_t number : {41, 42, 45, 46}) path.hear(beat_of(number), at(1));
  EXPECT_EQ(path.is->heard.value(), 4u);
  EXPECT_EQ(path.is->lost.value(), 2u);
  path.hear(beat_of(43), at(2));
  EXPECT_EQ(path.is->heard.value(), 5u);
  EXPECT_EQ(path.is->lost.value(), 1u);
  // Another sender counts from wherever it is.
  path.arrivals.reset();
  path.hear(beat_of(1000), at(3));
  EXPECT_EQ(path.is->lost.value(), 1u);
}

TEST(jitter_is_between_regular_beats_in_a_row_alone) {
  Path path;
  path.hear(beat_of(1), at(1000));
  path.hear(beat_of(2), at(1103));
  EXPECT_EQ(path.is->jitter.buckets[Histogram::bucket_of(3000)].value(), 1u);
  EXPECT_EQ(path.is->jitter.longest.value(), 3'000'000u);
  path.hear(beat_of(3), at(1195));
  EXPECT_EQ(path.is->jitter.buckets[Histogram::bucket_of(8000)].value(), 1u);
  // Sent for a reason, between two points of the schedule; then a loss.
  path.hear(beat_of(4, 0), at(1230));
  path.hear(beat_of(5), at(1295));
  path.hear(beat_of(7), at(1495));
  EXPECT_EQ(sum_of(path.is->jitter), 2u);
  EXPECT_EQ(path.is->late.value(), 0u);
  path.hear(beat_of(8), at(1645));
  EXPECT_EQ(path.is->late.value(), 0u);
  path.hear(beat_of(9), at(1796));
  EXPECT_EQ(path.is->late.value(), 1u);
  EXPECT_EQ(sum_of(path.is->jitter), 4u);
}

TEST_MAIN()
