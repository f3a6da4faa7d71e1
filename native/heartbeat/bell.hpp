// Bell: how a beat thread tells a server that its board has news. It carries no payload, for all
// news stands on the board; whoever is rung looks there. It may ring for nothing, and many rings
// may be one.
#pragma once

namespace hotpair::heartbeat {

// Called by the beat thread, after what it had to send.
struct Bell {
  void (*ring)(void* context) noexcept;
  void* context;
};

}  // namespace hotpair::heartbeat
