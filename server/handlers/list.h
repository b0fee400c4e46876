// What all list RPCs do alike.
#pragma once

#include <optional>

#include "server/context.h"
#include "storage/list_query.h"

namespace penstock {

// The query of a list request, whichever message it is. INVALID_ARGUMENT as ListQuery::Create.
template <typename Request>
absl::StatusOr<ListQuery> MakeListQuery(const RequestContext& context, const ListResource& resource,
                                        const Request& request, std::optional<ListScope> scope) {
  const ListRequest list = {request.page_size(), request.page_token(), request.sort_by(), request.filter()};
  return ListQuery::Create(resource, list, std::move(scope), context.deps.store.page_token_key());
}

}  // namespace penstock
