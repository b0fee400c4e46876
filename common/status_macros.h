// RETURN_IF_ERROR and ASSIGN_OR_RETURN, in the shape of newer Abseil, so that they can be dropped when Debian
// has it.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define PENSTOCK_CONCAT_INNER(a, b) a##b
#define PENSTOCK_CONCAT(a, b) PENSTOCK_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expr)                    \
  do {                                           \
    absl::Status penstock_status_macro = (expr); \
    if (!penstock_status_macro.ok()) {           \
      return penstock_status_macro;              \
    }                                            \
  } while (false)

#define ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                          \
  if (!tmp.ok()) {                            \
    return std::move(tmp).status();           \
  }                                           \
  lhs = std::move(tmp).value()

#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_IMPL(PENSTOCK_CONCAT(penstock_statusor_, __LINE__), lhs, expr)
