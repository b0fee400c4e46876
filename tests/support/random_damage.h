// Random damage to texts, for tests that anything may be read.
#pragma once

#include <cstddef>
#include <string>

namespace penstock {

// Erases, inserts or overwrites `times` times at random places. `below(n)` draws from 0 to n - 1, `noise()`
// gives what is inserted.
template <typename Below, typename Noise>
void Damage(size_t times, Below below, Noise noise, std::string* text) {
  for (size_t i = times; i > 0 && !text->empty(); --i) {
    const size_t at = below(text->size());
    switch (below(3)) {
      case 0:
        text->erase(at, 1 + below(4));
        break;
      case 1:
        text->insert(at, noise());
        break;
      default:
        (*text)[at] = static_cast<char>(below(256));
    }
  }
}

}  // namespace penstock
