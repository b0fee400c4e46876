#include "server/handlers/content_removal.h"

#include "common/status_macros.h"
#include "server/convert/content_removal.h"
#include "storage/content_removal_store.h"

namespace penstock {

absl::Status ContentRemovalList(RequestContext& context,
                                const penstock::v1::ListContentRemovalsRequest& request,
                                penstock::v1::ListContentRemovalsResponse* reply) {
  const bool first = request.page_token().empty() && request.sort_by().empty();
  const ListRequest list = {request.page_size(), request.page_token(),
                            first ? "created_at desc" : request.sort_by(), request.filter()};
  ASSIGN_OR_RETURN(const ListQuery query, ListQuery::Create(ContentRemovalResource(), list, std::nullopt,
                                                            context.deps.store.page_token_key()));
  Page<ContentRemovalRow> page;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) { return ContentRemovalList(tx, query, page); }));
  for (const ContentRemovalRow& row : page.rows) ToApi(row, reply->add_content_removals());
  reply->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

absl::Status ContentRemovalGet(RequestContext& context, const penstock::v1::GetContentRemovalRequest& request,
                               penstock::v1::ContentRemoval* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const ContentRemovalRow row, ContentRemovalGet(tx, request.run_id()));
    reply->Clear();
    ToApi(row, reply);
    return absl::OkStatus();
  });
}

}  // namespace penstock
