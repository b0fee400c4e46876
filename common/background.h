// Work that nobody waits for gives way to what somebody does.
#pragma once

namespace penstock {

// The calling thread gets processors and disks only when other threads leave them, from now on. Where the system does not
// let it, nothing changes.
void BecomeBackground();

}  // namespace penstock
