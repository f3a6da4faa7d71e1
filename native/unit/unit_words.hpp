// UnitWords: the region that a server and its unit share: the vow on the server's life, and all
// that it and the beat thread say to each other. The unit makes it, one for each server that comes,
// and both sides have the same layout or none.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/shared_region.hpp"
#include "base/units.hpp"
#include "heartbeat/pair_words.hpp"
#include "vigil/vow_layout.hpp"

namespace hotpair::unit {

struct UnitWords {
  explicit UnitWords(BootInstant opened_at) noexcept : pair(opened_at) {}

  vigil::VowWords vow;
  heartbeat::PairWords pair;
};
static_assert(std::is_standard_layout_v<UnitWords>);
static_assert(std::is_trivially_destructible_v<UnitWords>);

// Both layouts make that of the whole.
inline constexpr RegionKind kUnitRegion{1, heartbeat::kPairWordsLayout * 1'000 + vigil::kVowLayout};

}  // namespace hotpair::unit
