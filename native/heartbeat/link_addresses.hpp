// Where the other end of a link is to be found. Alone in its file, because it also lies in the
// words that a server writes and a beat thread reads, and those know nothing of sockets. It may
// name nobody: a length of 0 is no address.
#pragma once

#include "heartbeat/socket.hpp"

namespace hotpair::heartbeat {

struct LinkAddresses {
  Address peer;
  // The peer's data port, probed by connects only.
  Address peer_data;
};

}  // namespace hotpair::heartbeat
